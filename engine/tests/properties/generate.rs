//! Pathways from a tape of random numbers: a shorter tape is a simpler pathway, so that failures
//! shrink.

use super::model::{Block, Each, OnError, Once, Pathway, Read, Repeat, Step, Sum, Term, Test, Verb};

/// Numbers that decide; zeros once it has run out.
#[derive(Debug)]
pub(crate) struct Tape {
    numbers: std::vec::IntoIter<u16>,
}

impl Tape {
    pub(crate) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers: numbers.into_iter() }
    }

    fn below(&mut self, bound: u16) -> u16 {
        self.numbers.next().unwrap_or(0) % bound
    }

    /// True in `part` of a hundred cases, never at the end of the tape.
    fn chance(&mut self, part: u16) -> bool {
        self.below(100) + part >= 100
    }
}

/// What can be read at a place.
#[derive(Debug, Clone, Default)]
struct Context {
    depth: usize,
    steps: Vec<(String, usize, Read)>,
    items: Vec<String>,
    last: Option<Read>,
    has_error: bool,
}

#[derive(Debug)]
struct Generator {
    tape: Tape,
    names: u32,
    /// Steps that may still be made.
    budget: u32,
}

/// A pathway.
pub(crate) fn pathway(numbers: Vec<u16>) -> Pathway {
    let mut generator = Generator { tape: Tape::new(numbers), names: 0, budget: 30 };
    let max_parallel = 1 + u32::from(generator.tape.below(4));
    let mut body = generator.block(&Context::default(), 12);
    // Whatever came out wrong shows in the end.
    let steps = body.steps.iter().filter(|step| !step.verb.is_guard());
    let terms = steps.map(|step| Term::Step { name: step.name.clone(), depth: 0, read: step.read() });
    body.returns = Some(Sum { constant: 1, terms: terms.collect() });
    let on_error = generator.tape.chance(25).then(|| {
        let context = Context { depth: 1, has_error: true, ..Context::default() };
        generator.block(&context, 2)
    });
    Pathway { max_parallel, body, on_error }
}

impl Generator {
    fn block(&mut self, around: &Context, most: u16) -> Block {
        let mut context = around.clone();
        let count = self.tape.below(most + 1).max(self.tape.below(most + 1));
        let mut block = Block::default();
        for _ in 0..count {
            if self.budget == 0 {
                break;
            }
            self.budget -= 1;
            let step = self.step(&context, &block);
            if !step.verb.is_guard() {
                context.steps.push((step.name.clone(), context.depth, step.read()));
            }
            block.steps.push(step);
        }
        block.written = self.shuffle(&block.steps);
        block.returns = self.tape.chance(80).then(|| self.sum(&context));
        block
    }

    /// An order that leaves guards where they are, and so what is before and after them.
    fn shuffle(&mut self, steps: &[Step]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..steps.len()).collect();
        for n in 1..order.len() {
            let other = usize::from(self.tape.below(u16::try_from(n + 1).unwrap()));
            let (from, to) = (other.min(n), other.max(n));
            if !steps[from..=to].iter().any(|step| step.verb.is_guard()) {
                order.swap(from, to);
            }
        }
        order
    }

    fn sum(&mut self, context: &Context) -> Sum {
        let constant = i64::from(self.tape.below(50));
        let count = self.tape.below(4);
        let terms = (0..count).filter_map(|_| self.term(context)).collect();
        Sum { constant, terms }
    }

    fn test(&mut self, context: &Context, often: u16) -> Test {
        let divisible = !self.tape.chance(often);
        Test { sum: self.sum(context), divisible }
    }

    fn term(&mut self, context: &Context) -> Option<Term> {
        match self.tape.below(10) {
            4 | 5 if context.has_error => Some(Term::Error),
            6 => Some(Term::Item(context.items.last()?.clone())),
            7 => context.items.last().map(|_| Term::Index),
            8 => context.last.map(Term::Last),
            9 => context.has_error.then_some(Term::Error),
            _ => {
                let n = u16::try_from(context.steps.len()).unwrap();
                if n == 0 {
                    return None;
                }
                let (name, depth, read) = context.steps[usize::from(self.tape.below(n))].clone();
                Some(Term::Step { name, depth, read })
            }
        }
    }

    fn step(&mut self, context: &Context, block: &Block) -> Step {
        self.names += 1;
        let name = format!("s{}", self.names);
        let mut step = Step {
            name: name.clone(),
            depth: context.depth,
            needs: Vec::new(),
            when: None,
            each: None,
            once: None,
            on_error: None,
            repeat: None,
            retry: None,
            compensate: None,
            verb: Verb::Sleep,
        };
        let kind = self.tape.below(40);
        let is_guard = matches!(kind, 37..40);
        if is_guard && self.tape.chance(95) {
            step.when = Some(self.test(context, 10));
        } else if self.tape.chance(20) {
            step.when = Some(self.test(context, 70));
        }
        if !block.steps.is_empty() && self.tape.chance(20) {
            let n = usize::from(self.tape.below(u16::try_from(block.steps.len()).unwrap()));
            step.needs.push(block.steps[n].name.clone());
        }
        if is_guard {
            step.verb = if kind < 39 { Verb::Return(self.sum(context)) } else { Verb::Fail };
            return step;
        }

        let mut inside = context.clone();
        if self.tape.chance(25) {
            let count = self.tape.below(5);
            let items = (0..count).map(|_| self.sum(context)).collect();
            inside.items.push(name);
            step.each = Some(Each {
                items,
                filter: self
                    .tape
                    .chance(30)
                    .then(|| self.test(&Context { last: None, ..inside.clone() }, 70)),
                max_parallel: self.tape.chance(60).then(|| 1 + u32::from(self.tape.below(3))),
                keep_going: self.tape.chance(30),
            });
        }
        if self.tape.chance(20) {
            let context = Context { last: None, ..inside.clone() };
            step.once = Some(Once { key: self.sum(&context), test: self.test(&context, 20) });
        }
        let may_repeat = self.tape.chance(25);
        let may_retry = self.tape.chance(30);
        if may_retry {
            step.retry = Some(1 + u32::from(self.tape.below(3)));
            inside.has_error = true;
        }
        if may_repeat {
            // What the verb puts out is known only once it is chosen: by kind.
            inside.last = Some(match kind {
                4..16 => Read::Body,
                16..18 => Read::Id,
                _ => Read::Number,
            });
        }
        step.verb = self.verb(kind, &inside);
        if may_repeat {
            step.repeat =
                Some(Repeat { test: self.test(&inside, 50), limit: 1 + u32::from(self.tape.below(5)) });
        }
        if self.tape.chance(40) {
            step.compensate = Some(self.sum(&Context { last: None, ..inside.clone() }));
        }
        let handling = Context { has_error: true, depth: context.depth + 1, ..inside };
        step.on_error = match self.tape.below(10) {
            8 => Some(OnError::Continue),
            9 if context.depth < 3 && step.verb.read() == Read::Number => {
                Some(OnError::Block(self.block(&handling, 2)))
            }
            _ => None,
        };
        step
    }

    fn verb(&mut self, kind: u16, context: &Context) -> Verb {
        let inner = Context { depth: context.depth + 1, ..context.clone() };
        match kind {
            4..16 => Verb::Http(self.sum(context)),
            16..18 => Verb::Publish(self.sum(context)),
            18..20 => Verb::Emit(self.sum(context)),
            20..22 => Verb::Call(self.sum(context)),
            22..24 => Verb::Sleep,
            24..26 => Verb::Signal,
            26..34 if context.depth < 3 => Verb::Steps(self.block(&inner, 5)),
            34..37 if context.depth < 3 => {
                let of = self.sum(context);
                Verb::Switch(of, Box::new([self.block(&inner, 3), self.block(&inner, 3)]))
            }
            _ => Verb::Set(self.sum(context)),
        }
    }
}

//! A small language of pathways that a naive interpreter can run too.
//!
//! Every output is a number, a list of them or none, and every expression a sum, so that both
//! sides compute the same without sharing code.

/// A pathway.
#[derive(Debug, Clone)]
pub(crate) struct Pathway {
    pub(crate) max_parallel: u32,
    pub(crate) body: Block,
    pub(crate) on_error: Option<Block>,
}

/// Steps, each after those it reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    pub(crate) steps: Vec<Step>,
    /// The order in which they are written: guards stay where they are.
    pub(crate) written: Vec<usize>,
    pub(crate) returns: Option<Sum>,
}

/// A step; names are unique in a pathway.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// How many blocks are around its own.
    pub(crate) depth: usize,
    pub(crate) needs: Vec<String>,
    pub(crate) when: Option<Test>,
    pub(crate) each: Option<Each>,
    pub(crate) once: Option<Once>,
    pub(crate) on_error: Option<OnError>,
    pub(crate) repeat: Option<Repeat>,
    /// Attempts of its own retry.
    pub(crate) retry: Option<u32>,
    /// What a call that undoes it says.
    pub(crate) compensate: Option<Sum>,
    pub(crate) verb: Verb,
}

#[derive(Debug, Clone)]
pub(crate) struct Each {
    pub(crate) items: Vec<Sum>,
    pub(crate) filter: Option<Test>,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) keep_going: bool,
}

/// The key of a claim; none where the test does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Once {
    pub(crate) key: Sum,
    pub(crate) test: Test,
}

#[derive(Debug, Clone)]
pub(crate) enum OnError {
    Continue,
    Block(Block),
}

#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    pub(crate) test: Test,
    pub(crate) limit: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Verb {
    Set(Sum),
    Http(Sum),
    Publish(Sum),
    Emit(Sum),
    Call(Sum),
    Sleep,
    Signal,
    Steps(Block),
    /// Two cases, `0` and `1`; three values.
    Switch(Sum, Box<[Block; 2]>),
    Return(Sum),
    Fail,
}

/// A condition: whether a sum can be divided by five, or cannot.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) sum: Sum,
    pub(crate) divisible: bool,
}

/// A sum modulo [`MODULUS`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    pub(crate) constant: i64,
    pub(crate) terms: Vec<Term>,
}

#[derive(Debug, Clone)]
pub(crate) enum Term {
    /// The output of a step, at a depth, and how it is read.
    Step {
        name: String,
        depth: usize,
        read: Read,
    },
    /// The item of the step of that name.
    Item(String),
    Index,
    /// The output of the iteration before.
    Last(Read),
    /// One if `error` is bound to something.
    Error,
}

/// What an output looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    Number,
    Body,
    Id,
    Numbers,
    Bodies,
    Ids,
}

pub(crate) const MODULUS: i64 = 9973;

impl Verb {
    pub(crate) fn is_guard(&self) -> bool {
        matches!(self, Self::Return(_) | Self::Fail)
    }

    pub(crate) fn read(&self) -> Read {
        match self {
            Self::Http(_) => Read::Body,
            Self::Publish(_) => Read::Id,
            _ => Read::Number,
        }
    }
}

impl Step {
    pub(crate) fn read(&self) -> Read {
        match (self.verb.read(), &self.each) {
            (read, None) => read,
            (Read::Body, Some(_)) => Read::Bodies,
            (Read::Id, Some(_)) => Read::Ids,
            (_, Some(_)) => Read::Numbers,
        }
    }

    /// The blocks in it.
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        let mut blocks = match &self.verb {
            Verb::Steps(block) => vec![block],
            Verb::Switch(_, cases) => cases.iter().collect(),
            _ => Vec::new(),
        };
        if let Some(OnError::Block(block)) = &self.on_error {
            blocks.push(block);
        }
        blocks
    }

    /// The sums that it evaluates itself.
    fn sums(&self) -> Vec<&Sum> {
        let mut sums: Vec<&Sum> = self.when.iter().map(|test| &test.sum).collect();
        if let Some(each) = &self.each {
            sums.extend(&each.items);
            sums.extend(each.filter.as_ref().map(|test| &test.sum));
        }
        sums.extend(self.once.iter().flat_map(|once| [&once.key, &once.test.sum]));
        sums.extend(self.repeat.as_ref().map(|repeat| &repeat.test.sum));
        sums.extend(&self.compensate);
        match &self.verb {
            Verb::Set(sum)
            | Verb::Http(sum)
            | Verb::Publish(sum)
            | Verb::Emit(sum)
            | Verb::Call(sum)
            | Verb::Switch(sum, _)
            | Verb::Return(sum) => sums.push(sum),
            Verb::Sleep | Verb::Signal | Verb::Steps(_) | Verb::Fail => {}
        }
        sums
    }

    /// All steps that anything in it reads, with their depths.
    pub(crate) fn reads(&self) -> Vec<(usize, String)> {
        let mut reads: Vec<_> = self.needs.iter().map(|need| (self.depth, need.clone())).collect();
        for sum in self.sums() {
            reads.extend(sum.reads());
        }
        for block in self.blocks() {
            reads.extend(block.steps.iter().flat_map(Self::reads));
            reads.extend(block.returns.iter().flat_map(Sum::reads));
        }
        reads.retain(|(depth, _)| *depth <= self.depth);
        reads
    }
}

impl Sum {
    fn reads(&self) -> Vec<(usize, String)> {
        let steps = self.terms.iter().filter_map(|term| match term {
            Term::Step { name, depth, .. } => Some((*depth, name.clone())),
            _ => None,
        });
        steps.collect()
    }
}

impl Block {
    /// Calls `visit` for every step in it, at any depth.
    pub(crate) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Self, usize, &'a Step)) {
        for (n, step) in self.steps.iter().enumerate() {
            visit(self, n, step);
            for block in step.blocks() {
                block.visit(visit);
            }
        }
    }
}

impl Pathway {
    /// Calls `visit` for every step with its block and its place there.
    pub(crate) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Block, usize, &'a Step)) {
        self.body.visit(visit);
        if let Some(block) = &self.on_error {
            block.visit(visit);
        }
    }
}

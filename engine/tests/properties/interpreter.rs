//! The naive interpreter: one step after the other, by recursion, no state kept.
//!
//! It knows the names of executions, so that both sides are given the same answers.

use std::collections::BTreeMap;

use super::model::{Block, MODULUS, OnError, Pathway, Step, Sum, Term, Test, Verb};

/// Why something failed, as far as it matters to who is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    Outage,
    Otherwise,
}

/// What an effect is answered with.
pub(crate) fn answer(seed: u64, instance: &str, attempt: u32) -> Result<i64, Failed> {
    let mut hash = seed ^ (u64::from(attempt) << 32);
    for byte in instance.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        hash ^= hash >> 29;
    }
    match hash % 100 {
        0..10 => Err(Failed::Outage),
        10..12 => Err(Failed::Otherwise),
        _ => Ok(i64::try_from(hash >> 20).unwrap() % MODULUS),
    }
}

/// Whether a claim is answered with that it is done.
pub(crate) fn is_done(seed: u64, instance: &str) -> bool {
    answer(seed, instance, 0).is_ok_and(|n| n % 3 == 0)
}

#[derive(Debug, Clone)]
enum Output {
    None,
    Number(i64),
    List(Vec<Output>),
}

impl Output {
    fn sum(&self) -> i64 {
        match self {
            Self::None => 0,
            Self::Number(n) => *n,
            Self::List(items) => items.iter().map(Self::sum).sum(),
        }
    }
}

#[derive(Debug)]
struct Level {
    item: Option<(String, i64, i64)>,
    last: Option<Output>,
    has_error: bool,
}

/// Runs a pathway: what it returns, if anything.
pub(crate) fn run(pathway: &Pathway, seed: u64) -> Result<Option<i64>, Failed> {
    let mut interpreter = Interpreter { seed, scopes: Vec::new(), levels: Vec::new() };
    let outcome = interpreter.block(&pathway.body, "");
    let (Err(failed), Some(block)) = (&outcome, &pathway.on_error) else { return outcome };
    interpreter.levels = vec![Level { item: None, last: None, has_error: true }];
    match interpreter.block(block, "!.") {
        Ok(None) => Err(*failed),
        other => other,
    }
}

struct Interpreter {
    seed: u64,
    scopes: Vec<BTreeMap<String, Output>>,
    levels: Vec<Level>,
}

impl Interpreter {
    fn block(&mut self, block: &Block, prefix: &str) -> Result<Option<i64>, Failed> {
        let depth = self.scopes.len();
        self.scopes.push(BTreeMap::new());
        let returned = self.steps(block, prefix);
        self.scopes.truncate(depth);
        returned
    }

    fn steps(&mut self, block: &Block, prefix: &str) -> Result<Option<i64>, Failed> {
        for step in &block.steps {
            let wanted = step.when.as_ref().is_none_or(|when| self.test(when));
            let output = match &step.verb {
                _ if !wanted => Output::None,
                Verb::Return(sum) => return Ok(Some(self.sum(sum))),
                Verb::Fail => return Err(Failed::Otherwise),
                _ => self.each(step, &format!("{prefix}{}", step.name))?,
            };
            self.scopes.last_mut().unwrap().insert(step.name.clone(), output);
        }
        Ok(block.returns.as_ref().map(|sum| self.sum(sum)))
    }

    fn each(&mut self, step: &Step, name: &str) -> Result<Output, Failed> {
        let Some(each) = &step.each else {
            if self.is_passed_over(step, name, None) {
                return Ok(Output::None);
            }
            return self.caught(step, name, None);
        };
        let items: Vec<_> = each.items.iter().map(|item| self.sum(item)).collect();
        let mut outputs = Vec::new();
        for (n, item) in items.into_iter().enumerate() {
            let item = Some((step.name.clone(), item, i64::try_from(n).unwrap()));
            if let Some(filter) = &each.filter {
                self.levels.push(Level { item: item.clone(), last: None, has_error: false });
                let wanted = self.test(filter);
                self.levels.pop();
                if !wanted {
                    continue;
                }
            }
            let name = format!("{name}[{n}]");
            if self.is_passed_over(step, &name, item.clone()) {
                outputs.push(Output::None);
                continue;
            }
            match self.caught(step, &name, item) {
                Ok(output) => outputs.push(output),
                Err(_) if each.keep_going => outputs.push(Output::None),
                Err(failed) => return Err(failed),
            }
        }
        Ok(Output::List(outputs))
    }

    /// Whether another run has done it.
    fn is_passed_over(&mut self, step: &Step, name: &str, item: Option<(String, i64, i64)>) -> bool {
        let Some(once) = &step.once else { return false };
        self.levels.push(Level { item, last: None, has_error: false });
        let claims = self.test(&once.test);
        self.levels.pop();
        claims && is_done(self.seed, &format!("{name}?"))
    }

    fn caught(
        &mut self,
        step: &Step,
        name: &str,
        item: Option<(String, i64, i64)>,
    ) -> Result<Output, Failed> {
        let last = step.repeat.as_ref().map(|_| Output::None);
        self.levels.push(Level { item, last, has_error: false });
        let (outcome, name) = self.repeated(step, name);
        let outcome = match (outcome, &step.on_error) {
            (Err(_), Some(OnError::Continue)) => Ok(Output::None),
            (Err(_), Some(OnError::Block(block))) => {
                self.levels.last_mut().unwrap().has_error = true;
                self.block(block, &format!("{name}!.")).map(output)
            }
            (outcome, _) => outcome,
        };
        self.levels.pop();
        outcome
    }

    /// Also tells the name of the last iteration.
    fn repeated(&mut self, step: &Step, name: &str) -> (Result<Output, Failed>, String) {
        let mut iteration = 1;
        loop {
            let name = if iteration > 1 { format!("{name}~{iteration}") } else { name.to_owned() };
            let output = self.attempts(step, &name);
            let (Ok(output), Some(repeat)) = (&output, &step.repeat) else { return (output, name) };
            self.levels.last_mut().unwrap().last = Some(output.clone());
            if !self.test(&repeat.test) {
                return (Ok(output.clone()), name);
            }
            if iteration >= repeat.limit {
                return (Err(Failed::Otherwise), name);
            }
            iteration += 1;
            self.levels.last_mut().unwrap().has_error = false;
        }
    }

    fn attempts(&mut self, step: &Step, name: &str) -> Result<Output, Failed> {
        let most = match (step.retry, &step.verb) {
            (Some(attempts), _) => attempts,
            // The service's.
            (None, Verb::Http(_)) => 2,
            (None, _) => 1,
        };
        let is_block = matches!(step.verb, Verb::Steps(_) | Verb::Switch(..));
        let mut attempt = 1;
        loop {
            let failed = match self.verb(step, name, attempt) {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            if step.retry.is_some() {
                self.levels.last_mut().unwrap().has_error = true;
            }
            if attempt >= most || (failed == Failed::Otherwise && !is_block) {
                return Err(failed);
            }
            attempt += 1;
        }
    }

    fn verb(&mut self, step: &Step, name: &str, attempt: u32) -> Result<Output, Failed> {
        let inner = if attempt > 1 { format!("{name}#{attempt}.") } else { format!("{name}.") };
        match &step.verb {
            Verb::Set(sum) => Ok(Output::Number(self.sum(sum))),
            Verb::Http(_) | Verb::Publish(_) | Verb::Emit(_) | Verb::Call(_) => {
                answer(self.seed, name, attempt).map(Output::Number)
            }
            Verb::Signal => Ok(Output::Number(answer(self.seed, name, attempt).unwrap_or(1))),
            Verb::Sleep => Ok(Output::None),
            Verb::Steps(block) => self.block(block, &inner).map(output),
            Verb::Switch(of, cases) => match cases.get(usize::try_from(self.sum(of) % 3).unwrap()) {
                Some(case) => self.block(case, &inner).map(output),
                None => Ok(Output::None),
            },
            Verb::Return(_) | Verb::Fail => unreachable!("guards have no modifiers"),
        }
    }

    fn test(&self, test: &Test) -> bool {
        (self.sum(&test.sum) % 5 == 0) == test.divisible
    }

    fn sum(&self, sum: &Sum) -> i64 {
        let terms = sum.terms.iter().zip(2_i64..).map(|(term, factor)| factor * self.term(term));
        (sum.constant + terms.sum::<i64>()) % MODULUS
    }

    fn term(&self, term: &Term) -> i64 {
        let mut levels = self.levels.iter().rev();
        match term {
            Term::Step { name, .. } => {
                self.scopes.iter().rev().find_map(|scope| scope.get(name)).map_or(0, Output::sum)
            }
            Term::Item(name) => levels
                .find_map(|level| level.item.as_ref().filter(|(step, ..)| step == name))
                .map_or(0, |(_, item, _)| *item),
            Term::Index => levels.find_map(|level| level.item.as_ref()).map_or(0, |(_, _, index)| *index),
            Term::Last(_) => levels.find_map(|level| level.last.as_ref()).map_or(0, Output::sum),
            Term::Error => i64::from(levels.any(|level| level.has_error)),
        }
    }
}

fn output(returned: Option<i64>) -> Output {
    returned.map_or(Output::None, Output::Number)
}

//! How a case ended, or what it waits for for ever.

use super::{Outcome, World};
use crate::Value;
use crate::source::Span;
use crate::testing::case::Coming;
use crate::vm::{Effect, Failure};

/// Something that a run waits for, and that never comes.
#[derive(Debug, Clone)]
pub(in crate::testing) struct Stuck {
    /// Which execution waits.
    pub(in crate::testing) name: String,
    /// Where its step stands.
    pub(in crate::testing) span: Option<Span>,
    pub(in crate::testing) what: Waits,
}

/// What is waited for.
#[derive(Debug, Clone)]
pub(in crate::testing) enum Waits {
    Signal {
        name: String,
        from: Option<String>,
    },
    /// A claim that another execution has.
    Claim {
        key: String,
    },
    /// Too much has happened.
    Endless,
}

impl<'a> World<'a> {
    /// How the run of the case ended, if it has.
    pub(super) fn ended(&self) -> Option<&Result<Value, Failure>> {
        let root = self.runs.get(self.root)?;
        if root.over { root.vm.outcome() } else { None }
    }

    /// All that is to be told.
    pub(super) fn end(self) -> Outcome<'a> {
        let ended = self.ended().cloned();
        let stuck = if ended.is_none() && self.unanswered.is_empty() { self.stuck() } else { Vec::new() };
        let unused = self.shelf.unused();
        Outcome {
            took: self.record.elapsed(self.now),
            ended,
            stuck,
            unused,
            unasked: self.unasked(),
            unheard: self.unheard(),
            shared_used: self.shelf.shared_used(),
            unanswered: self.unanswered,
            record: self.record,
        }
    }

    fn stuck(&self) -> Vec<Stuck> {
        if !self.queue.is_empty() {
            return vec![Stuck { name: String::new(), span: None, what: Waits::Endless }];
        }
        let mut all = Vec::new();
        for (run, live) in self.runs.iter().enumerate().filter(|(_, live)| !live.over) {
            for unfinished in live.vm.in_flight() {
                let what = match &unfinished.effect {
                    Effect::Await { name, from, .. } => {
                        Waits::Signal { name: name.clone(), from: from.clone() }
                    }
                    Effect::Claim { key, .. } => Waits::Claim { key: key.to_string() },
                    _ => continue,
                };
                let Some(instance) = unfinished.effect.instance() else { continue };
                let name = self.name(run, instance.trim_end_matches('?'));
                all.push(Stuck { name, span: live.plan.place(instance), what });
            }
        }
        all
    }

    /// Keys that the case says others have done, and that no step was left out for.
    fn unasked(&self) -> Vec<(&'a str, Span)> {
        let done = self.case.done.iter().enumerate();
        let unasked = done.filter(|(n, done)| done.is_own && done.keys.is_some() && !self.done.contains(n));
        unasked.map(|(_, done)| (done.step.as_str(), done.span)).collect()
    }

    /// Signals that came and that no step took.
    fn unheard(&self) -> Vec<Span> {
        let Some(root) = self.runs.get(self.root).filter(|root| root.over) else { return Vec::new() };
        let took = self.record.elapsed(self.now);
        let is_left = |coming: &&Coming| {
            !coming.optional
                && (coming.after > took || root.vm.mailbox().any(|signal| *signal == coming.signal))
        };
        self.case.signals.iter().filter(is_left).map(|coming| coming.span).collect()
    }
}

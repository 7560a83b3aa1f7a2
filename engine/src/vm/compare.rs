//! What another definition would make of what happened in a run, told without doing anything.
//!
//! Both are told of the same events, side by side, until the other asks for something else, does not
//! wait for what came, or ends otherwise. Timers have numbers of each definition's own, so they are
//! known by the step and by what they are for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::replay::{Counted, counted, refuse_compacted};
use super::target::{Target, What};
use super::{Applied, Effect, Failure, Mismatch, Vm};
use crate::Value;
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Event, Kind};

/// The first thing in which another definition differs from what was recorded.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The event on which it differs: its place in the journal.
    pub event: usize,
    /// When that was.
    pub at: Now,
    /// The execution of a step that differs; none: the run as a whole.
    pub step: Option<String>,
    /// How.
    pub how: Differs,
}

/// How another definition differs from what was recorded.
#[derive(Debug, Clone)]
pub enum Differs {
    /// The step asks for something else.
    Request {
        /// What it asked for.
        was: Box<Effect>,
        /// What it would ask for.
        now: Box<Effect>,
    },
    /// The step asks for something, and did not.
    Asks(Box<Effect>),
    /// The step asked for something, and would not.
    AsksNot(Box<Effect>),
    /// What the step waits for would be over by then.
    Sooner,
    /// What the step waits for would not be over yet.
    Later,
    /// The step would not wait for what came.
    WaitsNot,
    /// The run would end there, and went on.
    Ends(Result<Value, Failure>),
    /// The run ended there, and would go on.
    GoesOn(Result<Value, Failure>),
    /// The run would end otherwise.
    Outcome {
        /// How it ended.
        was: Result<Value, Failure>,
        /// How it would end.
        now: Result<Value, Failure>,
    },
}

impl Vm {
    /// Where `to` would first differ from what happened to a run of `from`; none: nowhere.
    ///
    /// # Errors
    /// The run's own definition does not explain its journal.
    pub fn compare(from: Arc<Plan>, to: Arc<Plan>, events: &[Event]) -> Result<Option<Difference>, Mismatch> {
        let mut pair = Pair { old: Self::new(from), new: Self::new(to), asked: Vec::new(), asks: Vec::new() };
        refuse_compacted(events)?;
        for counted in counted(events)? {
            let (event, at) = (counted.index(), counted.at());
            if let Some((step, how)) = pair.tell(&counted)? {
                return Ok(Some(Difference { event, at, step, how }));
            }
        }
        Ok(None)
    }
}

type Found = Option<(Option<String>, Differs)>;

/// A run by two definitions.
struct Pair {
    old: Vm,
    new: Vm,
    asked: Vec<Effect>,
    asks: Vec<Effect>,
}

impl Pair {
    fn tell(&mut self, counted: &Counted<'_>) -> Result<Found, Mismatch> {
        match *counted {
            // Refused before.
            Counted::Compacted { .. } => {}
            Counted::Redrive { at, undone, onto, .. } => {
                let own = undone.and_then(|event| self.own(event));
                self.old.redrive(at, undone, onto);
                self.new.redrive(at, own.as_ref(), onto);
            }
            Counted::Event(index, event) => {
                if let Some(sooner) = self.sooner(event.at) {
                    return Ok(Some((Some(sooner), Differs::Sooner)));
                }
                self.old.check(event)?;
                let target = self.old.target(event);
                let own = match self.own(event) {
                    Some(own) if target.is_none() || self.new.target(&own) == target => own,
                    _ => return Ok(Some((target.map(|target| target.instance), Differs::WaitsNot))),
                };
                if let (Kind::Fired { timer }, Some(target)) = (&own.kind, &target)
                    && self.new.timers.get(timer).is_some_and(|timer| timer.at > event.at)
                {
                    return Ok(Some((Some(target.instance.clone()), Differs::Later)));
                }
                if self.old.apply(event, &mut self.asked) == Applied::Ignored {
                    return Err(Mismatch::Unexpected { index, name: event.name() });
                }
                let applied = self.new.apply(&own, &mut self.asks);
                if applied == Applied::Ignored && target.is_some() {
                    return Ok(Some((target.map(|target| target.instance), Differs::WaitsNot)));
                }
            }
        }
        let (asked, asks) = (std::mem::take(&mut self.asked), std::mem::take(&mut self.asks));
        Ok(self.ends().or_else(|| differs(&asked, &asks)).or_else(|| self.ends_otherwise()))
    }

    /// An event as the other definition knows it; none where that has no such timer.
    fn own(&self, event: &Event) -> Option<Event> {
        let Kind::Fired { timer } = &event.kind else { return Some(event.clone()) };
        let alarm = self.old.timers.get(timer)?;
        let target = Target::of(&self.old, alarm);
        let mut timers = self.new.timers.iter();
        let (timer, _) = timers.find(|(_, timer)| Target::of(&self.new, timer) == target)?;
        Some(Event { at: event.at, kind: Kind::Fired { timer: *timer } })
    }

    /// A step whose timer would have come due before that, by the other definition alone.
    fn sooner(&self, at: Now) -> Option<String> {
        let due = |vm: &Vm| -> BTreeSet<(String, What)> {
            let due = vm.timers.values().filter(|timer| timer.at < at);
            due.map(|timer| (vm.instance_of(timer.task), timer.alarm.into())).collect()
        };
        let before = due(&self.old);
        due(&self.new).into_iter().find(|timer| !before.contains(timer)).map(|(step, _)| step)
    }

    /// Whether only one of them is over.
    fn ends(&self) -> Found {
        match (&self.old.ended, &self.new.ended) {
            (None, Some(now)) => Some((step_of(now), Differs::Ends(now.clone()))),
            (Some(was), None) => Some((step_of(was), Differs::GoesOn(was.clone()))),
            _ => None,
        }
    }

    fn ends_otherwise(&self) -> Found {
        let was = self.old.ended.as_ref()?;
        let now = self.new.ended.as_ref().filter(|now| !is_same(was, now))?;
        let step = step_of(now).or_else(|| step_of(was));
        Some((step, Differs::Outcome { was: was.clone(), now: now.clone() }))
    }
}

fn step_of(outcome: &Result<Value, Failure>) -> Option<String> {
    outcome.as_ref().err().and_then(|failure| failure.step.clone())
}

/// The first effect that only one asks for, or that each asks for otherwise.
fn differs(asked: &[Effect], asks: &[Effect]) -> Found {
    let is_asked = |effect: &&Effect| effect.attempt().is_some();
    let key = |effect: &Effect| (effect.instance().cloned(), effect.attempt());
    for was in asked.iter().filter(is_asked) {
        let step = was.instance().map(ToString::to_string);
        match asks.iter().find(|now| key(now) == key(was)) {
            None => return Some((step, Differs::AsksNot(Box::new(was.clone())))),
            Some(now) if now.hash() != was.hash() => {
                let (was, now) = (Box::new(was.clone()), Box::new(now.clone()));
                return Some((step, Differs::Request { was, now }));
            }
            Some(_) => {}
        }
    }
    let more = asks.iter().filter(is_asked).find(|now| !asked.iter().any(|was| key(was) == key(now)));
    more.map(|now| (now.instance().map(ToString::to_string), Differs::Asks(Box::new(now.clone()))))
}

/// Whether a run ends in the same way, as far as anybody is told.
fn is_same(was: &Result<Value, Failure>, now: &Result<Value, Failure>) -> bool {
    match (was, now) {
        (Ok(was), Ok(now)) => was == now,
        (Err(was), Err(now)) => {
            Failure { place: None, ..was.clone() } == Failure { place: None, ..now.clone() }
        }
        _ => false,
    }
}

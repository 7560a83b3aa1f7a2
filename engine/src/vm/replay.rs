//! A run's state from its journal.

use std::sync::Arc;

use super::{Applied, Effect, Vm};
use crate::compile::Plan;
use crate::expression::Now;
use crate::journal::{Compacted, Event, Kind, Onto, SEMANTICS, Started, compacted, placed};

/// A recorded event that the plan does not explain: the run must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The run asks for something else than it did.
    #[error("`{instance}` now asks for something else than what was recorded")]
    Request {
        /// Which execution of which step.
        instance: String,
    },
    /// The run does not wait for what came.
    #[error("event {index} ({name}) means nothing to the run")]
    Unexpected {
        /// Its place in the journal.
        index: usize,
        /// Its kind.
        name: &'static str,
    },
    /// The run was begun by an engine of other semantics.
    #[error("the run was begun under semantics {found}, and this engine has {own}")]
    Semantics {
        /// Of the run.
        found: u32,
        /// Of this engine.
        own: u32,
    },
    /// The run's journal was compacted by an engine that writes that otherwise.
    #[error("the run's journal was compacted in format {found}, and this engine has {own}")]
    Format {
        /// Of the run.
        found: u32,
        /// Of this engine.
        own: u32,
    },
    /// What the run's journal was compacted to does not fit.
    #[error("what the run's journal was compacted to cannot be taken up: {why}")]
    State {
        /// Why not.
        why: String,
    },
    /// What is asked for needs all events.
    #[error("the first {events} events of the run's journal were compacted, and are not known any more")]
    Compacted {
        /// How many.
        events: u32,
    },
}

/// A part of a journal that counts.
pub(super) enum Counted<'a> {
    /// What happened, and its place.
    Event(usize, &'a Event),
    /// What all before that place was compacted to, but how the run began.
    Compacted { index: usize, at: Now, started: &'a Started, compacted: &'a Compacted },
    /// The run was redriven; with the event that this undid, and what it went on with.
    Redrive { index: usize, at: Now, undone: Option<&'a Event>, onto: Option<&'a Onto> },
}

impl Vm {
    /// The state that `events` lead to; effects are not asked for again, see [`Vm::in_flight`].
    ///
    /// # Errors
    /// An event that the plan does not explain.
    pub fn replay(plan: Arc<Plan>, events: &[Event]) -> Result<Self, Mismatch> {
        let mut vm = Self::new(plan);
        vm.follow(events)?;
        Ok(vm)
    }

    /// As [`Vm::replay`], for one that was just made, which may be [`Vm::traced`].
    ///
    /// # Errors
    /// As [`Vm::replay`]; the state is that before the event.
    pub fn follow(&mut self, events: &[Event]) -> Result<(), Mismatch> {
        self.follow_asking(events, drop)
    }

    /// As [`Vm::follow`]; `asked` is given what each event that counts led to.
    ///
    /// # Errors
    /// As [`Vm::replay`]; the state is that before the event.
    pub fn follow_asking(&mut self, events: &[Event], asked: impl FnMut(Effect)) -> Result<(), Mismatch> {
        self.follow_with(events, |_, _, _| Ok(()), asked)
    }

    /// As [`Vm::follow`]; `see` is shown each event that counts, with its place, before the run is told.
    pub(super) fn follow_seen<E: From<Mismatch>>(
        &mut self,
        events: &[Event],
        see: impl FnMut(&Self, usize, &Event) -> Result<(), E>,
    ) -> Result<(), E> {
        self.follow_with(events, see, drop)
    }

    fn follow_with<E: From<Mismatch>>(
        &mut self,
        events: &[Event],
        mut see: impl FnMut(&Self, usize, &Event) -> Result<(), E>,
        mut asked: impl FnMut(Effect),
    ) -> Result<(), E> {
        let mut effects = Vec::new();
        for counted in counted(events)? {
            match counted {
                Counted::Redrive { at, undone, onto, .. } => {
                    self.redrive(at, undone, onto);
                    // What was under way is asked for once more.
                    self.in_flight().into_iter().for_each(|it| asked(it.effect));
                }
                Counted::Compacted { started, compacted, .. } => {
                    self.restore(started, compacted)?;
                    self.in_flight().into_iter().for_each(|it| asked(it.effect));
                }
                Counted::Event(index, event) => {
                    see(self, index, event)?;
                    self.check(event)?;
                    if self.apply(event, &mut effects) == Applied::Ignored {
                        return Err(Mismatch::Unexpected { index, name: event.name() }.into());
                    }
                    self.note_failure(index);
                    effects.drain(..).for_each(&mut asked);
                }
            }
            self.released.clear();
        }
        Ok(())
    }

    /// Whether the run can be told of a recorded event.
    pub(super) fn check(&self, event: &Event) -> Result<(), Mismatch> {
        match &event.kind {
            Kind::Started(started) if started.semantics != SEMANTICS => {
                Err(Mismatch::Semantics { found: started.semantics, own: SEMANTICS })
            }
            Kind::Performed(performed) => {
                let effect = self.pending(&performed.instance);
                match effect.is_some_and(|effect| effect.hash() != Some(performed.request)) {
                    true => Err(Mismatch::Request { instance: performed.instance.to_string() }),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Another definition knows nothing of a state that its own events did not lead to.
pub(super) fn refuse_compacted(events: &[Event]) -> Result<(), Mismatch> {
    match compacted(events) {
        Some(compacted) => Err(Mismatch::Compacted { events: compacted.events }),
        None => Ok(()),
    }
}

/// What counts of a journal. A redrive takes back all since the event with which the run failed, and
/// stands before that event where it stays.
pub(super) fn counted(events: &[Event]) -> Result<Vec<Counted<'_>>, Mismatch> {
    let mut counted: Vec<Counted<'_>> = Vec::with_capacity(events.len());
    for (n, (index, event)) in placed(events).enumerate() {
        let (end, undo, onto) = match &event.kind {
            Kind::Redriven { end, undo, onto } => (end, undo, onto),
            // Where nothing is missing it says nothing that is not known.
            Kind::Compacted(compacted) if n > 1 && [index, compacted.events as usize] == [n, n] => continue,
            Kind::Compacted(compacted) => {
                // It stands for all that there is.
                let (Some(Counted::Event(_, Event { kind: Kind::Started(started), .. })), 1) =
                    (counted.pop(), counted.len() + 1)
                else {
                    return Err(Mismatch::Unexpected { index, name: event.name() });
                };
                counted.push(Counted::Compacted { index, at: event.at, started, compacted });
                continue;
            }
            _ => {
                counted.push(Counted::Event(index, event));
                continue;
            }
        };
        let (end, onto) = (*end as usize, onto.as_deref());
        if end == index {
            // It had not failed: it goes on where it was.
            counted.push(Counted::Redrive { index, at: event.at, undone: None, onto });
            continue;
        }
        let mut failed = None;
        while let Some(last) = counted.pop_if(|last| last.index() >= end && failed.is_none()) {
            if let Counted::Event(place, event) = last
                && place == end
            {
                failed = Some(event);
            }
        }
        let Some(failed) = failed else { return Err(Mismatch::Unexpected { index, name: event.name() }) };
        let undone = undo.then_some(failed);
        counted.push(Counted::Redrive { index: end, at: event.at, undone, onto });
        if !undo {
            counted.push(Counted::Event(end, failed));
        }
        if let Some(onto) = onto {
            let counts_no_more = |place: usize| onto.without.iter().any(|without| *without as usize == place);
            counted.retain(|it| !matches!(it, Counted::Event(place, _) if counts_no_more(*place)));
        }
    }
    Ok(counted)
}

impl Counted<'_> {
    /// Its place in the journal; of a redrive, that of the event before which it stands.
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Event(index, _) | Self::Redrive { index, .. } | Self::Compacted { index, .. } => *index,
        }
    }

    /// When it happened.
    pub(super) fn at(&self) -> Now {
        match self {
            Self::Event(_, event) => event.at,
            Self::Redrive { at, .. } | Self::Compacted { at, .. } => *at,
        }
    }
}

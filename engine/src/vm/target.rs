//! Whom an event concerns.

use super::{Alarm, Timer, Vm};
use crate::journal::{Event, Kind};

/// The execution of a step that an event concerns, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) instance: String,
    pub(super) alarm: Option<What>,
}

/// What a timer of it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Wake,
    Retry,
    Deadline,
}

impl From<Alarm> for What {
    fn from(alarm: Alarm) -> Self {
        match alarm {
            Alarm::Wake => Self::Wake,
            Alarm::Retry => Self::Retry,
            Alarm::Deadline { .. } => Self::Deadline,
        }
    }
}

impl Target {
    /// Whom a timer concerns.
    pub(super) fn of(vm: &Vm, timer: &Timer) -> Self {
        Self { instance: vm.instance_of(timer.task), alarm: Some(timer.alarm.into()) }
    }
}

impl Vm {
    /// Whom an event that comes now concerns; none: nobody, or the run as a whole.
    pub(super) fn target(&self, event: &Event) -> Option<Target> {
        let (instance, alarm) = match &event.kind {
            Kind::Performed(performed) => {
                (self.pending.get_key_value(&performed.instance)?.0.to_string(), None)
            }
            Kind::Sent { instance, .. } => (self.pending.get_key_value(instance)?.0.to_string(), None),
            Kind::Fired { timer } => return Some(Target::of(self, self.timers.get(timer)?)),
            Kind::Signalled(signal) => {
                let mut waiting = self.pending.iter();
                let (instance, _) = waiting.find(|(_, pending)| pending.effect.admits(signal))?;
                (instance.to_string(), None)
            }
            Kind::Started(_) | Kind::Cancelled { .. } | Kind::Redriven { .. } | Kind::Compacted(_) => {
                return None;
            }
        };
        Some(Target { instance, alarm })
    }
}

//! A run goes on that was taken up after a restart, or that slept.

use pathway_engine::journal::{Kind, Outcome, Performed};
use pathway_engine::vm::{Class, Effect, Failure, Unfinished};

use super::actor::Actor;
use crate::piece::{Piece, Said};
use crate::store::StoreError;

impl Actor {
    /// After a restart, or after it slept: what is still to be performed.
    pub(super) async fn again(&mut self, was_asleep: bool) -> Result<Vec<Effect>, StoreError> {
        let rows = match self.plan().emits() {
            true => self.inner.store.stream(self.run.id, None, u32::MAX).await?,
            false => Vec::new(),
        };
        self.rows = rows.last().map_or(0, |row| row.seq + 1);
        rows.iter().for_each(|row| self.keeps(row.value.len()));
        let emitted = rows.iter().filter_map(|row| serde_json::from_slice::<Piece>(&row.value).ok());
        for Piece { step, attempt, said } in emitted {
            let step: Box<str> = step.into();
            match said {
                Said::Emitted(_) => {
                    self.heard.insert(step.clone());
                    self.cut_off.insert((step, attempt));
                }
                Said::Reset => drop(self.heard.remove(&step)),
            }
        }
        self.observe_trace();
        let mut effects = Vec::new();
        if self.run.events.len() == 1 && rows.is_empty() && !was_asleep {
            self.give_up(&mut effects);
        }
        let mut in_flight = self.vm.in_flight();
        // Of one that was asleep they are set still.
        let set = self.timers.ids();
        in_flight.retain(|it| !matches!(&it.effect, Effect::Timer { timer, .. } if set.contains(timer)));
        self.go_on_with(in_flight, &mut effects);
        Ok(effects)
    }

    /// Asks for what was under way before the run was taken up, but for what must not be begun again.
    pub(super) fn go_on_with(&mut self, all: Vec<Unfinished>, effects: &mut Vec<Effect>) {
        for Unfinished { effect, sent } in all {
            match self.lost(&effect, sent) {
                None => effects.push(effect),
                Some((performed, message)) => {
                    let (run, step) = (&self.run.public_id, &*performed.instance);
                    tracing::warn!(run, step, why = message, "cut off by a restart");
                    self.tell(Kind::Performed(performed), effects);
                }
            }
        }
    }

    /// An effect that was begun before the restart and must not be begun again.
    fn lost(&self, effect: &Effect, sent: bool) -> Option<(Performed, &'static str)> {
        let (instance, attempt) = (effect.instance()?, effect.attempt()?);
        let has_emitted = self.cut_off.contains(&(Box::from(&**instance), attempt));
        let message = match effect {
            Effect::Http { at_most_once: true, .. } if sent => {
                "whether the call was carried out is not known"
            }
            Effect::Http { .. } if has_emitted => "a restart cut off what was being passed on",
            _ => return None,
        };
        let failure = Failure::new(Class::Outage, message);
        let performed = Performed {
            instance: instance.clone(),
            attempt,
            request: effect.hash()?,
            outcome: Outcome::Failure(failure),
            emitted: has_emitted,
            took: None,
        };
        Some((performed, message))
    }
}

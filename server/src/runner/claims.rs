//! `once`: claims are asked for and given back in the commits of the run, together with its journal.
//!
//! While another has a claim, nothing is done but to watch it: a run that waits holds no slot.

use std::time::Duration;

use pathway_engine::journal::{Kind, Outcome, Performed};
use pathway_engine::vm::{ClaimAnswer, Effect, Instance, RequestHash};

use super::actor::{Actor, Message};
use crate::store::{Claim, Millis, Release, Take, Taken, Watch};

/// How long it is kept that something is done.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A claim that is asked for with the next commit.
pub(super) struct Asked {
    instance: Instance,
    attempt: u32,
    request: RequestHash,
    /// Made before it is asked for, so that nothing is missed.
    watch: Watch,
}

impl Actor {
    /// Adds what the run is over with to what is committed next.
    pub(super) fn releases(&mut self, effects: &mut Vec<Effect>) {
        let until = self.inner.clock.millis().saturating_add(millis(KEPT));
        for effect in effects.extract_if(.., |effect| matches!(effect, Effect::Release { .. })) {
            let Effect::Release { instance, step, key, done } = effect else { continue };
            self.change.released.push(Release {
                claim: Claim {
                    pathway: self.run.plan.name.to_string(),
                    step: step.to_string(),
                    key: key.to_string(),
                },
                instance: instance.to_string(),
                done_until: done.then_some(until),
            });
        }
    }

    /// Adds the claims that steps ask for, and still want, to what is committed next.
    pub(super) fn claims(&mut self, effects: &[Effect]) -> Vec<Asked> {
        let mut all = Vec::new();
        for effect in effects {
            let Effect::Claim { instance, attempt, step, key } = effect else { continue };
            let Some(request) = effect.hash().filter(|_| self.vm.pending(instance).is_some()) else {
                continue;
            };
            let claim =
                Claim { pathway: self.plan().name.to_string(), step: step.to_string(), key: key.to_string() };
            let watch = self.inner.store.watch_claim(&claim);
            all.push(Asked { instance: instance.clone(), attempt: *attempt, request, watch });
            let at = self.inner.clock.millis();
            self.change.taken.push(Take { claim, instance: instance.to_string(), at });
        }
        all
    }

    /// Tells the VM what the store has answered; what cannot be had yet is waited for.
    pub(super) fn answered(&mut self, asked: Vec<Asked>, taken: Vec<Taken>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (Asked { instance, attempt, request, watch }, taken) in asked.into_iter().zip(taken) {
            let answer = match taken {
                Taken::Granted => ClaimAnswer::Granted,
                Taken::Done { run } => ClaimAnswer::Done { by: run },
                Taken::Held => {
                    self.wait_for(instance, watch);
                    continue;
                }
            };
            let outcome = Outcome::Answer(answer.to_value());
            let performed = Performed { instance, attempt, request, outcome, emitted: false, took: None };
            self.tell(Kind::Performed(performed), &mut effects);
        }
        effects
    }

    /// Asks for a claim again when whoever has it is over with it.
    fn wait_for(&mut self, instance: Instance, mut watch: Watch) {
        let mailbox = self.mailbox.clone();
        let waiting = instance.clone();
        let task = self.tasks.spawn(async move {
            if watch.changed().await.is_ok() {
                // A run that is over listens no more.
                let _over = mailbox.send(Message::Ask(waiting)).await;
            }
        });
        self.running.insert(instance, task);
    }

    /// The claim of `instance` may be had now, if it is still wanted.
    pub(super) fn ask_again(&mut self, instance: &Instance, effects: &mut Vec<Effect>) {
        self.running.remove(instance);
        effects.extend(self.vm.pending(instance).cloned());
    }
}

fn millis(time: Duration) -> Millis {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

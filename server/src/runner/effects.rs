//! Performing what the VM asks for.

use std::sync::{Arc, Mutex};

use pathway_engine::Value;
use pathway_engine::document::Retry;
use pathway_engine::journal::{Outcome, Performed};
use pathway_engine::testing::{Asks, Mocked};
use pathway_engine::vm::{Effect, HttpRequest, Instance, RequestHash};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Observed;
use super::actor::{Actor, Message};
use super::orphans;
use super::slots::Share;
use super::timers::Due;
use super::work::Work;
use crate::piece::Said;
use crate::store::StoreError;

impl Actor {
    /// Begins an effect that takes time.
    pub(super) async fn perform(&mut self, effect: Effect, share: &Arc<Share>) -> Result<(), StoreError> {
        match effect {
            Effect::Http { ref instance, attempt, ref request, at_most_once, ref retry } => {
                let Some(hash) = effect.hash() else { return Ok(()) };
                let retry = retry.clone().filter(|_| !at_most_once);
                self.call(instance.clone(), (attempt, retry), request.clone(), hash, share.clone());
            }
            Effect::Child { ref instance, attempt, ref pathway, ref input } => {
                let Some(hash) = effect.hash() else { return Ok(()) };
                match self.returned(instance, attempt, pathway, input) {
                    Some(mocked) => self.answer_with(instance.clone(), attempt, hash, mocked),
                    None => self.watch_child(instance.clone(), attempt, hash).await?,
                }
            }
            Effect::Timer { timer, at, since } => {
                self.timers.set(timer, Due { at, since }, &self.inner.clock)
            }
            Effect::Abandon { instance } => self.abandon(&instance).await,
            // A signal comes by itself; all else was recorded before, or asked for with it.
            Effect::Await { .. }
            | Effect::Publish { .. }
            | Effect::Emit { .. }
            | Effect::Claim { .. }
            | Effect::Release { .. }
            | Effect::Ended { .. } => {}
        }
        Ok(())
    }

    async fn abandon(&mut self, instance: &Instance) {
        if let Some(task) = self.running.remove(instance) {
            task.abort();
        }
        self.lone.take_if(|lone| lone.instance == *instance);
        let Some(child) = self.called.remove(instance) else { return };
        self.inner.dismiss(&child, orphans::reason()).await;
    }

    /// Records what a step publishes or emits; the answer is known at once.
    pub(super) fn record(&mut self, effect: &Effect) -> Option<Performed> {
        let (instance, attempt, request) = (effect.instance()?.clone(), effect.attempt()?, effect.hash()?);
        let mocks = self.inner.current.borrow().loaded.mocks.clone();
        let refused = mocks.and_then(|mocks| mocks.refused(self.asks(&instance, attempt)));
        let outcome = match effect {
            Effect::Emit { .. } | Effect::Publish { .. } if refused.is_some() => Outcome::Failure(refused?),
            Effect::Emit { value, .. } => {
                self.emitted(&instance, attempt, value.clone());
                Outcome::Answer(value.clone())
            }
            Effect::Publish { topic, key, value, headers, .. } => {
                self.publish(&instance, topic, key.as_deref(), value, headers)
            }
            _ => return None,
        };
        Some(Performed { instance, attempt, request, outcome, emitted: false, took: None })
    }

    fn publish(
        &mut self,
        instance: &str,
        topic: &str,
        key: Option<&str>,
        value: &Value,
        headers: &[(String, String)],
    ) -> Outcome {
        let current = self.inner.current();
        let outgoing = self.inner.outgoing(&current, &self.run);
        let (id, record) = match outgoing.published(instance, topic, key, value, headers) {
            Ok(published) => published,
            Err(failure) => return Outcome::Failure(failure),
        };
        self.change.records.push(record);
        let (run, topic, value) = (self.run.public_id.clone(), topic.to_owned(), value.clone());
        self.inner.observe(|| Observed::Published { run, topic, value });
        Outcome::Answer(Value::from_pairs([("id", id)]))
    }

    fn call(
        &mut self,
        instance: Instance,
        (attempt, retry): (u32, Option<Arc<Retry>>),
        request: Arc<HttpRequest>,
        hash: RequestHash,
        share: Arc<Share>,
    ) {
        let emits = request.stream.emit;
        if emits && self.heard.remove(&*instance) {
            self.say(&instance, attempt, Said::Reset);
        }
        let loaded = &self.inner.current().loaded;
        let mocked = loaded.mocks.as_ref().and_then(|mocks| {
            let asks = self.asks(&instance, attempt);
            mocks.call(asks, &request, &loaded.project, self.inner.clock.now())
        });
        let work = Work {
            inner: self.inner.clone(),
            mailbox: self.mailbox.clone(),
            run_id: self.run.public_id.clone(),
            asked: Instant::now(),
            sent: Mutex::new(None),
            plan: self.plan().clone(),
            instance: instance.clone(),
            attempt,
            retry,
            hash,
            key: idempotency_key(&self.run.public_id, &instance),
            token: self.token.clone(),
            slots: self.slots.clone(),
            trace: self.run.span().map(|run| run.of_attempt(&instance, attempt)),
            label: format!("{} {} {instance}", self.plan().name, self.run.public_id).into(),
        };
        match emits {
            // What it passes on keeps the run busy.
            true => self.make_apart(instance, Box::pin(work.stream(request, share, mocked))),
            false => self.make(instance, Box::pin(work.make(request, share, mocked))),
        }
    }

    /// An execution of a step, as mocks know it.
    pub(super) fn asks<'a>(&'a self, instance: &'a str, attempt: u32) -> Asks<'a> {
        Asks { pathway: &self.plan().name, called: self.run.called.as_deref(), instance, attempt }
    }

    /// What a mock says that a called pathway comes to.
    fn returned(&self, instance: &str, attempt: u32, pathway: &str, input: &Value) -> Option<Mocked> {
        let current = self.inner.current();
        let schema = current.called(pathway).and_then(|plan| plan.input.as_deref());
        current.loaded.mocks.as_ref()?.returned(self.asks(instance, attempt), schema, input)
    }

    /// Answers what a step asks for with what was made up.
    fn answer_with(&mut self, instance: Instance, attempt: u32, request: RequestHash, mocked: Mocked) {
        let asked = instance.clone();
        self.make(
            instance,
            Box::pin(async move {
                tokio::time::sleep(mocked.after).await;
                let outcome = mocked.outcome.map_or_else(Outcome::Failure, Outcome::Answer);
                let performed =
                    Performed { instance: asked, attempt, request, outcome, emitted: false, took: None };
                Message::Performed(Box::new(performed), None)
            }),
        );
    }
}

fn idempotency_key(run: &str, instance: &str) -> String {
    let digest = Sha256::new().chain_update(run).chain_update("/").chain_update(instance).finalize();
    let half = digest.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

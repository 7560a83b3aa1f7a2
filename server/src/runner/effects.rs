//! Performing what the VM asks for.

use std::sync::{Arc, OnceLock};

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Outcome, Performed, SEMANTICS, Started};
use pathway_engine::testing::{Asks, Called, Mocked};
use pathway_engine::vm::{Class, Effect, Failure, HttpRequest, Instance, RequestHash};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::actor::{Actor, Message, started};
use super::orphans;
use super::outgoing::derived_id;
use super::slots::{RunSlots, Share};
use super::timers::Due;
use super::upstream::Call;
use super::{Inner, Observed};
use crate::piece::Said;
use crate::store::{NewRun, Status, StoreError};
use crate::trace::TraceContext;

/// How deep pathways may call each other.
const DEEPEST: u32 = 16;
/// Pieces of a stream that may wait to be recorded.
const PIECES: usize = 64;

impl Actor {
    /// Begins an effect that takes time.
    pub(super) async fn perform(&mut self, effect: Effect, share: &Arc<Share>) -> Result<(), StoreError> {
        match effect {
            Effect::Http { ref instance, attempt, ref request, .. } => {
                let Some(hash) = effect.hash() else { return Ok(()) };
                self.call(instance.clone(), attempt, request.clone(), hash, share.clone());
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
        attempt: u32,
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
            sent: OnceLock::new(),
            plan: self.plan().clone(),
            instance: instance.clone(),
            attempt,
            hash,
            key: idempotency_key(&self.run.public_id, &instance),
            token: self.token.clone(),
            slots: self.slots.clone(),
            trace: self.run.span().map(|run| run.of_attempt(&instance, attempt)),
            label: format!("{} {} {instance}", self.plan().name, self.run.public_id).into(),
        };
        let task = self.tasks.spawn(async move {
            let mut share = Some(share);
            if emits {
                work.stream(&request, share, mocked).await;
            } else {
                let answer = work.send(&request, &mut share, None, mocked).await;
                work.report(answer, false, share).await;
            }
        });
        self.running.insert(instance, task);
        while self.tasks.try_join_next().is_some() {}
    }

    /// An execution of a step, as mocks know it.
    fn asks<'a>(&'a self, instance: &'a str, attempt: u32) -> Asks<'a> {
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
        let mailbox = self.mailbox.clone();
        let asked = instance.clone();
        let task = self.tasks.spawn(async move {
            tokio::time::sleep(mocked.after).await;
            let outcome = mocked.outcome.map_or_else(Outcome::Failure, Outcome::Answer);
            let performed =
                Performed { instance: asked, attempt, request, outcome, emitted: false, took: None };
            let _over = mailbox.send(Message::Performed(Box::new(performed), None)).await;
        });
        self.running.insert(instance, task);
    }

    /// Adds the runs that steps call to what is committed next.
    pub(super) fn children(&mut self, effects: &[Effect]) {
        let current = self.inner.current();
        for effect in effects {
            let Effect::Child { instance, attempt, pathway, input } = effect else { continue };
            let asks = self.asks(instance, *attempt);
            if current.loaded.mocks.as_ref().is_some_and(|mocks| mocks.answer(asks)) {
                continue;
            }
            let Some(plan) = current.called(pathway) else { continue };
            let public_id = child_id(&self.run.public_id, instance, *attempt);
            let call = self.run.span().map(|run| run.of_attempt(instance, *attempt));
            let event = self.child_started(&public_id, instance, input, call);
            self.change.children.push(NewRun {
                public_id: public_id.clone(),
                pathway: plan.name.to_string(),
                digest: plan.digest.to_string(),
                subject: principal_of(&event),
                offset: None,
                lane: None,
                correlation: Some(self.run.correlation.clone()),
                dedupe_id: None,
                idempotency: None,
                rerun_of: None,
                at: self.inner.clock.millis(),
                started: self.inner.encode(plan, &public_id, &event),
                status: Status::Ready,
                outcome: None,
                records: Vec::new(),
                stream: Vec::new(),
            });
        }
    }

    fn child_started(
        &self,
        public_id: &str,
        instance: &str,
        input: &Value,
        call: Option<TraceContext>,
    ) -> Event {
        let parent = started(&self.run.events);
        let depth = parent.map_or(0, |parent| parent.depth) + 1;
        let refused = (depth > DEEPEST)
            .then(|| Failure::new(Class::Bug, format!("pathways call each other more than {DEEPEST} deep")));
        let id = Uuid::parse_str(public_id).unwrap_or_default();
        let called = self.calls(instance);
        Event {
            at: self.inner.clock.now(),
            kind: Kind::Started(Started {
                run: public_id.into(),
                input: input.clone(),
                principal: parent.and_then(|parent| parent.principal.clone()),
                seed: id.as_u64_pair().1,
                semantics: SEMANTICS,
                attempt: 1,
                depth,
                sealed: None,
                trace: call.map(|call| call.to_string()),
                refused,
                caller: None,
                rerun: self.inner.kept_by_mocks(public_id, Some(&called)),
            }),
        }
    }

    /// Who the run is called by that a step calls.
    fn calls(&self, instance: &str) -> Called {
        Called::by(&self.plan().name, self.run.called.as_deref(), instance)
    }

    /// Lets a child run, and waits for it.
    async fn watch_child(
        &mut self,
        instance: Instance,
        attempt: u32,
        hash: RequestHash,
    ) -> Result<(), StoreError> {
        let public_id = child_id(&self.run.public_id, &instance, attempt);
        self.called.insert(instance.clone(), public_id.clone());
        let watch = self.inner.store.watch_run(&public_id);
        let store = self.inner.store.clone();
        let mailbox = self.mailbox.clone();
        let (child, called) = (public_id.clone(), self.calls(&instance));
        let task = self.tasks.spawn(async move {
            let outcome = super::resume::outcome_of(&*store, watch, &child).await;
            let performed =
                Performed { instance, attempt, request: hash, outcome, emitted: false, took: None };
            // A run that is over listens no more.
            let _over = mailbox.send(Message::Performed(Box::new(performed), None)).await;
        });
        drop(task);
        self.begin_child(&public_id, called).await
    }

    async fn begin_child(&self, public_id: &str, called: Called) -> Result<(), StoreError> {
        let Some(run) = self.inner.store.run(public_id).await? else { return Ok(()) };
        if run.status != Status::Ready || self.inner.is_under_way(public_id) {
            return Ok(());
        }
        if let Some(mut child) = self.inner.read_back(run).await? {
            child.parent = Some(self.run.public_id.clone());
            child.called = self.inner.current.borrow().loaded.mocks.is_some().then(|| Arc::new(called));
            child.is_suspect = self.takes_up;
            if let Some(holding) = &self.run.holding {
                child.belong_to(holding);
            }
            self.inner.begin(child);
        }
        Ok(())
    }
}

/// A call under way.
struct Work {
    inner: Arc<Inner>,
    mailbox: mpsc::Sender<Message>,
    run_id: String,
    asked: Instant,
    /// When it had its turn.
    sent: OnceLock<Instant>,
    plan: Arc<Plan>,
    instance: Instance,
    attempt: u32,
    hash: RequestHash,
    key: String,
    token: Option<Arc<crate::seal::Secret>>,
    trace: Option<TraceContext>,
    slots: Arc<RunSlots>,
    label: Arc<str>,
}

impl Work {
    async fn send(
        &self,
        request: &HttpRequest,
        share: &mut Option<Arc<Share>>,
        pieces: Option<mpsc::Sender<Value>>,
        mocked: Option<Mocked>,
    ) -> Result<Value, Failure> {
        if let Some(mocked) = mocked {
            // It has its turn at once.
            let _first = self.sent.set(self.asked);
            tokio::time::sleep(mocked.after).await;
            // What a real stream would have passed on while it arrived.
            for piece in mocked.pieces {
                if let Some(pieces) = &pieces
                    && pieces.send(piece).await.is_err()
                {
                    break;
                }
            }
            return mocked.outcome;
        }
        let call = Call {
            request,
            idempotency_key: &self.key,
            token: self.token.as_deref(),
            trace: self.trace,
            run_id: &self.run_id,
            step: &self.instance,
            run: &self.slots,
            label: self.label.clone(),
            sent: &self.sent,
        };
        self.inner.upstreams.call(&call, share, pieces).await
    }

    /// Sends, and passes on what arrives meanwhile, in order.
    async fn stream(&self, request: &HttpRequest, mut share: Option<Arc<Share>>, mocked: Option<Mocked>) {
        let (pieces, mut arriving) = mpsc::channel(PIECES);
        let mut emitted = false;
        let answer = {
            let sending = self.send(request, &mut share, Some(pieces), mocked);
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    biased;
                    Some(value) = arriving.recv() => {
                        emitted = true;
                        self.pass_on(value).await;
                    }
                    answer = &mut sending => break answer,
                }
            }
        };
        while let Ok(value) = arriving.try_recv() {
            emitted = true;
            self.pass_on(value).await;
        }
        self.report(answer, emitted, share).await;
    }

    async fn pass_on(&self, value: Value) {
        let message = Message::Emitted { instance: self.instance.clone(), attempt: self.attempt, value };
        let _over = self.mailbox.send(message).await;
    }

    async fn report(&self, answer: Result<Value, Failure>, emitted: bool, share: Option<Arc<Share>>) {
        let (sent, now) = (self.sent.get().copied(), Instant::now());
        // Without its turn it has only waited.
        let turn = sent.unwrap_or(now);
        let times = (turn.duration_since(self.asked), now.duration_since(turn));
        let failure = answer.as_ref().err().map(|failure| failure.class);
        self.inner.metrics.runs.called(&self.plan.name, &self.instance, times, failure);
        let outcome = match answer {
            Ok(value) => Outcome::Answer(value),
            Err(failure) => {
                tracing::debug!(
                    pathway = %self.plan.name, run = self.run_id, step = &*self.instance, attempt = self.attempt,
                    class = failure.class.name(), why = failure.message,
                    "an attempt failed"
                );
                Outcome::Failure(failure)
            }
        };
        let performed = Performed {
            instance: self.instance.clone(),
            attempt: self.attempt,
            request: self.hash,
            outcome,
            emitted,
            took: u64::try_from(times.1.as_millis()).ok(),
        };
        let _over = self.mailbox.send(Message::Performed(Box::new(performed), share)).await;
    }
}

/// The id of the run that a step calls: each attempt calls another.
pub(super) fn child_id(run: &str, instance: &str, attempt: u32) -> String {
    match attempt {
        1 => derived_id(run, instance),
        _ => derived_id(run, &format!("{instance}/{attempt}")),
    }
}

fn idempotency_key(run: &str, instance: &str) -> String {
    let digest = Sha256::digest(format!("{run}/{instance}").as_bytes());
    let digits = digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn principal_of(event: &Event) -> Option<String> {
    match &event.kind {
        Kind::Started(started) => started.principal.as_ref().map(|principal| principal.sub.clone()),
        _ => None,
    }
}

//! What comes of what a run asks for.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Happening, RUNS, Unanswered, Why, World};
use crate::Value;
use crate::expression::Now;
use crate::journal::{Kind, Outcome, Performed};
use crate::testing::answer::Come;
use crate::testing::claims::Claimed;
use crate::testing::mock::Mock;
use crate::testing::record::{Asked, Published};
use crate::testing::request;
use crate::testing::shelf::Found;
use crate::value::to_serde;
use crate::vm::{ClaimAnswer, Class, Effect, Failure, HttpRequest, Instance, Parse, RequestHash};

impl World<'_> {
    /// Does what a run asks for, or sees to it that it is done later.
    pub(super) fn perform(&mut self, run: usize, effect: Effect) {
        let hash = effect.hash();
        if let (Some(sent), Some(instance)) = (request::sent(&effect), effect.instance()) {
            let (name, path) = self.names(run, instance);
            let is_call = matches!(effect, Effect::Http { .. });
            self.record.asked.push(Asked { name, path, is_call, sent });
        }
        match effect {
            Effect::Http { instance, attempt, request, .. } => {
                if let Some(hash) = hash {
                    self.call(run, instance, attempt, &request, hash);
                }
            }
            Effect::Publish { instance, attempt, topic, key, value, headers } => {
                let Some(hash) = hash else { return };
                let line = || format!("it publishes to `{topic}`");
                let Some((at, told)) = self.told(run, &instance, line) else {
                    return;
                };
                let outcome = told.map_or_else(
                    || {
                        let mut record = Map::new();
                        record.insert("key".to_owned(), key.into());
                        record.insert("value".to_owned(), to_serde(&value));
                        if !headers.is_empty() {
                            let headers = headers.into_iter().map(|(name, text)| (name, text.into()));
                            record.insert("headers".to_owned(), Json::Object(headers.collect()));
                        }
                        let record = Json::Object(record);
                        self.record.published.push(Published { topic: topic.to_string(), record });
                        let id = format!("message-{}", self.record.published.len());
                        Outcome::Answer(Value::from_pairs([("id", Value::from(id))]))
                    },
                    Outcome::Failure,
                );
                self.come(run, at, (instance, attempt, hash), outcome, Vec::new());
            }
            Effect::Emit { instance, attempt, value } => {
                let Some(hash) = hash else { return };
                let told = self.told(run, &instance, || "it emits".to_owned());
                let Some((at, told)) = told else { return };
                if told.is_none() {
                    self.record.emitted.push((self.name(run, &instance), to_serde(&value)));
                }
                let outcome = told.map_or(Outcome::Answer(value), Outcome::Failure);
                self.come(run, at, (instance, attempt, hash), outcome, Vec::new());
            }
            Effect::Child { instance, attempt, pathway, input } => {
                if let Some(hash) = hash {
                    self.child(run, (instance, attempt, hash), &pathway, input);
                }
            }
            Effect::Claim { instance, attempt, step, key } => {
                if let Some(hash) = hash {
                    self.claim(run, (instance, attempt, hash), &step, &key);
                }
            }
            Effect::Release { instance, step, key, done } => {
                let Some(pathway) = self.runs.get(run).map(|live| live.plan.name.to_string()) else { return };
                let claim = (pathway, step.to_string(), key.to_string());
                for (run, instance) in self.claims.release(&claim, &(run, instance.to_string()), done) {
                    let again = self.runs.get(run).and_then(|live| live.vm.pending(&instance)).cloned();
                    if let Some(effect) = again {
                        self.perform(run, effect);
                    }
                }
            }
            Effect::Timer { timer, at, .. } => self.push(at.max(self.now), Happening::Fired { run, timer }),
            Effect::Abandon { instance } => self.abandon(run, &instance),
            Effect::Ended { outcome } => self.over(run, outcome),
            Effect::Await { .. } => {}
        }
    }

    /// When a step hears of what it publishes or emits, and the failure with which that is refused, if
    /// it is; none: its mock has no answer left.
    fn told(
        &mut self,
        run: usize,
        instance: &str,
        line: impl Fn() -> String,
    ) -> Option<(Now, Option<Failure>)> {
        let (name, path) = self.names(run, instance);
        match self.shelf.take(&name, &path, None) {
            None => Some((self.now, None)),
            Some(Found::Answer(answer)) => {
                let at = self.now.checked_add(answer.delay).unwrap_or(Now::MAX);
                Some((at, answer.refused().cloned()))
            }
            Some(Found::Exhausted { mock, answers }) => {
                self.exhausted(run, instance, (mock, answers), line());
                None
            }
        }
    }

    /// Takes note that a mock has no answer left for what a step asks, which is no call of a service.
    fn exhausted(&mut self, run: usize, instance: &str, (mock, answers): (&Mock, usize), line: String) {
        let (name, path) = self.names(run, instance);
        self.unanswered.push(Unanswered {
            span: self.runs.get(run).and_then(|live| live.plan.place(instance)),
            name,
            path,
            why: Why::Exhausted { mock: mock.name.span, name: mock.name.value.clone(), answers },
            line,
            service: String::new(),
            by_service: String::new(),
            form: "",
        });
    }

    fn come(
        &mut self,
        run: usize,
        at: Now,
        (instance, attempt, request): (Instance, u32, RequestHash),
        outcome: Outcome,
        pieces: Vec<Value>,
    ) {
        let emitted = !pieces.is_empty();
        let performed = Performed { instance, attempt, request, outcome, emitted, took: None };
        self.push(at, Happening::Performed { run, performed, pieces });
    }

    fn call(
        &mut self,
        run: usize,
        instance: Instance,
        attempt: u32,
        request: &Arc<HttpRequest>,
        hash: RequestHash,
    ) {
        let (name, path) = self.names(run, &instance);
        if request.stream.emit {
            // The listener is told to forget what an earlier attempt said.
            self.record.emitted.retain(|(said_by, _)| *said_by != name);
        }
        let has_token = self.case.principal.as_ref().is_some_and(|principal| principal.has_token);
        let why = match self.shelf.take(&name, &path, Some(request)) {
            None => Why::NoMock,
            Some(Found::Exhausted { mock, answers }) => {
                Why::Exhausted { mock: mock.name.span, name: mock.name.value.clone(), answers }
            }
            Some(Found::Answer(answer)) => {
                match answer.called(request, self.setting.project, has_token, self.now) {
                    Ok(Come { after, outcome, pieces }) => {
                        let at = self.now.checked_add(after).unwrap_or(Now::MAX);
                        let outcome = outcome.map_or_else(Outcome::Failure, Outcome::Answer);
                        return self.come(run, at, (instance, attempt, hash), outcome, pieces);
                    }
                    Err(reason) => Why::Unfit { mock: answer.span, reason },
                }
            }
        };
        let method = json!(request.method);
        self.unanswered.push(Unanswered {
            span: self.runs.get(run).and_then(|live| live.plan.place(&instance)),
            name,
            path,
            why,
            line: request::line(request),
            service: request.service.to_string(),
            by_service: format!("{} {} {}", request.service, method.as_str().unwrap_or("*"), request.path)
                .trim()
                .to_owned(),
            form: match request.parse {
                Parse::Sse | Parse::Lines => "{ text: … }",
                _ => "{ body: … }",
            },
        });
    }

    fn child(&mut self, run: usize, asked: (Instance, u32, RequestHash), pathway: &str, input: Value) {
        let (name, path) = self.names(run, &asked.0);
        match self.shelf.take(&name, &path, None) {
            None => {}
            Some(Found::Exhausted { mock, answers }) => {
                return self.exhausted(run, &asked.0, (mock, answers), format!("it calls `{pathway}`"));
            }
            Some(Found::Answer(answer)) => {
                let schema = self.setting.program.pathways.get(pathway).and_then(|it| it.input.as_deref());
                let Come { after, outcome, .. } = answer.returned(schema, &input);
                let at = self.now.checked_add(after).unwrap_or(Now::MAX);
                let outcome = outcome.map_or_else(Outcome::Failure, Outcome::Answer);
                return self.come(run, at, asked, outcome, Vec::new());
            }
        }
        let depth = self.runs.get(run).map_or(0, |live| live.depth) + 1;
        let plan = self.setting.program.pathways.get(pathway).cloned();
        let Some(plan) = plan.filter(|_| self.runs.len() < RUNS) else {
            let message =
                format!("`{pathway}` cannot be called: there are too many runs, or no such pathway");
            let outcome = Outcome::Failure(Failure::new(Class::Bug, message));
            return self.come(run, self.now, asked, outcome, Vec::new());
        };
        let (instance, attempt, _) = asked;
        let prefix = (format!("{name}/"), format!("{path}/"));
        let child = self.begin(plan, prefix, Some((run, instance.clone(), attempt)), depth);
        if let Some(live) = self.runs.get_mut(run) {
            live.called.insert(instance, child);
        }
        self.start(child, input);
    }

    fn claim(&mut self, run: usize, asked: (Instance, u32, RequestHash), step: &str, key: &str) {
        let Some(live) = self.runs.get_mut(run) else { return };
        let claim = (live.plan.name.to_string(), step.to_owned(), key.to_owned());
        let path = format!("{}{step}", live.prefix.1);
        let done = self.case.done.iter().position(|it| {
            it.step == path && it.keys.as_ref().is_none_or(|keys| keys.iter().any(|it| it == key))
        });
        self.done.extend(done);
        let claimed = match done {
            Some(_) => Claimed::Done,
            None => self.claims.ask(claim, (run, asked.0.to_string())),
        };
        let answer = match claimed {
            Claimed::Granted => ClaimAnswer::Granted,
            Claimed::Done => {
                live.passed_over.push(asked.0.trim_end_matches('?').to_owned());
                ClaimAnswer::Done { by: None }
            }
            Claimed::Waits => return,
        };
        self.come(run, self.now, asked, Outcome::Answer(answer.to_value()), Vec::new());
    }

    /// What is not wanted any more does not come.
    fn abandon(&mut self, run: usize, instance: &Instance) {
        self.queue.retain(|_, happening| match happening {
            Happening::Performed { run: other, performed, .. } => {
                *other != run || performed.instance != *instance
            }
            _ => true,
        });
        let child = self.runs.get_mut(run).and_then(|live| live.called.remove(instance));
        if let Some(child) = child {
            let reason = Failure::new(Class::Cancelled, "whoever called it goes on without it");
            self.tell(child, Kind::Cancelled { reason });
        }
    }

    /// A run is over; whoever called it hears of it.
    fn over(&mut self, run: usize, outcome: Result<Value, Failure>) {
        let Some(live) = self.runs.get_mut(run) else { return };
        live.over = true;
        let Some((parent, instance, attempt)) = live.parent.clone() else { return };
        let Some(caller) = self.runs.get_mut(parent) else { return };
        caller.called.remove(&instance);
        let Some(hash) = caller.vm.pending(&instance).and_then(Effect::hash) else { return };
        let outcome = outcome.map_or_else(Outcome::Failure, Outcome::Answer);
        self.come(parent, self.now, (instance, attempt, hash), outcome, Vec::new());
    }
}

//! Plays one run of a pathway against scripted answers, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::step_path;
use pathway_engine::journal::{Event, Kind, Outcome, Performed, Principal, SEMANTICS, Started};
use pathway_engine::value::to_serde;
use pathway_engine::vm::{Applied, Body, ClaimAnswer, Class, Effect, Failure, HttpRequest, Vm};
use serde_json::{Value as Json, json};

use crate::plan_in;

/// The user of all plays.
pub(crate) const USER: &str = "u1";
/// A day in the middle of a month.
pub(crate) const NOW: &str = "2024-05-20T12:00:00Z";

/// A run that is to be played.
pub(crate) struct Play {
    pathway: String,
    input: Json,
    has_token: bool,
    environment: Vec<(&'static str, &'static str)>,
    answers: BTreeMap<String, VecDeque<Outcome>>,
    done: BTreeSet<(String, String)>,
}

/// A run that was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) outcome: Result<Json, Failure>,
    /// Calls in the order in which they were made, by step.
    pub(crate) sent: Vec<(String, HttpRequest)>,
    /// Records: topic, key and value.
    pub(crate) published: Vec<(String, String, Json)>,
}

impl Play {
    /// A run of `pathway` for `input`, asked for by a user with a token.
    pub(crate) fn of(pathway: &str, input: Json) -> Self {
        Self {
            pathway: pathway.into(),
            input,
            has_token: true,
            environment: vec![("SUPABASE_SERVICE_ROLE_KEY", "service")],
            answers: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    /// Another run has done what the step does once for that key.
    pub(crate) fn done(mut self, step: &str, key: &str) -> Self {
        self.done.insert((step.into(), key.into()));
        self
    }

    /// Asked for by nobody with a token, but by someone who is trusted.
    pub(crate) fn without_token(mut self) -> Self {
        self.has_token = false;
        self
    }

    /// In this environment.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// The step is answered with this body. Of several answers each attempt gets the next one,
    /// and the last one stands.
    pub(crate) fn on(self, step: &str, body: Json) -> Self {
        self.then(step, Outcome::Answer(value(&json!({"status": 200, "headers": {}, "body": body}))))
    }

    /// The step is answered with this body and nothing else.
    pub(crate) fn instead(mut self, step: &str, body: Json) -> Self {
        self.answers.remove(step);
        self.on(step, body)
    }

    /// The language model answers the step with this text.
    pub(crate) fn says(self, step: &str, text: &str) -> Self {
        let answer = json!({"status": 200, "headers": {}, "body": null, "text": text, "chunks": [text]});
        self.then(step, Outcome::Answer(value(&answer)))
    }

    /// The step's call fails.
    pub(crate) fn fails(self, step: &str, class: Class) -> Self {
        self.then(step, Outcome::Failure(Failure::new(class, "the upstream is not well")))
    }

    fn then(mut self, step: &str, outcome: Outcome) -> Self {
        self.answers.entry(step.into()).or_default().push_back(outcome);
        self
    }

    fn answer(&mut self, step: &str) -> Outcome {
        let answers = self.answers.get_mut(step).unwrap_or_else(|| panic!("nothing answers `{step}`"));
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
    }

    /// Plays it to its end.
    pub(crate) fn play(mut self) -> Played {
        let mut vm = Vm::new(plan_in(&self.pathway, &self.environment));
        let mut now: Timestamp = NOW.parse().unwrap();
        let mut played = Played { outcome: Ok(Json::Null), sent: Vec::new(), published: Vec::new() };
        let principal = Principal { sub: USER.into(), role: None, claims: None, has_token: self.has_token };
        let mut kind = Kind::Started(Started {
            run: "018f0000-0000-7000-8000-000000000001".into(),
            input: value(&self.input).into(),
            principal: Some(principal),
            seed: 7,
            semantics: SEMANTICS,
            attempt: 1,
            depth: 0,
            sealed: None,
            refused: None,
            trace: None,
            caller: None,
            rerun: None,
        });
        loop {
            assert_eq!(vm.apply(&Event { at: now, kind }, &mut Vec::new()), Applied::Yes);
            if let Some(outcome) = vm.outcome() {
                played.outcome = outcome.as_ref().map(to_serde).map_err(Clone::clone);
                return played;
            }
            let effects: Vec<_> = vm.in_flight().into_iter().map(|unfinished| unfinished.effect).collect();
            let next = effects.iter().find(|effect| effect.instance().is_some());
            kind = match next {
                Some(effect) => Kind::Performed(self.perform(effect, &mut played)),
                None => {
                    let timers = effects.iter().filter_map(|effect| match effect {
                        Effect::Timer { timer, at, .. } => Some((*at, *timer)),
                        _ => None,
                    });
                    let (at, timer) = timers.min().unwrap_or_else(|| panic!("the run waits for nothing"));
                    now = now.max(at);
                    Kind::Fired { timer }
                }
            };
        }
    }

    fn perform(&mut self, effect: &Effect, played: &mut Played) -> Performed {
        let instance = effect.instance().unwrap().clone();
        let outcome = match effect {
            Effect::Http { request, .. } => {
                let step = step_path(&instance);
                played.sent.push((step.clone(), (**request).clone()));
                self.answer(&step)
            }
            Effect::Publish { topic, key, value: record, .. } => {
                played.published.push((topic.to_string(), key.clone().unwrap_or_default(), to_serde(record)));
                Outcome::Answer(value(&json!({"id": "m1"})))
            }
            Effect::Claim { step, key, .. } => {
                let is_done = self.done.contains(&(step.to_string(), key.to_string()));
                let done = ClaimAnswer::Done { by: Some("another".into()) };
                Outcome::Answer(if is_done { done } else { ClaimAnswer::Granted }.to_value())
            }
            other => panic!("not expected: {other:?}"),
        };
        let attempt = effect.attempt().unwrap();
        Performed { instance, attempt, request: effect.hash().unwrap(), outcome, emitted: false, took: None }
    }
}

impl Played {
    /// What the run returned.
    pub(crate) fn returned(&self) -> &Json {
        self.outcome.as_ref().unwrap_or_else(|failure| panic!("failed: {failure:?}"))
    }

    /// How the run failed.
    pub(crate) fn failure(&self) -> &Failure {
        self.outcome.as_ref().expect_err("the run returned")
    }

    /// Steps that made a call, in order.
    pub(crate) fn calls(&self) -> Vec<&str> {
        self.sent.iter().map(|(step, _)| step.as_str()).collect()
    }

    /// The only call of a step.
    pub(crate) fn call(&self, step: &str) -> &HttpRequest {
        let calls: Vec<_> = self.sent.iter().filter(|(name, _)| name == step).collect();
        match calls.as_slice() {
            [(_, request)] => request,
            calls => panic!("`{step}` made {} calls", calls.len()),
        }
    }

    /// A parameter of the only call of a step.
    pub(crate) fn query(&self, step: &str, name: &str) -> &str {
        let request = self.call(step);
        let found = request.query.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("`{step}` has no `{name}`: {:?}", request.query)).1
    }

    /// The JSON body of the only call of a step.
    pub(crate) fn json(&self, step: &str) -> Json {
        body(self.call(step))
    }

    /// What the language model was asked by a step, each time.
    pub(crate) fn prompts(&self, step: &str) -> Vec<String> {
        let calls = self.sent.iter().filter(|(name, _)| name == step);
        calls.map(|(_, request)| text_of(&body(request))).collect()
    }

    /// Values published to a topic.
    pub(crate) fn records(&self, topic: &str) -> Vec<&Json> {
        self.published.iter().filter(|(name, ..)| name == topic).map(|(.., value)| value).collect()
    }
}

fn body(request: &HttpRequest) -> Json {
    match &request.body {
        Body::Json(value) => to_serde(value),
        other => panic!("no JSON: {other:?}"),
    }
}

fn text_of(body: &Json) -> String {
    body.pointer("/contents/0/parts/0/text").and_then(Json::as_str).unwrap().to_owned()
}

fn value(json: &Json) -> Value {
    pathway_engine::value::from_json(json.to_string().as_bytes()).unwrap()
}

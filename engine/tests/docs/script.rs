//! What an example says of its own run, in the comments below it.
//!
//! `# input: …`, `# mocks: …` (by step path, as in a test of a pathway; a list has one per
//! attempt), `# done: …` (steps with `once` that another run has done), then `# returns: …` or `# fails: CLASS`, each a line of YAML.

use std::collections::{HashMap, HashSet};

use pathway_engine::journal::{Kind, Signal};
use pathway_engine::vm::{ClaimAnswer, Class, Effect, Failure};
use serde_json::{Value as Json, json};

use crate::support::Run;

/// What is given to a run and expected of it.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) input: Json,
    mocks: HashMap<String, Json>,
    done: HashSet<String>,
    expected: Option<Expected>,
}

enum Expected {
    Returns(String),
    Fails(String),
}

impl Script {
    /// Reads the comments of an example.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        let mut script = Self { input: json!({}), ..Self::default() };
        for line in text.lines() {
            let Some((name, value)) = line.strip_prefix("# ").and_then(|line| line.split_once(": ")) else {
                continue;
            };
            let value: Json = serde_yaml::from_str(value).map_err(|error| format!("`{line}`: {error}"))?;
            match name {
                "input" => script.input = value,
                "mocks" => {
                    let mocks = value.as_object().ok_or("`mocks` is no map")?;
                    script.mocks = mocks.iter().map(|(step, mock)| (step.clone(), mock.clone())).collect();
                }
                "done" => {
                    let done = value.as_array().ok_or("`done` is no list")?;
                    script.done = done.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                }
                "returns" => script.expected = Some(Expected::Returns(value.to_string())),
                "fails" => {
                    script.expected = Some(Expected::Fails(value.as_str().unwrap_or_default().to_owned()));
                }
                other => return Err(format!("`# {other}:` is not known")),
            }
        }
        if script.expected.is_none() {
            return Err("it says neither what it `returns` nor how it `fails`".to_owned());
        }
        Ok(script)
    }

    /// Answers what `run` asks for until it ends, and compares the end with what is expected.
    pub(crate) fn play(&self, run: &mut Run) -> Result<(), String> {
        let mut asked: HashMap<String, usize> = HashMap::new();
        for _ in 0..1000 {
            if run.vm.outcome().is_some() {
                return self.judge(run);
            }
            let waiting = run.waiting();
            if let Some((execution, answer)) = waiting.iter().find_map(|it| self.claim(it)) {
                run.answer_claim(execution, &answer);
                continue;
            }
            let Some(instance) = waiting.iter().find(|it| self.answer(run, it, &asked).is_some()) else {
                if run.fire() {
                    continue;
                }
                return Err(format!("it waits for {waiting:?}, for which there is no mock"));
            };
            let answer = self.answer(run, instance, &asked).unwrap();
            *asked.entry(plain(instance)).or_default() += 1;
            let signal = match run.vm.pending(instance) {
                Some(Effect::Await { name, .. }) => Some(name.clone()),
                _ => None,
            };
            match (signal, answer) {
                (Some(name), Ok(payload)) => {
                    let payload = pathway_engine::value::from_serde(&payload);
                    run.tell(Kind::Signalled(Signal { name, payload, from: None, key: None }));
                }
                (_, Ok(value)) => run.answer(instance, &value.to_string()),
                (_, Err(failure)) => run.fail(instance, failure),
            }
        }
        Err("it does not end".to_owned())
    }

    /// What a claim is answered with, and whose it is.
    fn claim<'a>(&self, instance: &'a str) -> Option<(&'a str, ClaimAnswer)> {
        let execution = instance.strip_suffix('?')?;
        let answer = match self.done.contains(&plain(execution)) {
            true => ClaimAnswer::Done { by: None },
            false => ClaimAnswer::Granted,
        };
        Some((execution, answer))
    }

    /// What the effect of `instance` is answered with; none where nothing is said of it.
    fn answer(
        &self,
        run: &Run,
        instance: &str,
        asked: &HashMap<String, usize>,
    ) -> Option<Result<Json, Failure>> {
        let effect = run.vm.pending(instance)?;
        let path = plain(instance);
        let mock = match self.mocks.get(&path) {
            Some(Json::Array(list)) => list.get(*asked.get(&path).unwrap_or(&0)).or(list.last())?,
            Some(mock) => mock,
            None => {
                return match effect {
                    Effect::Publish { .. } => Some(Ok(json!({ "id": path }))),
                    Effect::Emit { value, .. } => Some(Ok(pathway_engine::value::to_serde(value))),
                    _ => None,
                };
            }
        };
        if let Some(failure) = mocked_failure(mock, effect) {
            return Some(Err(failure));
        }
        let mut answer = mock.clone();
        if let (Effect::Http { .. }, Some(map)) = (&effect, answer.as_object_mut()) {
            map.entry("status").or_insert(json!(200));
            map.entry("headers").or_insert(json!({}));
            map.entry("body").or_insert(Json::Null);
        }
        Some(Ok(answer))
    }

    fn judge(&self, run: &Run) -> Result<(), String> {
        let ended = run.vm.outcome().unwrap();
        match (self.expected.as_ref().unwrap(), ended) {
            (Expected::Returns(wanted), Ok(value)) => {
                let value = pathway_engine::value::to_serde(value).to_string();
                // As text, in which `1` is not `1.0` and the order of keys counts.
                if value == *wanted { Ok(()) } else { Err(format!("it returns {value}, not {wanted}")) }
            }
            (Expected::Fails(wanted), Err(failure)) if failure.class.name() == wanted => Ok(()),
            (_, ended) => Err(format!("it ends otherwise: {ended:?}")),
        }
    }
}

/// What a mocked time-out or status is, as `pathway run --mock` has it.
fn mocked_failure(mock: &Json, effect: &Effect) -> Option<Failure> {
    if mock.get("timeout") == Some(&json!(true)) {
        return Some(Failure::new(Class::Timeout, "mocked"));
    }
    let Effect::Http { request, .. } = effect else { return None };
    let status = mock.get("status")?.as_u64()?;
    let accepted = status < 400 || request.accept.iter().any(|accepted| u64::from(*accepted) == status);
    let class = match status {
        408 | 504 => Class::Timeout,
        429 => Class::RateLimited,
        500.. => Class::Outage,
        _ => Class::Upstream,
    };
    (!accepted).then(|| Failure::new(class, "mocked"))
}

/// The path of a step, without the marks of iterations and attempts.
fn plain(instance: &str) -> String {
    pathway_engine::compile::step_path(instance)
}

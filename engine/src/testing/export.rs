//! A run that really happened, as a case.
//!
//! Its journal has all that came to it: that becomes the input, the mocks and the signals. What it then
//! did is what is expected, until somebody says what it should have done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::request;
use crate::Value;
use crate::compile::{Plan, step_path};
use crate::document::scalar;
use crate::expression::Now;
use crate::journal::{Event, Kind, Outcome, Performed, Started};
use crate::value::{from_serde, to_json, to_serde};
use crate::vm::{ClaimAnswer, Class, Effect, Failure, Vm};

/// Headers of answers that say nothing to a pathway.
const NOISE: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "vary",
];

/// A run as a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// What stands below the name of the case.
    pub case: Json,
    /// What a case cannot say of the run.
    pub notes: Vec<String>,
}

/// The run of `plan` with that journal, as a case; none: it has not begun.
#[must_use]
pub fn export(plan: &Arc<Plan>, events: &[Event]) -> Option<Exported> {
    let mut export = Export::default();
    let (first, rest) = events.split_first()?;
    let Kind::Started(started) = &first.kind else { return None };
    let mut vm = Vm::new(plan.clone());
    export.tell(&mut vm, first);
    for event in rest {
        if let Kind::Compacted(compacted) = &event.kind {
            let events = compacted.events;
            export.notes.push(format!(
                "the first {events} events of its journal were compacted: what came after it began is left out"
            ));
            break;
        }
        if let Kind::Redriven { .. } = event.kind {
            export.notes.push("it was redriven: what came after it had failed is left out".to_owned());
            break;
        }
        export.event(first, event);
        export.tell(&mut vm, event);
    }
    let mut case = Map::new();
    case.insert("now".to_owned(), first.at.to_string().into());
    case.extend(auth(started));
    case.insert("input".to_owned(), to_serde(&started.input));
    if started.rerun.is_some() {
        export.notes.push("it ran another run again: steps that it kept have no mocks".to_owned());
    }
    export.unanswered();
    let mocks = export.mocks();
    let Export { signals, done, mut published, notes, .. } = export;
    // One key alone, several as a list.
    let done = done.into_iter().map(|(step, mut keys)| match keys.len() {
        1 => (step, keys.pop().unwrap_or_default()),
        _ => (step, Json::Array(keys)),
    });
    let done: Map<String, Json> = done.collect();
    for (name, value) in [("mocks", mocks), ("done", Json::Object(done)), ("signals", signals.into())] {
        if value.as_object().is_some_and(|map| !map.is_empty())
            || value.as_array().is_some_and(|list| !list.is_empty())
        {
            case.insert(name.to_owned(), value);
        }
    }
    let mut expect = Map::new();
    let mut notes = notes;
    match vm.outcome() {
        Some(Ok(value)) => drop(expect.insert("return".to_owned(), literal(to_serde(value)))),
        Some(Err(failure)) => drop(expect.insert("error".to_owned(), expected(failure))),
        None => notes.push("it is not over".to_owned()),
    }
    // In the order in which they were asked for, in which a case has them.
    published.sort_by_key(|(n, _, _)| *n);
    let mut topics: Map<String, Json> = Map::new();
    for (_, topic, record) in published {
        let records = topics.entry(topic).or_insert_with(|| json!([]));
        records.as_array_mut().into_iter().for_each(|records| records.push(record.clone()));
    }
    if !topics.is_empty() {
        expect.insert("published".to_owned(), Json::Object(topics));
    }
    case.insert("expect".to_owned(), Json::Object(expect));
    Some(Exported { case: Json::Object(case), notes })
}

#[derive(Debug, Default)]
struct Export {
    /// What each execution was answered, by its attempts.
    answers: BTreeMap<String, BTreeMap<u32, Json>>,
    /// What executions asked for last, when, and which of all effects it was.
    asked: BTreeMap<String, (Effect, Now, usize)>,
    /// All executions that asked for something.
    seen: BTreeSet<String>,
    effects: usize,
    signals: Vec<Json>,
    done: BTreeMap<String, Vec<Json>>,
    /// Which of all effects it was, the topic and the record.
    published: Vec<(usize, String, Json)>,
    notes: Vec<String>,
}

impl Export {
    /// Tells the machine, and takes note of what it asks for.
    fn tell(&mut self, vm: &mut Vm, event: &Event) {
        let mut effects = Vec::new();
        // What meant nothing to the run means nothing to the case.
        let _applied = vm.apply(event, &mut effects);
        for effect in effects {
            let (Some(instance), false) = (effect.instance(), matches!(effect, Effect::Abandon { .. }))
            else {
                continue;
            };
            self.seen.insert(instance.to_string());
            self.effects += 1;
            self.asked.insert(instance.to_string(), (effect, event.at, self.effects));
        }
    }

    /// Takes note of a record that got through.
    fn published(&mut self, effect: &Effect, n: usize) {
        if let (Effect::Publish { topic, .. }, Some(mut sent)) = (effect, request::sent(effect)) {
            if let Some(record) = sent.as_object_mut() {
                record.remove("topic");
                let value = record.get_mut("value").map(Json::take).unwrap_or_default();
                record.insert("value".to_owned(), literal(value));
            }
            self.published.push((n, topic.to_string(), sent));
        }
    }

    fn event(&mut self, first: &Event, event: &Event) {
        match &event.kind {
            Kind::Performed(performed) => self.performed(event.at, performed),
            Kind::Signalled(signal) => {
                let after = Duration::try_from(event.at.duration_since(first.at)).unwrap_or_default();
                let mut told = json!({ "name": signal.name });
                if let Some(map) = told.as_object_mut() {
                    if !signal.payload.is_none() {
                        map.insert("payload".to_owned(), to_serde(&signal.payload));
                    }
                    map.extend(signal.from.clone().map(|from| ("from".to_owned(), Json::from(from))));
                    map.insert("after".to_owned(), scalar::written(after).into());
                }
                self.signals.push(told);
            }
            Kind::Cancelled { reason } => {
                self.notes.push(format!("it was called off ({}), which a case cannot do", reason.message));
            }
            _ => {}
        }
    }

    fn performed(&mut self, at: Now, performed: &Performed) {
        let instance = performed.instance.to_string();
        let Some((effect, asked, n)) = self.asked.remove(&instance) else { return };
        let after = Duration::try_from(at.duration_since(asked)).unwrap_or_default();
        let mut answer = match (&effect, &performed.outcome) {
            (Effect::Http { .. }, Outcome::Answer(value)) => answered(value),
            (Effect::Child { .. }, Outcome::Answer(value)) => json!({ "return": to_serde(value) }),
            (Effect::Claim { step, key, .. }, Outcome::Answer(value)) => {
                if *value != ClaimAnswer::Granted.to_value() {
                    let keys = self.done.entry(step.to_string()).or_default();
                    let key = Json::from(&**key);
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                return;
            }
            (_, Outcome::Answer(_)) => {
                self.published(&effect, n);
                // After failures it is an answer as well, or these would be all that there is.
                if !self.answers.contains_key(&instance) {
                    return;
                }
                json!({})
            }
            (Effect::Http { .. }, Outcome::Failure(failure)) => {
                if performed.emitted {
                    self.notes.push(format!("`{instance}` had emitted before it failed: what, is not kept"));
                }
                refused(failure)
            }
            (_, Outcome::Failure(failure)) => json!({ "error": error(failure) }),
        };
        // What came first is to come first again.
        if let (Some(map), true) = (answer.as_object_mut(), after.as_millis() > 0)
            && !map.contains_key("timeout")
        {
            map.insert("delay".to_owned(), scalar::written(after).into());
        }
        self.answers.entry(instance).or_default().insert(performed.attempt, answer);
    }

    /// Calls that were under way at the end: their answers did not come in time.
    fn unanswered(&mut self) {
        for (instance, (effect, _, n)) in std::mem::take(&mut self.asked) {
            match (&effect, effect.attempt()) {
                (Effect::Http { .. }, Some(attempt)) => {
                    let answer = json!({ "timeout": true, "optional": true });
                    self.answers.entry(instance).or_default().insert(attempt, answer);
                }
                (Effect::Claim { step, .. }, _) => {
                    self.notes
                        .push(format!("`{step}` waited for a claim of another run, and is not held up here"));
                }
                // A case knows no records that are under way.
                (Effect::Publish { .. }, _) => self.published(&effect, n),
                _ => {}
            }
        }
    }

    /// By step, or by execution where a step had several.
    fn mocks(&self) -> Json {
        let mut mocks = Map::new();
        for (instance, answers) in &self.answers {
            let path = step_path(instance);
            let is_only = self.seen.iter().filter(|other| step_path(other) == path).count() == 1;
            let answers: Vec<&Json> = answers.values().collect();
            let value = match answers.as_slice() {
                [one] => (*one).clone(),
                several => several.iter().map(|it| (*it).clone()).collect(),
            };
            mocks.insert(if is_only { path } else { instance.clone() }, value);
        }
        Json::Object(mocks)
    }
}

fn auth(started: &Started) -> Option<(String, Json)> {
    let principal = started.principal.as_ref()?;
    let mut auth = json!({ "sub": principal.sub });
    if let Some(map) = auth.as_object_mut() {
        map.extend(principal.role.clone().map(|role| ("role".to_owned(), Json::from(role))));
        map.extend(principal.claims.as_ref().map(|claims| ("claims".to_owned(), to_serde(claims))));
        if principal.has_token {
            map.insert("has_token".to_owned(), true.into());
        }
    }
    Some(("auth".to_owned(), auth))
}

/// What a call was answered.
fn answered(value: &Value) -> Json {
    let json = to_serde(value);
    let mut answer = Map::new();
    if let Some(status) = json.get("status").filter(|status| **status != 200) {
        answer.insert("status".to_owned(), status.clone());
    }
    let headers = json.get("headers").and_then(Json::as_object);
    let telling = headers.into_iter().flatten().filter(|(name, _)| !NOISE.contains(&name.as_str()));
    let telling: Map<String, Json> = telling.map(|(name, text)| (name.clone(), text.clone())).collect();
    if !telling.is_empty() {
        answer.insert("headers".to_owned(), Json::Object(telling));
    }
    match json.get("chunks") {
        Some(chunks) => drop(answer.insert("text".to_owned(), chunks.clone())),
        None => answer.extend(json.get("body").map(|body| ("body".to_owned(), body.clone()))),
    }
    Json::Object(answer)
}

/// How a call failed.
fn refused(failure: &Failure) -> Json {
    let Some(status) = failure.status else {
        return match failure.class {
            Class::Timeout => json!({ "timeout": true }),
            _ => json!({ "error": error(failure) }),
        };
    };
    let mut answer = json!({ "status": status });
    if let Some(map) = answer.as_object_mut() {
        let after = failure.retry_after.map(|millis| json!({ "retry-after": millis.div_ceil(1000) }));
        map.extend(after.map(|after| ("headers".to_owned(), after)));
        let body = failure.details.as_ref().map(to_serde).and_then(|details| details.get("body").cloned());
        let body = body.filter(|body| !body.is_null() && body.as_str() != Some(""));
        map.extend(body.map(|body| {
            // As text where it is written in another way, which `details` has.
            let read = body.as_str().and_then(|text| {
                let read: Json = serde_json::from_str(text).ok()?;
                (to_json(&from_serde(&read)) == text).then_some(read)
            });
            ("body".to_owned(), read.unwrap_or(body))
        }));
    }
    answer
}

fn error(failure: &Failure) -> Json {
    let mut error = json!({ "class": failure.class.name(), "message": failure.message });
    if let Some(map) = error.as_object_mut() {
        map.extend(failure.code.clone().map(|code| ("code".to_owned(), Json::from(code))));
        map.extend(failure.status.map(|status| ("status".to_owned(), Json::from(status))));
    }
    error
}

/// What is expected of a failure.
fn expected(failure: &Failure) -> Json {
    let mut expected = error(failure);
    if let Some(map) = expected.as_object_mut() {
        map.extend(failure.step.clone().map(|step| ("step".to_owned(), Json::from(step))));
    }
    expected
}

/// A value as what is expected: one whose keys could be taken for matchers is compared as it is.
fn literal(value: Json) -> Json {
    fn has_dollar(value: &Json) -> bool {
        match value {
            Json::Object(map) => map.iter().any(|(name, item)| name.starts_with('$') || has_dollar(item)),
            Json::Array(items) => items.iter().any(has_dollar),
            _ => false,
        }
    }
    if has_dollar(&value) { json!({ "$exactly": value }) } else { value }
}

//! Answers given instead of calling a service: of all services (`pathway run --mock`), or of those that
//! are not there (`pathway dev`).

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::Value;
use pathway_engine::compile::step_path;
use pathway_engine::project::Project;
use pathway_engine::value::ValueKind;
use pathway_engine::vm::{Class, Failure, HttpRequest};

/// Answers by step path; of a list, one per attempt.
#[derive(Debug, Clone, Default)]
pub struct Mocks {
    answers: BTreeMap<String, Value>,
    /// The services that they stand for beside those without a URL, by answers that name their pathway;
    /// none: they stand for all.
    stand_ins: Option<BTreeSet<String>>,
}

impl Mocks {
    /// Reads a map: step path → `{body, status, headers, text, chunks}`, `{timeout: true}`, or a
    /// list of those, one per attempt.
    ///
    /// # Errors
    /// It is no such map.
    pub fn read(mocks: &Value) -> Result<Self, String> {
        if mocks.kind() != ValueKind::Map {
            return Err("mocks are a map from step to answer".to_owned());
        }
        let names = mocks.try_iter().map_err(|error| error.to_string())?;
        let mut answers = BTreeMap::new();
        for name in names {
            let answer = mocks.get_item(&name).map_err(|error| error.to_string())?;
            answers.insert(name.to_string(), answer);
        }
        Ok(Self { answers, stand_ins: None })
    }

    /// Answers in the place of services that have no URL, and of those that are named. What is not among
    /// `answers`, by pathway and path of a step, is answered with an empty object.
    #[must_use]
    pub fn standing_in(
        services: impl IntoIterator<Item = String>,
        answers: impl IntoIterator<Item = (String, String, Value)>,
    ) -> Self {
        let answers = answers.into_iter().map(|(pathway, step, answer)| (by_name(&pathway, &step), answer));
        Self { answers: answers.collect(), stand_ins: Some(services.into_iter().collect()) }
    }

    /// Whether a service is answered for.
    #[must_use]
    pub fn stand_for_service(&self, project: &Project, service: &str) -> bool {
        let Some(named) = &self.stand_ins else { return true };
        let has_no_url = || project.services.get(service).is_some_and(|it| it.url.value.is_empty());
        named.contains(service) || has_no_url()
    }

    pub(super) fn stand_for(&self, project: &Project, request: &HttpRequest) -> bool {
        self.stand_for_service(project, &request.service)
    }

    /// Steps that are mocked.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.answers.keys().map(String::as_str)
    }

    /// What the call of a step is answered with. Where there is nothing, it fails: a run with mocks calls
    /// nobody; unless they stand in for services.
    ///
    /// # Errors
    /// The failure that is mocked, or that there is no mock.
    pub(super) fn answer(
        &self,
        pathway: &str,
        instance: &str,
        attempt: u32,
        accept: &[u16],
    ) -> Result<Value, Failure> {
        let path = step_path(instance);
        let known = |step: &str| match self.stand_ins {
            None => self.answers.get(step),
            Some(_) => self.answers.get(&by_name(pathway, step)),
        };
        let Some(mock) = known(instance).or_else(|| known(&path)) else {
            if self.stand_ins.is_some() {
                tracing::warn!(
                    pathway,
                    step = path,
                    "nothing is mocked for it: answered with an empty object"
                );
                let empty = Value::from_pairs(std::iter::empty::<(Value, Value)>());
                return outcome(&Value::from_pairs([("body", empty)]), accept);
            }
            let message = format!("step `{path}` has no mock, and a run with mocks calls no service");
            return Err(Failure::new(Class::Bug, message));
        };
        let one = match mock.kind() {
            ValueKind::Seq => {
                let last = mock.len().unwrap_or(1).saturating_sub(1);
                let n = (attempt as usize).saturating_sub(1).min(last);
                mock.get_item_by_index(n).unwrap_or_default()
            }
            _ => mock.clone(),
        };
        outcome(&one, accept)
    }
}

fn by_name(pathway: &str, step: &str) -> String {
    format!("{pathway}/{step}")
}

/// The pieces of a mocked stream.
pub(super) fn chunks(answer: &Value) -> Vec<Value> {
    let chunks = answer.get_attr("chunks").ok();
    chunks.and_then(|chunks| Some(chunks.try_iter().ok()?.collect())).unwrap_or_default()
}

fn outcome(mock: &Value, accept: &[u16]) -> Result<Value, Failure> {
    let get = |name: &str| mock.get_attr(name).ok().filter(|value| !value.is_undefined());
    if get("timeout").is_some_and(|value| value.is_true()) {
        return Err(Failure::new(Class::Timeout, "mocked: took too long"));
    }
    let status = get("status").and_then(|status| status.as_i64()).unwrap_or(200);
    let status = u16::try_from(status).unwrap_or(500);
    if status >= 400 && !accept.contains(&status) {
        let class = match status {
            408 | 504 => Class::Timeout,
            429 => Class::RateLimited,
            500.. => Class::Outage,
            _ => Class::Upstream,
        };
        let mut failure = Failure::new(class, format!("mocked: answered {status}"));
        failure.status = Some(status);
        failure.details = get("body");
        return Err(failure);
    }
    let none = || Value::from(());
    let pieces = get("text").filter(|text| text.kind() == ValueKind::Seq);
    let chunks = get("chunks").or(pieces);
    let text = get("text").filter(|text| text.kind() != ValueKind::Seq).or_else(|| {
        let pieces = chunks.as_ref()?.try_iter().ok()?;
        Some(Value::from(pieces.map(|piece| piece.to_string()).collect::<String>()))
    });
    let mut pairs = vec![
        ("status", Value::from(status)),
        (
            "headers",
            get("headers").unwrap_or_else(|| Value::from_pairs(std::iter::empty::<(Value, Value)>())),
        ),
        ("body", get("body").unwrap_or_else(none)),
    ];
    if let Some(text) = text {
        pairs.push(("text", text));
        pairs.push(("chunks", chunks.unwrap_or_else(none)));
    }
    Ok(Value::from_pairs(pairs))
}

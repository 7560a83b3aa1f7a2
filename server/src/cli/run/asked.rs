//! What a step asks for, for people.

use pathway_engine::Value;
use pathway_engine::vm::{Body, Effect, HttpRequest};
use serde_json::{Map, Value as Json, json};

use super::mask::Mask;

const MASKED: &str = "********";

/// What an effect asks for, its templates filled in, by name; secrets are masked.
pub(in crate::cli) fn asked(effect: &Effect, mask: &Mask) -> Vec<(&'static str, String)> {
    let value = |value: &Value| mask.value(value).to_string();
    match effect {
        Effect::Http { request, .. } => http(request, mask),
        Effect::Publish { topic, key, value: record, .. } => {
            let key = key.as_deref().map_or_else(String::new, |key| format!(", key `{}`", mask.text(key)));
            vec![("publish", format!("to `{topic}`{key}")), ("value", value(record))]
        }
        Effect::Child { pathway, input, .. } => {
            vec![("call", format!("`{pathway}`")), ("input", value(input))]
        }
        Effect::Emit { value: emitted, .. } => vec![("emit", value(emitted))],
        Effect::Await { name, .. } => vec![("wait", format!("for the signal `{name}`"))],
        Effect::Claim { .. }
        | Effect::Release { .. }
        | Effect::Timer { .. }
        | Effect::Abandon { .. }
        | Effect::Ended { .. } => Vec::new(),
    }
}

fn http(request: &HttpRequest, mask: &Mask) -> Vec<(&'static str, String)> {
    let method = json!(request.method);
    let method = method.as_str().unwrap_or_default();
    let mut facts =
        vec![("request", format!("{method} {} of `{}`", mask.text(&request.path), request.service))];
    if !request.query.is_empty() {
        facts.push(("query", pairs(&request.query, mask)));
    }
    if !request.headers.is_empty() {
        let headers: Map<String, Json> =
            request.headers.iter().map(|(name, _)| (name.clone(), MASKED.into())).collect();
        facts.push(("headers", Json::Object(headers).to_string()));
    }
    match &request.body {
        Body::Empty => {}
        Body::Json(value) => facts.push(("json", mask.value(value).to_string())),
        Body::Form(fields) => facts.push(("form", pairs(fields, mask))),
        Body::Multipart(fields) => facts.push(("multipart", pairs(fields, mask))),
        Body::Text(text) => facts.push(("body", mask.text(text))),
    }
    facts
}

fn pairs(pairs: &[(String, String)], mask: &Mask) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", mask.text(value))).collect();
    pairs.join(" & ")
}

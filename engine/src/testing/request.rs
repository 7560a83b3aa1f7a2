//! What a step asks of the outside, as tests see it.

use serde_json::{Map, Value as Json, json};

use crate::value::to_serde;
use crate::vm::{Body, Effect, HttpRequest};

/// What an effect asks for, by the names that the step's verb has for it; none of what tests do not
/// see.
#[must_use]
pub fn sent(effect: &Effect) -> Option<Json> {
    Some(match effect {
        Effect::Http { request, .. } => call(request),
        Effect::Publish { topic, key, value, headers, .. } => {
            let mut sent = Map::new();
            sent.insert("topic".to_owned(), Json::from(&**topic));
            sent.extend(key.as_deref().map(|key| ("key".to_owned(), Json::from(key))));
            sent.insert("value".to_owned(), to_serde(value));
            if !headers.is_empty() {
                sent.insert("headers".to_owned(), pairs(headers));
            }
            Json::Object(sent)
        }
        Effect::Emit { value, .. } => json!({ "value": to_serde(value) }),
        Effect::Child { pathway, input, .. } => json!({ "pathway": &**pathway, "input": to_serde(input) }),
        Effect::Await { name, from, .. } => json!({ "signal": name, "from": from }),
        Effect::Claim { .. }
        | Effect::Release { .. }
        | Effect::Timer { .. }
        | Effect::Abandon { .. }
        | Effect::Ended { .. } => return None,
    })
}

fn call(request: &HttpRequest) -> Json {
    let mut sent = Map::new();
    let mut set = |name: &str, value: Json| drop(sent.insert(name.to_owned(), value));
    set("service", Json::from(&*request.service));
    set("method", json!(request.method));
    set("path", Json::from(request.path.as_str()));
    if !request.query.is_empty() {
        set("query", pairs(&request.query));
    }
    if !request.headers.is_empty() {
        set("headers", pairs(&request.headers));
    }
    match &request.body {
        Body::Empty => {}
        Body::Json(value) => set("json", to_serde(value)),
        Body::Form(form) => set("form", pairs(form)),
        Body::Multipart(form) => set("multipart", pairs(form)),
        Body::Text(text) => set("body", Json::from(text.as_str())),
    }
    Json::Object(sent)
}

/// Names and texts as a map; a name that stands there more than once has a list.
fn pairs(pairs: &[(String, String)]) -> Json {
    let mut map = Map::new();
    for (name, text) in pairs {
        match map.get_mut(name) {
            None => drop(map.insert(name.clone(), Json::from(text.as_str()))),
            Some(Json::Array(list)) => list.push(Json::from(text.as_str())),
            Some(one) => *one = json!([one.clone(), text]),
        }
    }
    Json::Object(map)
}

/// `GET /stock?item=pen` of a call, for people.
pub(super) fn line(request: &HttpRequest) -> String {
    let method = json!(request.method);
    let mut line = format!("{} {}", method.as_str().unwrap_or_default(), request.path).trim_end().to_owned();
    for ((name, text), n) in request.query.iter().zip(0..) {
        line.push(if n == 0 { '?' } else { '&' });
        line.push_str(&format!("{name}={text}"));
    }
    line
}

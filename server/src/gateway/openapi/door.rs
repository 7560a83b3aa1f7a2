//! The operation of an HTTP door.

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::document::{Auth, HttpDoor, Mode};
use pathway_engine::vm::Method;
use serde_json::{Map, Value as Json, json};

use super::{Document, form, parts, reference};

/// Adds the door of `plan`.
pub(super) fn describe(document: &mut Document<'_>, plan: &Plan, http: &HttpDoor) {
    let method = format!("{:?}", http.method).to_ascii_lowercase();
    let has_body = matches!(http.method, Method::Post | Method::Put | Method::Patch);
    let mut parameters = vec![reference("parameters", "IdempotencyKey")];
    if http.mode != Mode::Accept {
        parameters.push(reference("parameters", "Prefer"));
    }
    let name = format!("{}.input", plan.name);
    let input = plan.input.as_ref().map(|schema| document.schema(&name, schema));
    if !has_body && input.is_some() {
        parameters.extend(query(document, &name));
    }
    let mut operation = json!({
        "operationId": &*plan.name,
        "summary": plan.summary.as_deref().unwrap_or(&plan.name),
        "tags": ["pathways"],
        "security": security(document, http),
        "parameters": parameters,
    });
    if has_body {
        // No body is taken for an empty object.
        let nothing = Value::from_pairs::<_, &str, Value>([]);
        let required = plan.input.as_ref().is_some_and(|schema| schema.check(&nothing).is_err());
        let schema = input.unwrap_or_else(|| json!({ "type": "object" }));
        let body = json!({ "required": required, "content": { "application/json": { "schema": schema } } });
        put(&mut operation, "requestBody", body);
    }
    put(&mut operation, "responses", Json::Object(responses(document, plan, http, has_body)));
    document.add(&method, &http.path.value, operation);
}

fn put(map: &mut Json, key: &str, value: Json) {
    if let Json::Object(map) = map {
        map.insert(key.to_owned(), value);
    }
}

/// The input as parameters of the query: one by one where the schema lists them.
fn query(document: &Document<'_>, name: &str) -> Vec<Json> {
    let schema = document.schemas.get(name).and_then(Json::as_object);
    let is_plain = |schema: &&Map<String, Json>| {
        !["$ref", "allOf", "anyOf", "oneOf", "not", "if"].iter().any(|key| schema.contains_key(*key))
    };
    let listed = schema.filter(is_plain).and_then(|schema| {
        let required = schema.get("required").and_then(Json::as_array);
        let properties = schema.get("properties")?.as_object()?;
        Some(properties.iter().map(move |(name, property)| {
            let is_required = required.is_some_and(|names| names.iter().any(|known| known == name));
            json!({ "name": name, "in": "query", "required": is_required, "schema": property })
        }))
    });
    match listed {
        Some(listed) => listed.collect(),
        None => {
            let schema = reference("schemas", name);
            vec![
                json!({ "name": "input", "in": "query", "style": "form", "explode": true, "schema": schema }),
            ]
        }
    }
}

fn security(document: &Document<'_>, http: &HttpDoor) -> Json {
    let is_got_stream = http.mode == Mode::Stream && http.method == Method::Get;
    let mut all = match http.auth {
        Auth::None => return json!([]),
        Auth::Service => return json!([{ "service": [] }]),
        Auth::User | Auth::Optional => document.credentials(is_got_stream),
    };
    if http.auth == Auth::Optional {
        all.insert(0, json!({}));
    }
    Json::Array(all)
}

fn responses(document: &mut Document<'_>, plan: &Plan, http: &HttpDoor, has_body: bool) -> Map<String, Json> {
    let mut statuses = vec!["400", "409", "422", "429", "503"];
    if has_body {
        statuses.extend(["408", "413", "415"]);
    }
    if http.auth != Auth::None {
        statuses.extend(["401", "403"]);
    }
    if http.mode != Mode::Accept {
        statuses.push("504");
    }
    let answer = match http.mode {
        Mode::Accept => None,
        Mode::Wait => Some(("What the run returned", "application/json", returned(document, plan))),
        Mode::Stream => {
            let output = output(document, plan);
            let event = document.part(&format!("{}.event", plan.name), form::event(&http.form, output));
            Some(("What the run emits, as it is emitted", "text/event-stream", event))
        }
    };
    let mut responses = Map::new();
    if let Some((description, media, schema)) = answer {
        let headers = ["Pathway-Run", "X-Request-Id", "Preference-Applied"];
        let headers: Map<_, _> =
            headers.iter().map(|name| ((*name).to_owned(), reference("headers", name))).collect();
        let content = json!({ media: { "schema": schema } });
        let answer = json!({ "description": description, "headers": headers, "content": content });
        responses.insert("200".to_owned(), answer);
    }
    responses.insert("202".to_owned(), reference("responses", "Accepted"));
    responses.extend(parts::problems(&statuses));
    responses
}

fn output(document: &mut Document<'_>, plan: &Plan) -> Json {
    match &plan.output {
        Some(schema) => document.schema(&format!("{}.output", plan.name), schema),
        None => json!({}),
    }
}

/// The answer of a door that waits: the return, and the correlation id where it is a map.
fn returned(document: &mut Document<'_>, plan: &Plan) -> Json {
    let output = output(document, plan);
    let Some(field) = &plan.door.correlation else { return output };
    let field = field.value.as_str();
    let own = json!({ "type": "string", "description": "The correlation id" });
    let root = document.schemas.get(&format!("{}.output", plan.name)).and_then(Json::as_object);
    let answer = match root.filter(|root| root.contains_key("properties")) {
        // Written out, since it may be closed to others.
        Some(root) => {
            let mut root = root.clone();
            if let Some(Json::Object(properties)) = root.get_mut("properties") {
                properties.insert(field.to_owned(), own);
            }
            Json::Object(root)
        }
        None if plan.output.is_none() => json!({ "properties": { field: own } }),
        None => json!({ "allOf": [output, { "properties": { field: own } }] }),
    };
    document.part(&format!("{}.answer", plan.name), answer)
}

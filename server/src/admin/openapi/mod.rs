//! The API of operators as an OpenAPI 3.1 document, made from the table that is served.

mod schemas;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json, json};

use super::routes::{Answer, Operation, Route, routes};
use crate::gateway::openapi::{parts, reference};

/// `GET /openapi.json`
pub(super) async fn serve() -> Response {
    ([(CONTENT_TYPE, "application/json")], document().to_string()).into_response()
}

/// The document of every admin listener of this version.
#[must_use]
pub fn document() -> Json {
    let mut paths = Map::new();
    for Route { path, operations, .. } in routes() {
        let described =
            operations.iter().map(|operation| (operation.method.to_owned(), describe(path, operation)));
        // A name of several parts is one parameter.
        paths.insert(path.replace("{*", "{"), Json::Object(described.collect()));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pathway, for operators",
            "summary": "What operators may ask and do of a server",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": "/" }],
        "security": [{ "admin": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "headers": parts::headers(),
            "responses": parts::responses(),
            "securitySchemes": {
                "admin": { "type": "http", "scheme": "bearer", "description": "The admin token" },
            },
        },
    })
}

fn describe(path: &str, operation: &Operation) -> Json {
    let in_path = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "name": name.trim_start_matches('*'),
            "in": "path",
            "required": true,
            "schema": { "type": "string" },
        }))
    });
    let parameters: Vec<Json> = in_path.chain(operation.parameters.iter().map(parameter)).collect();
    let mut responses = parts::problems(&[&["401", "403", "503"], operation.problems].concat());
    for status in operation.problems {
        // Some statuses only operators are answered.
        responses.entry(*status).or_insert_with(|| reference("responses", "Problem"));
    }
    let (status, answer) = &operation.answer;
    responses.insert((*status).to_owned(), answered(answer));
    let mut described = Map::new();
    described.insert("operationId".to_owned(), operation.id.into());
    described.insert("summary".to_owned(), operation.summary.into());
    if !parameters.is_empty() {
        described.insert("parameters".to_owned(), parameters.into());
    }
    if let Some((schema, is_required)) = operation.body {
        let schema = if schema.is_empty() { json!({}) } else { reference("schemas", schema) };
        let content = json!({ "application/json": { "schema": schema } });
        described.insert("requestBody".to_owned(), json!({ "required": is_required, "content": content }));
    }
    described.insert("responses".to_owned(), responses.into());
    described.into()
}

fn parameter((place, name, schema, description): &(&str, &str, Json, &str)) -> Json {
    json!({ "name": name, "in": place, "description": description, "schema": schema })
}

fn answered(answer: &Answer) -> Json {
    let (kind, schema) = match answer {
        Answer::Json(schema) => ("application/json", reference("schemas", schema)),
        Answer::Document => ("application/json", json!({ "type": "object" })),
        Answer::Metrics => ("application/openmetrics-text", json!({ "type": "string" })),
    };
    json!({
        "description": "Done, or told",
        "headers": { "X-Request-Id": reference("headers", "X-Request-Id") },
        "content": { kind: { "schema": schema } },
    })
}

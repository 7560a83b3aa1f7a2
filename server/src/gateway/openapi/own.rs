//! The gateway's own routes.

use serde_json::{Map, Value as Json, json};

use super::{Document, parts, reference};

/// Adds them.
pub(super) fn describe(document: &mut Document<'_>) {
    runs(document);
    if document.auth.is_some() {
        tickets(document);
    }
    server(document);
}

/// An operation, by what it is called and answers; ours have names that no pathway can have.
fn operation(id: &str, tag: &str, summary: &str, responses: Map<String, Json>) -> Map<String, Json> {
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), id.into());
    operation.insert("summary".to_owned(), summary.into());
    operation.insert("tags".to_owned(), json!([tag]));
    operation.insert("responses".to_owned(), Json::Object(responses));
    operation
}

/// The problems with these statuses, and the answer where all went well.
fn answers(problems: &[&str], status: &str, answer: Json) -> Map<String, Json> {
    let mut answers = Map::from_iter([(status.to_owned(), answer)]);
    answers.extend(parts::problems(problems));
    answers
}

fn json_answer(description: &str, schema: &str) -> Json {
    json!({
        "description": description,
        "headers": { "X-Request-Id": reference("headers", "X-Request-Id") },
        "content": { "application/json": { "schema": reference("schemas", schema) } },
    })
}

fn runs(document: &mut Document<'_>) {
    let id = || reference("parameters", "RunId");
    let accepted = || reference("responses", "Accepted");
    // A run that nobody in particular started is there for whoever knows its id.
    let security = |document: &Document<'_>, is_stream| {
        let mut all = document.credentials(is_stream);
        all.insert(0, json!({}));
        all.push(json!({ "service": [] }));
        Json::Array(all)
    };
    let mut add = |method: &str, path: &str, mut operation: Map<String, Json>, parameters: Json| {
        let security = security(document, path.ends_with("/events"));
        operation.insert("parameters".to_owned(), parameters);
        operation.insert("security".to_owned(), security);
        document.add(method, path, Json::Object(operation));
    };

    let wait = json!({
        "name": "wait",
        "in": "query",
        "description": "Seconds to wait for the run to be over; at most 60",
        "schema": { "type": "integer", "minimum": 0 },
    });
    let found = answers(&["400", "401", "404", "503"], "200", json_answer("The run", "Run"));
    add("get", "/api/runs/{id}", operation("getRun", "runs", "How a run is", found), json!([id(), wait]));

    let stream = json!({
        "description": "What it emitted and emits, then how it ended",
        "headers": { "X-Request-Id": reference("headers", "X-Request-Id") },
        "content": { "text/event-stream": { "schema": { "description": "As the door of its pathway says it" } } },
    });
    let mut told = answers(&["401", "404", "503"], "200", stream);
    told.insert("204".to_owned(), json!({ "description": "It is over, and its last event was seen" }));
    let parameters = json!([id(), reference("parameters", "LastEventId")]);
    add("get", "/api/runs/{id}/events", operation("streamRun", "runs", "What a run emits", told), parameters);

    let taken = answers(&["401", "404", "409", "503"], "202", accepted());
    add(
        "post",
        "/api/runs/{id}/cancel",
        operation("cancelRun", "runs", "Calls a run off", taken),
        json!([id()]),
    );

    let problems = ["400", "401", "404", "408", "409", "413", "415", "503"];
    let mut signal =
        operation("signalRun", "runs", "Sends a run a signal", answers(&problems, "202", accepted()));
    let payload = json!({ "required": false, "content": { "application/json": { "schema": {} } } });
    signal.insert("requestBody".to_owned(), payload);
    let parameters =
        json!([id(), reference("parameters", "SignalName"), reference("parameters", "IdempotencyKey")]);
    add("post", "/api/runs/{id}/signals/{name}", signal, parameters);
}

/// What opens streams in place of a token.
fn tickets(document: &mut Document<'_>) {
    document.part(
        "Ticket",
        json!({
            "type": "object",
            "required": ["ticket", "expires_in"],
            "properties": {
                "ticket": { "type": "string" },
                "expires_in": { "type": "integer", "description": "Seconds in which a stream may be opened" },
            },
        }),
    );
    let problems = ["400", "401", "408", "413", "415", "422", "503"];
    let issued = answers(&problems, "200", json_answer("A ticket", "Ticket"));
    let mut operation = operation(
        "createStreamTicket",
        "server",
        "Gives a ticket that opens streams, as `ticket` in the query",
        issued,
    );
    let path = json!({ "type": "string", "description": "The only path that it is for; every stream's where none is given" });
    let body = json!({ "type": "object", "properties": { "path": path } });
    let body = json!({ "required": false, "content": { "application/json": { "schema": body } } });
    operation.insert("requestBody".to_owned(), body);
    operation.insert("security".to_owned(), json!([{ "bearer": [] }]));
    document.add("post", "/api/stream-tickets", Json::Object(operation));
}

fn server(document: &mut Document<'_>) {
    let health = [
        ("/health", "getHealth", "Whether the server lives", &[][..]),
        ("/livez", "getLiveness", "Whether the server lives", &[]),
        ("/readyz", "getReadiness", "Whether the server takes requests", &["503"]),
    ];
    for (path, id, summary, problems) in health {
        let mut operation =
            operation(id, "server", summary, answers(problems, "200", json_answer("It does", "Ok")));
        operation.insert("security".to_owned(), json!([]));
        document.add("get", path, Json::Object(operation));
    }
    let this = json!({
        "description": "An OpenAPI document",
        "content": { "application/json": { "schema": { "type": "object" } } },
    });
    let mut operation = operation("getOpenapi", "server", "This document", answers(&[], "200", this));
    operation.insert("security".to_owned(), json!([]));
    document.add("get", "/openapi.json", Json::Object(operation));
}

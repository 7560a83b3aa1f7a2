//! What many operations share.

use pathway_engine::document::HttpDoor;
use pathway_engine::vm::Class;
use serde_json::{Map, Value as Json, json};

use super::reference;
use crate::store::Status;

/// What every request may be answered.
const HEAD_TOO_LARGE: &str = "431";
/// Problems: status, name and when.
const PROBLEMS: [(&str, &str, &str); 13] = [
    ("400", "BadRequest", "The request cannot be read"),
    ("401", "Unauthorized", "Who asks is not known"),
    ("403", "Forbidden", "Who asks may not do this"),
    ("404", "NotFound", "There is nothing that this caller may see"),
    ("408", "TooSlow", "The body did not come in time"),
    ("409", "Conflict", "It clashes with what is there"),
    ("413", "TooLarge", "The body is too large"),
    ("415", "NotJson", "The body is of another type than JSON"),
    ("422", "Invalid", "The input does not match its schema, or came with the key of another"),
    (HEAD_TOO_LARGE, "HeadTooLarge", "The headers are too many, or too long"),
    ("429", "TooMany", "Too many requests"),
    ("503", "Unavailable", "It cannot be served at the moment"),
    ("504", "Late", "It took longer than the caller can wait; a run that it names goes on"),
];

/// The answers with these statuses, and any other problem.
pub(crate) fn problems(statuses: &[&str]) -> Map<String, Json> {
    let may_be = |status: &str| status == HEAD_TOO_LARGE || statuses.contains(&status);
    let known = PROBLEMS.iter().filter(|(status, ..)| may_be(status));
    let mut answers: Map<_, _> =
        known.map(|(status, name, _)| ((*status).to_owned(), reference("responses", name))).collect();
    answers.insert("default".to_owned(), reference("responses", "Problem"));
    answers
}

pub(crate) fn responses() -> Json {
    let problem = |description: &str, headers: Json| {
        let schema = reference("schemas", "Problem");
        json!({
            "description": description,
            "headers": headers,
            "content": { "application/problem+json": { "schema": schema } },
        })
    };
    let id = || json!({ "X-Request-Id": reference("headers", "X-Request-Id") });
    let mut all = Map::new();
    for (status, name, description) in PROBLEMS {
        let mut headers = id();
        let own = match status {
            "401" => Some("WWW-Authenticate"),
            "429" | "503" => Some("Retry-After"),
            _ => None,
        };
        if let (Some(own), Json::Object(headers)) = (own, &mut headers) {
            headers.insert(own.to_owned(), reference("headers", own));
        }
        all.insert(name.to_owned(), problem(description, headers));
    }
    all.insert("Problem".to_owned(), problem("Something went wrong", id()));
    let headers = ["Location", "Retry-After", "X-Request-Id"].map(|name| (name, reference("headers", name)));
    all.insert(
        "Accepted".to_owned(),
        json!({
            "description": "Taken up; the run goes on",
            "headers": headers.into_iter().map(|(name, header)| (name.to_owned(), header)).collect::<Map<_, _>>(),
            "content": { "application/json": { "schema": reference("schemas", "Accepted") } },
        }),
    );
    Json::Object(all)
}

pub(crate) fn headers() -> Json {
    let header = |description: &str, schema: Json| json!({ "description": description, "schema": schema });
    let text = || json!({ "type": "string" });
    json!({
        "X-Request-Id": header("The request's id: the caller's, or a new one", text()),
        "Pathway-Run": header("The run", json!({ "type": "string", "format": "uuid" })),
        "Location": header("Where to ask for the run", json!({ "type": "string", "format": "uri-reference" })),
        "Retry-After": header("When to ask again, in seconds", json!({ "type": "integer", "minimum": 0 })),
        "Preference-Applied": header("Which preferences were followed", text()),
        "WWW-Authenticate": header("How to say who asks", text()),
    })
}

pub(super) fn parameters() -> Json {
    let header = |name: &str, description: &str, schema: Json| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let path =
        |name: &str, schema: Json| json!({ "name": name, "in": "path", "required": true, "schema": schema });
    json!({
        "IdempotencyKey": header(
            "Idempotency-Key",
            "Two requests of one caller with the same key are one run, two signals count once",
            json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
        ),
        "Prefer": header(
            "Prefer",
            "`respond-async`, or `wait=SECONDS`: an answer 202 rather than a longer wait",
            json!({ "type": "string" }),
        ),
        "LastEventId": header(
            "Last-Event-ID",
            "The last event that was seen: the stream goes on after it",
            json!({ "type": "string" }),
        ),
        "RunId": path("id", json!({ "type": "string", "format": "uuid" })),
        "SignalName": path("name", json!({ "type": "string", "minLength": 1, "maxLength": 128 })),
    })
}

pub(super) fn security_schemes() -> Json {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "The token of a user" },
        "service": { "type": "http", "scheme": "bearer", "description": "The admin token" },
        "ticket": {
            "type": "apiKey",
            "in": "query",
            "name": HttpDoor::TICKET,
            "description": "Opens a stream, for clients that can send no headers",
        },
        "query_token": {
            "type": "apiKey",
            "in": "query",
            "name": HttpDoor::ACCESS_TOKEN,
            "description": "The token of a user, to open a stream",
        },
    })
}

pub(crate) fn schemas() -> Map<String, Json> {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": ["string", "null"], "format": "date-time" });
    let classes = Class::ALL.iter().map(|class| class.name()).collect::<Vec<_>>();
    let statuses = Status::ALL.map(Status::name);
    let all = [
        (
            "Problem",
            json!({
                "description": "What went wrong (RFC 9457)",
                "type": "object",
                "required": ["type", "title", "status", "detail", "class"],
                "properties": {
                    "type": { "type": "string", "format": "uri-reference" },
                    "title": text(),
                    "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                    "detail": text(),
                    "instance": { "type": "string", "description": "The request's id" },
                    "class": { "enum": classes },
                    "code": { "type": "string", "description": "The pathway's own name for it" },
                    "run": { "type": "string", "format": "uuid" },
                    "errors": { "type": "array", "items": reference("schemas", "Violation") },
                },
            }),
        ),
        (
            "Violation",
            json!({
                "description": "Where a value does not match its schema",
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": { "type": "string", "description": "JSON Pointer into the value" },
                    "detail": text(),
                    "code": { "type": "string", "description": "The keyword that it does not meet" },
                },
            }),
        ),
        (
            "Accepted",
            json!({
                "type": "object",
                "required": ["id", "location"],
                "properties": {
                    "id": { "type": "string", "format": "uuid" },
                    "location": { "type": "string", "format": "uri-reference" },
                },
            }),
        ),
        (
            "Run",
            json!({
                "type": "object",
                "required": ["id", "pathway", "status", "correlation_id", "created_at", "finished_at"],
                "properties": {
                    "id": { "type": "string", "format": "uuid" },
                    "pathway": text(),
                    "status": { "enum": statuses },
                    "correlation_id": { "type": ["string", "null"] },
                    "created_at": time(),
                    "finished_at": time(),
                    "result": { "description": "What it returned" },
                    "problem": reference("schemas", "Problem"),
                },
            }),
        ),
        (
            "Ok",
            json!({
                "type": "object",
                "required": ["ok"],
                "properties": { "ok": { "const": true } },
            }),
        ),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

//! The document of the listener for operators: valid, whole, and true of every route.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, client};

const STANDARD: &str = include_str!("../gateway/openapi.json");
const BROKEN: &str = "pathway: p\non: { topic: t }\nsteps: { a: { http: { service: api, get: /bad } } }\n";
const WAITS: &str = "pathway: w\non: { topic: w }\nsteps: { a: { wait: { signal: go } } }\n";
/// An id that nobody has.
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Path, method and what is said of it.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    all.collect()
}

fn references(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// What was answered is what the document says of it; tells the status.
fn check(document: &Value, (path, method): (&str, &str), status: u16, kind: &str, body: &[u8]) -> u16 {
    let operation = &document["paths"][path][method];
    let mut said = operation["responses"][status.to_string()].clone();
    assert!(said.is_object(), "{method} {path} answers {status}: {}", String::from_utf8_lossy(body));
    if let Some(reference) = said["$ref"].as_str() {
        said = document.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    let kind = kind.split(';').next().unwrap();
    let schema = &said["content"][kind]["schema"];
    assert!(schema.is_object(), "{method} {path} answers {status} as {kind}");
    if kind.ends_with("json") {
        let mut schema = schema.clone();
        schema["components"] = document["components"].clone();
        let body: Value = serde_json::from_slice(body).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{method} {path} answers {status} with {body}: {wrong:#?}");
    }
    status
}

struct Asking<'a> {
    world: &'a World,
    document: Value,
    /// What was answered as if all was well.
    done: BTreeSet<(String, String)>,
}

impl Asking<'_> {
    /// Asks, with parts of the path filled in, and compares with what is said of the answer.
    async fn ask(&mut self, path: &str, method: &str, real: &str, body: Option<Value>) -> u16 {
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let mut request = client().request(verb, self.world.url(real)).bearer_auth(&self.world.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let body = response.bytes().await.unwrap();
        check(&self.document, (path, method), status, &kind, &body);
        if status < 400 {
            self.done.insert((path.to_owned(), method.to_owned()));
        }
        status
    }
}

#[test]
fn it_is_valid_and_stands_alone() {
    let document = pathway_server::admin::openapi::document();
    let standard: Value = serde_json::from_str(STANDARD).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&standard).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    let ids: BTreeSet<_> =
        operations(&document).iter().map(|(.., it)| it["operationId"].to_string()).collect();
    assert_eq!(ids.len(), operations(&document).len(), "ids are of one operation each");
}

/// The table for people names the same routes.
#[test]
fn it_names_what_the_documentation_does() {
    let page = include_str!("../../../docs/operations.md");
    let rows = page.lines().filter_map(|line| {
        let (method, rest) = line.strip_prefix("| `")?.split_once(' ')?;
        let path = rest.split(['`', '?']).next()?;
        METHODS.contains(&method.to_lowercase().as_str()).then(|| format!("{method} {path}"))
    });
    let written: BTreeSet<String> = rows.collect();
    let document = pathway_server::admin::openapi::document();
    let served = operations(&document).into_iter().map(|(path, method, _)| {
        format!("{} {}", method.to_uppercase(), path.replace("{id}", "ID").replace("{name}", "NAME"))
    });
    let served: BTreeSet<String> = served.collect();
    let missing: Vec<_> = served.difference(&written).collect();
    assert!(missing.is_empty(), "docs/operations.md does not tell of {missing:?}");
}

#[tokio::test]
async fn every_route_is_in_it_and_is_answered_as_it_says() {
    let world = World::start(BROKEN).await;
    world.write("pathways/w.yaml", WAITS);
    assert_eq!(world.post("/reload").await.0, 200);
    let document = world.get("/openapi.json").await;
    assert_eq!(document, pathway_server::admin::openapi::document());

    // Nothing else is there: what it does not name is no method of that path.
    for path in document["paths"].as_object().unwrap().keys() {
        let real = path.replace("{id}", NOBODY).replace("{name}", "none");
        for method in METHODS.iter().filter(|method| document["paths"][path].get(method).is_none()) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            assert_eq!(world.ask(method.clone(), &real, None).await.0, 405, "{method} {path}");
        }
    }

    let mut asking = Asking { world: &world, document: document.clone(), done: BTreeSet::new() };
    // Of what is not there; a dry run of redriving, and what takes no name, are asked below.
    for (path, method, _) in operations(&document) {
        if path.contains('{') {
            let real = path.replace("{id}", NOBODY).replace("{name}", "none");
            let body = (method == "put").then(|| json!({ "permits": 1 }));
            assert_eq!(asking.ask(&path, &method, &real, body).await, 404, "{method} {path}");
        }
    }

    world.upstream.breaks("bad");
    for _ in 0..2 {
        world.publish("t", "{}").await;
        world.publish("w", "{}").await;
    }
    let parked = world.until("parked", 2).await;
    let ready = world.until("ready", 2).await;
    let id = |run: &Value| run["id"].as_str().unwrap().to_owned();
    let (one, two) = (id(&parked[0]), id(&parked[1]));
    let (waits, other) = (id(&ready[0]), id(&ready[1]));
    let calls = [
        ("/runs", "get", "/runs?status=parked&limit=1".to_owned(), None),
        ("/runs", "get", "/runs?status=nothing".to_owned(), None),
        ("/runs", "get", "/runs?what=1".to_owned(), None),
        ("/runs/{id}", "get", format!("/runs/{one}"), None),
        ("/runs/{id}", "get", format!("/runs/{waits}"), None),
        ("/runs/{id}/journal", "get", format!("/runs/{one}/journal"), None),
        ("/runs/{id}/timeline", "get", format!("/runs/{one}/timeline"), None),
        ("/runs/{id}/timeline", "get", format!("/runs/{waits}/timeline"), None),
        ("/runs/{id}/rerun", "post", format!("/runs/{one}/rerun"), Some(json!({ "definition": "current" }))),
        ("/runs/{id}/rerun", "post", format!("/runs/{one}/rerun"), Some(json!({ "from": "a", "only": "a" }))),
        ("/runs/{id}/redrive", "post", format!("/runs/{waits}/redrive"), None),
        ("/dlq/redrive", "post", "/dlq/redrive".to_owned(), Some(json!({ "dry_run": true }))),
        ("/dlq/redrive", "post", "/dlq/redrive".to_owned(), Some(json!({ "what": 1 }))),
        ("/runs/{id}/drop", "post", format!("/runs/{two}/drop"), None),
        (
            "/runs/{id}/redrive",
            "post",
            format!("/runs/{one}/redrive"),
            Some(json!({ "definition": "pinned" })),
        ),
        ("/runs/{id}/signals/{name}", "post", format!("/runs/{waits}/signals/go"), Some(json!({ "n": 1 }))),
        ("/runs/{id}/cancel", "post", format!("/runs/{other}/cancel"), None),
        ("/limits", "get", "/limits".to_owned(), None),
        ("/limits/{name}", "put", "/limits/pathway/p".to_owned(), Some(json!({ "permits": 3 }))),
        ("/limits/{name}", "put", "/limits/pathway/p".to_owned(), Some(json!({ "permits": "x" }))),
        ("/limits/{name}", "delete", "/limits/pathway/p".to_owned(), None),
        ("/reload", "post", "/reload".to_owned(), None),
        ("/overview", "get", "/overview".to_owned(), None),
        ("/metrics", "get", "/metrics".to_owned(), None),
        ("/openapi.json", "get", "/openapi.json".to_owned(), None),
    ];
    for (path, method, real, body) in calls {
        asking.ask(path, method, &real, body).await;
    }
    world.write("pathways/p.yaml", "pathway: p\nreturn: '{{ nothing }}'\n");
    assert_eq!(asking.ask("/reload", "post", "/reload", None).await, 422);
    let all: BTreeSet<_> =
        operations(&document).into_iter().map(|(path, method, _)| (path, method)).collect();
    assert_eq!(asking.done, all, "each is asked for what it is there for");
}

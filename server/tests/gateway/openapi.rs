//! The OpenAPI document: valid by the standard's own schema, whole, and true.

use std::collections::BTreeSet;

use pathway_server::gateway::Limits;
use pathway_server::gateway::openapi;
use serde_json::{Value as Json, json};

use crate::doors::BUDGET;
use crate::world::{Runner, UNVERIFIED, World, compiled, send};

const PROJECT: &str = "auth: { mode: unverified, query_token: streams }\n";

const TREE: &str = r##"
pathway: tree
summary: Walks.
on: { correlation: cid, http: { put: /tree, auth: optional } }
input:
  type: object
  required: [root]
  properties: { root: { $ref: "#/$defs/node" } }
  $defs:
    node:
      type: object
      required: [name]
      properties:
        name: { type: string, minLength: 1 }
        children: { type: array, items: { $ref: "#/$defs/node" } }
        password: { type: string, writeOnly: true }
output:
  type: object
  properties: { depth: { type: integer } }
  additionalProperties: false
return: { depth: 1 }
"##;
const OLD: &str = r##"
pathway: old
on: { http: { post: /things, auth: none, mode: accept } }
input:
  $schema: http://json-schema.org/draft-07/schema#
  type: object
  definitions: { n: { type: integer } }
  properties: { pair: { type: array, items: [{ $ref: "#/definitions/n" }, { type: string }], additionalItems: false } }
return: 1
"##;
const LISTED: &str = r#"
pathway: listed
on: { http: { get: /things, auth: user, mode: stream, emit: { text: "{{ emitted }}", n: 1, l: [a] }, done: { done: true } } }
input: { type: object, required: [q], properties: { q: { type: string }, limit: { type: string, default: "5" } } }
return: 1
"#;
const OTHER: &str = r#"
pathway: other
on: { http: { delete: /things, auth: service } }
input: { anyOf: [{ required: [a] }, { required: [b] }] }
return: 1
"#;
const BARE: &str = "pathway: bare\non: { topic: t, http: { patch: /bare } }\nreturn: 1\n";
const UNSEEN: &str = "pathway: unseen\nreturn: 1\n";

const ALL: [&str; 7] = [BUDGET, TREE, OLD, LISTED, OTHER, BARE, UNSEEN];

fn document() -> Json {
    let (project, program) = compiled(PROJECT, &ALL);
    openapi::document(&project, &program)
}

/// All values of `$ref` and where they stand; schemas hold data too, but none that looks so.
fn references(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(map) => {
            if let Some(Json::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn operations(document: &Json) -> impl Iterator<Item = (&str, &str, &Json)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn it_is_valid_and_stands_alone() {
    let standard: Json = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&standard).unwrap();
    for document in [document(), openapi::document(&Default::default(), &Default::default())] {
        let problems: Vec<_> = validator
            .iter_errors(&document)
            .map(|error| format!("{} at {}", error, error.instance_path().as_str()))
            .collect();
        assert!(problems.is_empty(), "{problems:#?}");
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path}");
            for (_, response) in operation["responses"].as_object().unwrap() {
                assert!(response.is_object());
            }
        }
    }
    // The validator finds what is wrong.
    let mut wrong = document();
    wrong["paths"]["/tree"]["put"]["responses"]["200"]["description"] = json!(1);
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn it_tells_what_the_doors_take_and_answer() {
    let document = document();
    let paths = &document["paths"];
    assert_eq!(paths["/things"].as_object().unwrap().len(), 3);
    assert!(paths["/api/stream-tickets"]["post"].is_object());
    assert_eq!(document.to_string().matches("unseen").count(), 0);

    let tree = &paths["/tree"]["put"];
    assert_eq!((&tree["operationId"], &tree["summary"]), (&json!("tree"), &json!("Walks.")));
    assert_eq!(tree["requestBody"]["required"], true);
    assert_eq!(tree["security"], json!([{}, { "bearer": [] }]));
    for status in
        ["200", "202", "400", "401", "403", "408", "409", "413", "415", "422", "429", "503", "504", "default"]
    {
        assert!(tree["responses"][status].is_object(), "{status}");
    }
    let whole = |name: &str| {
        let schema =
            json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
        jsonschema::draft202012::new(&schema).unwrap()
    };
    let input = whole("tree.input");
    assert!(input.is_valid(&json!({ "root": { "name": "a", "children": [{ "name": "b" }] } })));
    assert!(!input.is_valid(&json!({ "root": { "name": "a", "children": [{ "name": "" }] } })));
    // The answer of a closed schema has the correlation id too.
    assert!(whole("tree.answer").is_valid(&json!({ "depth": 1, "cid": "x" })));
    assert!(!whole("tree.answer").is_valid(&json!({ "depth": 1, "other": "x" })));
    assert!(whole("old.input").is_valid(&json!({ "pair": [1, "a"] })));
    assert!(!whole("old.input").is_valid(&json!({ "pair": [1, "a", 2] })));

    let old = &paths["/things"]["post"];
    assert_eq!((&old["responses"]["200"], &old["security"]), (&json!(null), &json!([])));
    let listed = &paths["/things"]["get"];
    assert_eq!(listed["security"], json!([{ "bearer": [] }, { "ticket": [] }, { "query_token": [] }]));
    assert_eq!(listed["requestBody"], json!(null));
    let queries: Vec<_> =
        listed["parameters"].as_array().unwrap().iter().filter(|it| it["in"] == "query").collect();
    assert_eq!(queries.len(), 2);
    assert_eq!((&queries[0]["name"], &queries[0]["required"]), (&json!("q"), &json!(true)));
    assert_eq!((&queries[1]["name"], &queries[1]["required"]), (&json!("limit"), &json!(false)));
    assert!(listed["responses"]["200"]["content"]["text/event-stream"].is_object());
    let event = whole("listed.event");
    for said in [json!({ "text": "x", "n": 1, "l": ["a"] }), json!({ "done": true })] {
        assert!(event.is_valid(&said), "{said}");
    }
    assert!(!event.is_valid(&json!({ "done": false })));
    let other = &paths["/things"]["delete"];
    assert_eq!(other["security"], json!([{ "service": [] }]));
    let query = other["parameters"].as_array().unwrap().iter().find(|it| it["in"] == "query").unwrap();
    assert_eq!((&query["explode"], &query["style"]), (&json!(true), &json!("form")));
    assert_eq!(paths["/bare"]["patch"]["requestBody"]["required"], false);
}

#[test]
fn its_version_changes_with_the_pathways() {
    let version = |pathways: &[&str]| {
        let (project, program) = compiled(PROJECT, pathways);
        openapi::document(&project, &program)["info"]["version"].clone()
    };
    assert_eq!(version(&[BARE]), version(&[BARE]));
    assert_ne!(version(&[BARE]), version(&[&BARE.replace("return: 1", "return: 2")]));
}

#[tokio::test]
async fn it_is_served_and_every_route_in_it_is_there() {
    let world = World::start_with(UNVERIFIED, &ALL, Runner::Echo, Limits::default()).await;
    let answer = send(world.client.get(format!("{}/openapi.json", world.url))).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.ok();
    let (project, program) = compiled(UNVERIFIED, &ALL);
    assert_eq!(document, openapi::document(&project, &program));
    for (path, method, _) in operations(&document) {
        let place = path.replace("{id}", "018f0000-0000-7000-8000-000000000001").replace("{name}", "go");
        let method = method.to_uppercase().parse().unwrap();
        let answer = send(world.client.request(method, format!("{}{place}", world.url)).body("[")).await;
        let is_there = answer.status != 405 && !answer.body.to_string().contains("there is nothing at");
        assert!(is_there, "{path}: {}", answer.body);
    }
}

//! A run that happened, as a case: played, it does what it did.

use pathway_engine::journal::{Kind, Principal, Signal};
use pathway_engine::testing::{Setting, export};
use pathway_engine::vm::{ClaimAnswer, Class, Failure};

use crate::support::{Compiled, Run, compile_files, fixture, json, started};

const FILES: &str = r#"
pathway: order
input: { type: object, required: [id], properties: { id: {}, note: { type: string, default: none } } }
steps:
  rows: { http: { service: api, get: /rows } }
  each: { each: "steps.rows.body[:100]", max_parallel: 1, http: { service: api, get: "/rows/{{ item }}" }, on_error: continue }
  priced: { call: { pathway: price, input: {} } }
  go: { wait: { signal: go }, needs: [each, priced] }
  said: { needs: go, http: { service: model, json: {} } }
  sent: { once: input.id, http: { service: api, post: /mail } }
  told: { publish: { topic: orders, key: input.id, value: { text: "{{ steps.said.text }}", $ref: 1 } } }
return: { price: "{{ steps.priced }}", by: "{{ auth.sub }}", sent: "{{ steps.sent is not none }}", at: "{{ now() }}" }
#=== price.pathway.yaml
pathway: price
return: 1
"#;

fn compiled(test: &str) -> Compiled {
    compiled_of(FILES, test)
}

fn compiled_of(files: &str, test: &str) -> Compiled {
    let mut files = fixture::files(files);
    if !test.is_empty() {
        files.push(("order.test.yaml".to_owned(), test.to_owned()));
    }
    let compiled = compile_files(&files);
    assert!(compiled.diagnostics.is_empty(), "{}\n{test}", compiled.report());
    compiled
}

const EACH: &str = r#"
pathway: order
steps:
  sent: { each: "['a', 'b', 'c']", once: item, http: { service: api, post: /mail } }
  told: { each: "['a', 'b']", publish: { topic: orders, value: "{{ item }}" }, retry: { attempts: 3, delay: 1s, on: [outage] } }
return: 1
"#;

/// The case that a run makes, and what is wrong when that is played.
fn round(run: &Run) -> (serde_json::Value, Vec<String>) {
    round_of(FILES, run)
}

fn round_of(files: &str, run: &Run) -> (serde_json::Value, Vec<String>) {
    let exported = export(run.vm.plan(), &run.events).unwrap();
    assert_eq!(exported.notes, Vec::<String>::new());
    let suite = serde_json::json!({ "test": "order", "cases": { "as it went": exported.case } });
    let compiled = compiled_of(files, &serde_yaml::to_string(&suite).unwrap());
    let setting = Setting { program: &compiled.program, project: &compiled.project };
    let played = compiled.suites[0].1.cases[0].play(setting);
    (exported.case, played.problems.into_iter().map(|problem| format!("{problem:?}")).collect())
}

fn begun() -> Run {
    let compiled = compiled("");
    let mut run = Run::new(&compiled.program.pathways["order"]);
    let mut begun = started(json(r#"{"id": "o1"}"#), 7);
    begun.principal = Some(Principal {
        sub: "u1".to_owned(),
        role: None,
        claims: Some(json(r#"{"a": 1}"#)),
        has_token: true,
    });
    run.tell(Kind::Started(begun));
    run
}

#[test]
fn a_run_that_went_well_goes_well_again() {
    let mut run = begun();
    run.answer_claim("sent", &ClaimAnswer::Done { by: None });
    run.fail("rows", Failure { status: Some(503), ..Failure::new(Class::Outage, "`api` answered 503") });
    run.answer("priced", "7");
    assert!(run.fire());
    run.answer("rows", r#"{"status": 200, "headers": {"etag": "x", "date": "y"}, "body": ["a", "b"]}"#);
    run.answer("each[0]", r#"{"status": 201, "headers": {}, "body": {"$odd": 1}}"#);
    run.fail("each[1]", Failure::new(Class::Upstream, "`api` answered with JSON that cannot be read"));
    run.tell(Kind::Signalled(Signal {
        name: "go".into(),
        payload: json("null"),
        from: Some("boss".into()),
        key: None,
    }));
    run.answer(
        "said",
        r#"{"status": 200, "headers": {}, "body": null, "text": "hello", "chunks": ["hel", "lo"]}"#,
    );
    run.answer("told", r#"{"id": "m1"}"#);
    assert!(run.vm.outcome().is_some(), "it waits for {:?}", run.waiting());
    let (case, problems) = round(&run);
    assert!(problems.is_empty(), "{problems:#?}\n{case:#}");
    assert_eq!(case["mocks"]["rows"][0]["status"], 503);
    assert_eq!(case["mocks"]["rows"][1]["headers"], serde_json::json!({"etag": "x"}));
    assert_eq!(case["done"]["sent"], "o1");
}

#[test]
fn a_run_that_failed_fails_again() {
    let mut run = begun();
    run.answer_claim("sent", &ClaimAnswer::Granted);
    for n in 0..3 {
        run.fail(
            "rows",
            Failure { status: Some(429), ..Failure::new(Class::RateLimited, "`api` answered 429") },
        );
        assert_eq!(run.fire(), n < 2);
    }
    let (case, problems) = round(&run);
    assert!(problems.is_empty(), "{problems:#?}\n{case:#}");
    assert_eq!(case["expect"]["error"]["class"], "rate_limited");
    assert_eq!(case["mocks"]["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn each_execution_has_its_own_keys_and_failures() {
    let compiled = compiled_of(EACH, "");
    let mut run = Run::new(&compiled.program.pathways["order"]);
    run.tell(Kind::Started(started(json("{}"), 7)));
    run.answer_claim("sent[0]", &ClaimAnswer::Done { by: None });
    run.answer_claim("sent[1]", &ClaimAnswer::Done { by: None });
    run.answer_claim("sent[2]", &ClaimAnswer::Granted);
    run.answer("sent[2]", r#"{"status": 200, "headers": {}, "body": null}"#);
    run.fail("told[0]", Failure::new(Class::Outage, "the broker is away"));
    run.answer("told[1]", r#"{"id": "m1"}"#);
    assert!(run.fire());
    run.answer("told[0]", r#"{"id": "m2"}"#);
    assert!(run.vm.outcome().is_some(), "it waits for {:?}", run.waiting());
    let (case, problems) = round_of(EACH, &run);
    assert!(problems.is_empty(), "{problems:#?}\n{case:#}");
    assert_eq!(case["done"]["sent"], serde_json::json!(["a", "b"]));
    assert_eq!(case["mocks"]["told[0]"][1], serde_json::json!({}));
    assert_eq!(case["expect"]["published"]["orders"].as_array().unwrap().len(), 2);
}

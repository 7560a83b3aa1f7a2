//! Mocks of a run say what those of tests say, and answer the same.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Upstream, project, run};

const SHOP: &str = "pathway: shop
steps:
  a: { http: { service: shop, get: /a/1 } }
  s: { http: { service: shop, get: /s, parse: sse, pick: chunk.t } }
  c: { call: { pathway: child, input: {} } }
  p: { publish: { topic: t, value: 1 } }
return: { a: '{{ steps.a.body }}', s: '{{ steps.s.text }}', c: '{{ steps.c }}' }
";
const CHILD: &str =
    "pathway: child\nsteps: { x: { http: { service: shop, get: /x } } }\nreturn: '{{ steps.x.body }}'\n";

/// What answers where a case says nothing else.
const BASE: [(&str, &str); 3] =
    [("a", "{ body: { n: 1 } }"), ("s", "{ text: said }"), ("c/x", "{ body: 2 }")];

/// What is said instead, of what. First the step that is not mocked as before.
const CASES: [(&str, &str); 20] = [
    ("", ""),
    ("a", "shop GET /a/1: { body: { n: 2 } }"),
    ("a", "shop GET /a/*: { status: 201, body: { n: 3 } }"),
    ("a", "shop *: { status: 404, body: gone }"),
    ("a", "a: [{ status: 503 }, { timeout: true }, { body: { n: 4 } }]"),
    ("a", "a: { delay: 20ms, body: { n: 5 } }"),
    ("a", "a: { status: 422, body: { why: [1, 2] } }"),
    ("a", "a: { error: denied }"),
    ("a", "a: { error: { class: conflict, message: two, code: c1, status: 409, details: { x: 1 } } }"),
    ("a", "a: [{ error: outage }, { error: outage }, { error: { class: outage, message: for good } }]"),
    ("a", "a: { output: { body: whole } }"),
    ("s", "s: { text: [one, ' two'] }"),
    ("s", "s: { chunks: [{ t: one }, { t: ' two' }] }"),
    ("s", "s: [{ chunks: [{ t: one }], error: upstream }]"),
    ("s", "s: { chunks: [no json] }"),
    ("c/x", "c: { return: 7 }"),
    ("c/x", "c: { error: conflict, delay: 20ms }"),
    ("c/x", "c/x: { status: 403 }"),
    ("c/x", "c/x: { output: { body: 8 } }"),
    ("", "p: { error: denied }"),
];

fn folder() -> (TempDir, Upstream) {
    let upstream = Upstream::start();
    (project(&upstream, &[("shop.yaml", SHOP), ("child.yaml", CHILD)]), upstream)
}

#[test]
fn a_mock_answers_a_run_as_it_answers_a_case() {
    let (folder, upstream) = folder();
    let mut tests = "test: shop\ncases:\n".to_owned();
    let mut failed = 0;
    for (n, (instead, said)) in CASES.iter().enumerate() {
        let base = BASE.iter().filter(|(name, _)| name != instead);
        let mocks: Vec<String> =
            base.map(|(name, said)| format!("{name}: {said}")).chain([(*said).to_owned()]).collect();
        fs::write(folder.path().join("mocks.yaml"), mocks.join("\n")).unwrap();
        let (_, output, error) = run(folder.path(), &["run", "shop", "--mock", "mocks.yaml", "--json"]);
        let last: Value = serde_json::from_str(output.lines().last().expect(&error)).unwrap();
        let expected = match last.get("result") {
            Some(result) => json!({ "return": result }),
            None => {
                failed += 1;
                let parts = ["class", "message", "code", "status", "details"];
                let told = parts.iter().map(|part| (*part, last["error"][*part].clone()));
                let told =
                    told.filter(|(_, part)| !part.is_null()).map(|(name, part)| (name.to_owned(), part));
                json!({ "error": told.collect::<serde_json::Map<_, _>>() })
            }
        };
        tests.push_str(&format!("  case {n}:\n    expect: {expected}\n    mocks:\n"));
        mocks.iter().for_each(|mock| tests.push_str(&format!("      {mock}\n")));
    }
    fs::write(folder.path().join("pathways/shop.test.yaml"), &tests).unwrap();
    let (code, _, error) = run(folder.path(), &["test"]);
    assert_eq!(code, 0, "{error}\n{tests}");
    assert!(failed > 5 && failed < CASES.len() - 5, "some succeed and some fail: {tests}");
    assert_eq!(upstream.calls(), 0);
}

#[test]
fn what_is_wrong_with_mocks_is_told_with_its_place() {
    let (folder, upstream) = folder();
    let mock = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        run(folder.path(), &["run", "shop", "--mock", name])
    };
    for (text, code, told) in [
        ("b: { body: 1 }", "PW0821", "mocks.yaml:1:1"),
        ("a: { body: 1 }\ns: { txt: 1 }", "PW0202", "did you mean `text`?"),
        ("shop: { body: 1 }", "PW0823", "`shop *` for all of its calls"),
        ("a: { body: 1, error: outage }", "PW0824", "says both"),
        ("a: { delay: 3 }", "PW02", "mocks.yaml:1:13"),
        ("a: [", "PW01", "mocks.yaml:1"),
        ("x: { output: 1 }", "PW0822", "such as `caller/step`"),
        ("[]", "PW02", "a map from step or call to answer"),
    ] {
        let (exit, output, error) = mock("mocks.yaml", text);
        assert_eq!((exit, output.as_str()), (65, ""), "{text}: {error}");
        assert!(error.contains(code) && error.contains(told), "{text}: {error}");
        assert!(error.contains("the mocks, `mocks.yaml`, are wrong"), "{text}: {error}");
    }
    assert_eq!(mock("mocks.yaml", " \n").0, 2);
    // JSON may be indented by what YAML is not; steps that are called need not be named in full.
    let (code, output, error) = mock(
        "mocks.json",
        "{\n\t\"a\": {\n\t\t\"body\": 1 },\n\t\"s\": {\"text\": \"t\"},\n\t\"x\": {\"body\": 2}\n}",
    );
    assert_eq!((code, output.contains("\"c\": 2")), (0, true), "{error}");
    let (code, _, error) = mock("mocks.yaml", "a: [{ status: 503 }]\ns: { text: t }\nc: { return: 1 }");
    assert_eq!(code, 1);
    assert!(error.contains("the mock `a` has one answer, and step `a` asks once more"), "{error}");
    let (code, _, error) = mock("mocks.yaml", "a: { body: 1 }\ns: { body: 1 }\nc: { return: 1 }");
    assert_eq!(code, 1);
    assert!(error.contains("the mock `s` does not fit step `s`: the step reads a stream"), "{error}");
    assert_eq!(upstream.calls(), 0);
}

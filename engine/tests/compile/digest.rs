//! What a run is pinned to, and what it is not.

use std::collections::BTreeSet;

use super::support::{compile_files, fixture};

const PROJECT: &str = "services:
  api: { url: http://127.0.0.1:9, retry: { attempts: 2 }, headers: { A: b } }
  model: { url: http://127.0.0.1:9, http: { post: /a, json: { m: \"${MODEL}\" } } }
  other: { url: http://127.0.0.1:9 }
vars: { rate: 2, api_key: \"${API_KEY}\" }";
const SCHEMA: &str = r#"{ "type": "object" }"#;
const PATHWAY: &str = "pathway: p
steps:
  a: { http: { service: api, get: \"/${NAME}\" } }
  b: { http: { service: model } }
  c: { validate: { value: steps.a.body, schema: a.json } }
return: \"{{ vars.rate }}\"";

fn digest(project: &str, schema: &str, pathway: &str, env: &str) -> String {
    let text = format!("{pathway}\n#=== pathway.yaml\n{project}\n#=== a.json\n{schema}\n#=== .env\n{env}");
    let compiled = compile_files(&fixture::files(&text));
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.report());
    compiled.program.pathways["p"].digest.to_string()
}

const ENV: &str = "NAME=n\nMODEL=m\nAPI_KEY=k";

#[test]
fn it_changes_with_all_that_a_run_reads() {
    let digests = [
        digest(PROJECT, SCHEMA, PATHWAY, ENV),
        digest(PROJECT, SCHEMA, &PATHWAY.replace("get", "post"), ENV),
        digest(PROJECT, r#"{ "type": "array" }"#, PATHWAY, ENV),
        digest(PROJECT, SCHEMA, PATHWAY, "NAME=other\nMODEL=m\nAPI_KEY=k"),
        digest(PROJECT, SCHEMA, PATHWAY, "NAME=n\nMODEL=other\nAPI_KEY=k"),
        digest(&PROJECT.replace("rate: 2", "rate: 3"), SCHEMA, PATHWAY, ENV),
        digest(&PROJECT.replace("attempts: 2", "attempts: 3"), SCHEMA, PATHWAY, ENV),
        digest(&PROJECT.replace("post: /a", "post: /b"), SCHEMA, PATHWAY, ENV),
        digest(&format!("defaults: {{ pathway: {{ max_parallel: 3 }} }}\n{PROJECT}"), SCHEMA, PATHWAY, ENV),
    ];
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
}

#[test]
fn it_does_not_change_with_what_is_read_as_a_request_is_sent() {
    let first = digest(PROJECT, SCHEMA, PATHWAY, ENV);
    for (project, env) in [
        (PROJECT.replace("http://127.0.0.1:9", "http://127.0.0.1:8"), ENV),
        (PROJECT.replace("A: b", "A: c"), ENV),
        (PROJECT.to_owned(), "NAME=n\nMODEL=m\nAPI_KEY=renewed"),
        (PROJECT.replace("  other:", "  # a remark\n  another:"), ENV),
        (format!("# a remark\n{PROJECT}"), ENV),
    ] {
        assert_eq!(digest(&project, SCHEMA, PATHWAY, env), first, "{project}\n{env}");
    }
}

//! Which services every run of a pathway calls, and fails without.

use crate::support::compile_files;
use crate::support::fixture;

fn required(pathway: &str) -> Vec<String> {
    let compiled = compile_files(&fixture::files(&format!("pathway: p\n{pathway}")));
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.report());
    let plan = compiled.program.pathways.values().next().unwrap();
    plan.required_services().map(str::to_owned).collect()
}

#[test]
fn those_of_steps_that_nothing_leaves_out() {
    assert_eq!(required("steps: { a: { http: { service: api, get: /a } }, b: { set: 1 } }"), ["api"]);
    assert_eq!(
        required(
            "
steps:
  each: { each: input.list, http: { service: api, get: /a } }
  when: { when: input.a, http: { service: api, get: /a } }
  handled: { on_error: continue, http: { service: api, get: /a } }
  block: { steps: { a: { http: { service: api, get: /a } } } }
  choice: { switch: { of: input.a, cases: { x: { steps: { a: { http: { service: api, get: /a } } } } } } }
"
        ),
        [""; 0]
    );
}

#[test]
fn not_those_that_a_guard_may_spare() {
    let guarded = "
steps:
  before: { http: { service: model } }
  enough: { when: input.a, return: 1 }
  after: { http: { service: api, get: /a } }
";
    assert_eq!(required(guarded), ["model"]);
}

#[test]
fn none_where_the_pathway_answers_without_them() {
    let handled = "steps: { a: { http: { service: api, get: /a } } }\non_error: { return: { ok: false } }\n";
    assert_eq!(required(handled), [""; 0]);
}

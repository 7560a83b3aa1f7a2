//! Runs in virtual time, one rule of the language after another.

mod support;

use pathway_engine::vm::{Class, Failure};
use support::{Run, plan};

const PROJECT: &str =
    "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 3, delay: 1s, jitter: 0 } } }";

#[test]
fn pure_steps_are_computed_at_once() {
    let plan = plan(
        "",
        r#"
pathway: sums
input: { type: object, required: [n], properties: { n: { type: integer } } }
steps:
  double: { set: { n: "{{ input.n * 2 }}", text: "twice {{ input.n }}" } }
  more: { set: "{{ steps.double.n + 1 }}" }
return: { text: "{{ steps.double.text }}", more: "{{ steps.more }}" }
"#,
    );
    let run = Run::start(&plan, r#"{"n": 4}"#);
    assert_eq!(run.returned(), r#"{"text":"twice 4","more":9}"#);
    let run = Run::start(&plan, r#"{"n": "x"}"#);
    assert_eq!(run.failure().class, Class::Invalid);
}

#[test]
fn effects_run_at_once_up_to_the_bound_and_outputs_flow_on() {
    let plan = plan(
        PROJECT,
        r#"
pathway: reads
max_parallel: 2
steps:
  a: { http: { service: api, get: /a } }
  b: { http: { service: api, get: /b } }
  c: { http: { service: api, get: /c } }
  all: { set: "{{ [steps.a.body, steps.b.body, steps.c.body] }}" }
return: "{{ steps.all }}"
"#,
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting(), ["a", "b"]);
    run.answer("b", r#"{"status": 200, "headers": {}, "body": 2}"#);
    assert_eq!(run.waiting(), ["a", "c"]);
    run.answer("c", r#"{"body": 3}"#);
    run.answer("a", r#"{"body": 1}"#);
    assert_eq!(run.returned(), "[1,2,3]");
}

#[test]
fn a_service_that_fails_is_tried_again_after_growing_pauses() {
    let plan = plan(
        PROJECT,
        "pathway: p\nsteps:\n  a: { http: { service: api, get: /a } }\nreturn: \"{{ steps.a.body }}\"\n",
    );
    let mut run = Run::start(&plan, "{}");
    let start = run.now;
    run.fail("a", Failure::new(Class::Outage, "down"));
    assert!(run.fire());
    run.fail("a", Failure::new(Class::Outage, "down"));
    assert!(run.fire());
    assert_eq!(run.now.duration_since(start).as_secs(), 3);
    run.fail("a", Failure::new(Class::Outage, "down"));
    let failure = run.failure();
    assert_eq!((failure.class, failure.attempts, failure.step.as_deref()), (Class::Outage, 3, Some("a")));
}

#[test]
fn a_guard_that_fires_ends_its_block() {
    let plan = plan(
        PROJECT,
        r#"
pathway: guarded
steps:
  inner:
    steps:
      a: { http: { service: api, get: /a } }
      none_found: { when: not steps.a.body, return: { found: false } }
      b: { http: { service: api, get: /b } }
    return: { found: true, b: "{{ steps.b.body }}" }
return: "{{ steps.inner }}"
"#,
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting(), ["inner.a"]);
    run.answer("inner.a", r#"{"body": null}"#);
    assert_eq!(run.returned(), r#"{"found":false}"#);
    let mut run = Run::start(&plan, "{}");
    run.answer("inner.a", r#"{"body": 1}"#);
    run.answer("inner.b", r#"{"body": 2}"#);
    assert_eq!(run.returned(), r#"{"found":true,"b":2}"#);
}

#[test]
fn each_keeps_the_order_of_its_items_and_its_own_bound() {
    let plan = plan(
        PROJECT,
        r#"
pathway: many
steps:
  get:
    each: "[3, 1, 2, 0]"
    where: item > 0
    max_parallel: 2
    http: { service: api, get: "/{{ item }}" }
return: "{{ steps.get | map(attribute='body') | list }}"
"#,
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting(), ["get[0]", "get[1]"]);
    run.answer("get[1]", r#"{"body": "one"}"#);
    assert_eq!(run.waiting(), ["get[0]", "get[2]"]);
    run.answer("get[2]", r#"{"body": "two"}"#);
    run.answer("get[0]", r#"{"body": "three"}"#);
    assert_eq!(run.returned(), r#"["three","one","two"]"#);
}

#[test]
fn a_block_is_tried_again_and_sees_what_was_wrong() {
    let plan = plan(
        PROJECT,
        r#"
pathway: model
steps:
  ask:
    retry: { attempts: 2, delay: 1s, on: [invalid] }
    on_error:
      return: { sorry: "{{ error.message }}" }
    steps:
      model: { http: { service: api, post: /, json: { hint: "{{ error.message if error else 'none' }}" } } }
      bad: { when: steps.model.body < 10, fail: { message: too small } }
    return: "{{ steps.model.body }}"
return: "{{ steps.ask }}"
"#,
    );
    let mut run = Run::start(&plan, "{}");
    run.answer("ask.model", r#"{"body": 1}"#);
    assert!(run.fire());
    assert_eq!(run.waiting(), ["ask#2.model"]);
    run.answer("ask#2.model", r#"{"body": 2}"#);
    assert_eq!(run.returned(), r#"{"sorry":"too small"}"#);
}

#[test]
fn while_runs_then_tests() {
    let plan = plan(
        PROJECT,
        r#"
pathway: poll
steps:
  poll:
    while: last.body != 'ready'
    limit: 3
    http: { service: api, get: / }
return: "{{ steps.poll.body }}"
"#,
    );
    let mut run = Run::start(&plan, "{}");
    run.answer("poll", r#"{"body": "busy"}"#);
    run.answer("poll~2", r#"{"body": "ready"}"#);
    assert_eq!(run.returned(), r#""ready""#);
    let mut run = Run::start(&plan, "{}");
    for instance in ["poll", "poll~2", "poll~3"] {
        run.answer(instance, r#"{"body": "busy"}"#);
    }
    assert_eq!(run.failure().class, Class::Timeout);
}

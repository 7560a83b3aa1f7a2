//! A run that failed goes on by another definition, where its journal agrees.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::{Class, Failure, Vm};
use support::{Run, plan};

const PROJECT: &str =
    "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 2, delay: 1s, jitter: 0 } } }";

const BEFORE: &str = r#"
pathway: p
steps:
  looked: { http: { service: api, get: /looked } }
  beside: { http: { service: api, get: /beside } }
  paid: { needs: looked, http: { service: api, post: /paid, json: { amount: "{{ steps.looked.body }}" } } }
return: "{{ [steps.looked.body, steps.paid.body, run.attempt] }}"
"#;

fn outage() -> Failure {
    Failure::new(Class::Outage, "down")
}

/// A run in which `paid` failed, twice, while `beside` was under way.
fn failed(plan: &Arc<Plan>) -> Run {
    let mut run = Run::start(plan, "{}");
    run.answer("looked", r#"{"body": 7}"#);
    run.fail("paid", outage());
    assert!(run.fire());
    run.fail("paid", outage());
    assert_eq!(run.failure().attempts, 2);
    run
}

/// The run as it goes on by another plan, also after it was stored.
fn goes_on(from: &Arc<Plan>, to: &Arc<Plan>, events: &[Event]) -> Run {
    let kind = Vm::onto(from.clone(), to.clone(), events).unwrap();
    let mut run = Run::new(to);
    run.now = events.last().unwrap().at;
    run.events = events.to_vec();
    run.events.push(Event { at: run.now, kind });
    run.events = run.events.iter().map(|event| Event::decode(&event.encode().unwrap()).unwrap()).collect();
    run.vm = Vm::replay(to.clone(), &run.events).unwrap();
    run
}

fn refused(from: &Arc<Plan>, to: &str, events: &[Event]) -> String {
    Vm::onto(from.clone(), plan(PROJECT, to), events).unwrap_err().to_string()
}

#[test]
fn the_step_that_failed_may_be_another_and_begins_anew() {
    let before = plan(PROJECT, BEFORE);
    let old = failed(&before);
    let after = plan(PROJECT, &BEFORE.replace("post: /paid", "post: /pay").replace("amount:", "sum:"));
    let mut run = goes_on(&before, &after, &old.events);
    assert_eq!(run.waiting(), ["beside", "paid"]);
    let asked = run.vm.pending("paid").unwrap();
    assert_eq!(asked.attempt(), Some(3), "its attempts are numbered on");
    assert!(format!("{asked:?}").contains("/pay"));
    run.answer("beside", r#"{"body": 1}"#);
    // It has all of its attempts.
    run.fail("paid", outage());
    assert!(run.fire());
    run.answer("paid", r#"{"body": 8}"#);
    assert_eq!(run.returned(), "[7,8,2]");
    let replayed = Vm::replay(after, &run.events).unwrap();
    assert_eq!(replayed.outcome(), run.vm.outcome());
    let Kind::Redriven { onto: Some(onto), .. } = &run.events[old.events.len()].kind else { panic!() };
    assert_eq!(onto.definition, run.vm.plan().digest);
}

#[test]
fn what_it_asks_for_in_addition_is_asked_for_and_waited_for() {
    let before = plan(PROJECT, BEFORE);
    let old = failed(&before);
    let after = BEFORE.replace("  paid:", "  rate: { http: { service: api, get: /rate } }\n  paid:").replace(
        "amount: \"{{ steps.looked.body }}\"",
        "amount: \"{{ steps.looked.body * steps.rate.body }}\"",
    );
    let after = plan(PROJECT, &after);
    let mut run = goes_on(&before, &after, &old.events);
    assert_eq!(run.waiting(), ["beside", "rate"]);
    run.answer("rate", r#"{"body": 2}"#);
    assert_eq!(run.vm.pending("paid").unwrap().attempt(), Some(3));
    run.answer("beside", r#"{"body": 1}"#);
    run.answer("paid", r#"{"body": 8}"#);
    assert_eq!(run.returned(), "[7,8,2]");
    assert_eq!(Vm::replay(after, &run.events).unwrap().outcome(), run.vm.outcome());
}

#[test]
fn an_expression_that_failed_is_evaluated_by_the_other_definition() {
    let text = "pathway: p\nsteps:\n  a: { http: { service: api, get: /a } }\n  \
                wrong: { set: \"{{ steps.a.body.no.such }}\" }\nreturn: \"{{ steps.wrong }}\"\n";
    let before = plan(PROJECT, text);
    let mut old = Run::start(&before, "{}");
    old.answer("a", r#"{"body": {"yes": 3}}"#);
    assert_eq!(old.failure().step.as_deref(), Some("wrong"));
    let after = plan(PROJECT, &text.replace("no.such", "yes"));
    assert_eq!(goes_on(&before, &after, &old.events).returned(), "3");
}

#[test]
fn a_run_that_was_redriven_before_can_change_over_too_and_again() {
    let before = plan(PROJECT, BEFORE);
    let mut old = failed(&before);
    let redriven = Vm::replay(before.clone(), &old.events).unwrap().redriven(old.events.len()).unwrap();
    old.events.push(Event { at: old.now, kind: redriven });
    old.vm = Vm::replay(before.clone(), &old.events).unwrap();
    old.answer("beside", r#"{"body": 1}"#);
    old.fail("paid", outage());
    assert!(old.fire());
    old.fail("paid", Failure::new(Class::Invalid, "no"));
    assert_eq!(old.failure().attempts, 4);
    let second = plan(PROJECT, &BEFORE.replace("post: /paid", "post: /second"));
    let mut run = goes_on(&before, &second, &old.events);
    assert_eq!(
        (run.waiting(), run.vm.pending("paid").unwrap().attempt()),
        (vec!["paid".to_owned()], Some(5))
    );
    run.fail("paid", Failure::new(Class::Invalid, "no"));
    let third = plan(PROJECT, &BEFORE.replace("post: /paid", "post: /third"));
    let mut run = goes_on(&second, &third, &run.events);
    assert_eq!(run.vm.pending("paid").unwrap().attempt(), Some(6));
    run.answer("paid", r#"{"body": 8}"#);
    assert_eq!(run.returned(), "[7,8,4]");
}

#[test]
fn where_it_would_differ_before_that_it_is_refused() {
    let before = plan(PROJECT, BEFORE);
    let old = failed(&before);
    let first = "  first: { http: { service: api, get: /first } }\n  looked: { needs: first,";
    let cases = [
        (("get: /looked", "get: /other"), "`looked` would ask for something else than it did"),
        (
            ("  looked:", "  looked: { set: { body: 7 } }\n  other:"),
            "`looked` would not be waiting for what came to it",
        ),
        (("  looked: {", first), "`looked` would not be waiting for what came to it"),
        (
            ("steps:\n", "input: { type: object, required: [n] }\nsteps:\n"),
            "it would end before `looked`: the input does not match its schema: `/n` is required",
        ),
    ];
    for ((from, to), expected) in cases {
        assert_eq!(refused(&before, &BEFORE.replace(from, to), &old.events), expected);
    }
}

#[test]
fn timers_and_signals_concern_the_steps_that_they_concerned() {
    let text = r#"
pathway: p
steps:
  a: { wait: { for: 1s } }
  b: { wait: { for: 2s } }
  c: { wait: { signal: s } }
  last: { needs: [a, b, c], fail: { message: "no" } }
"#;
    let before = plan(PROJECT, text);
    let mut old = Run::start(&before, "{}");
    assert!(old.fire() && old.fire());
    let signal = |name: &str| {
        let signal =
            pathway_engine::journal::Signal { name: name.into(), payload: 1.into(), from: None, key: None };
        Kind::Signalled(signal)
    };
    old.tell(signal("s"));
    old.failure();
    let swapped = text.replace("  a:", "  x:").replace("  b:", "  a:").replace("  x:", "  b:");
    assert_eq!(refused(&before, &swapped, &old.events), "`a` would not be waiting for what came to it");
    let other = text.replace("signal: s", "signal: t");
    assert_eq!(refused(&before, &other, &old.events), "`c` would not be waiting for what came to it");
    let mended = plan(PROJECT, &text.replace("fail: { message: \"no\" }", "set: 1"));
    assert_eq!(goes_on(&before, &mended, &old.events).returned(), "null");
}

//! Where another definition would differ from what happened, one way after another.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use pathway_engine::vm::{Class, Differs, Failure, Vm};
use support::{Run, plan};

const PROJECT: &str =
    "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 2, delay: 1s, jitter: 0 } } }";

const TEXT: &str = r#"
pathway: p
steps:
  a: { http: { service: api, get: /a } }
  pause: { needs: a, wait: { for: 1m } }
  slow:
    needs: pause
    timeout: 10s
    on_error: continue
    steps: { b: { http: { service: api, post: /b, json: { n: "{{ steps.a.body }}" } } } }
  told: { needs: slow, wait: { signal: go } }
return: "{{ steps.a.body }}"
"#;

/// A run in which `a` was tried twice and `slow` took too long.
fn ended() -> Run {
    let mut run = Run::start(&plan(PROJECT, TEXT), "{}");
    run.fail("a", Failure::new(Class::Outage, "down"));
    assert!(run.fire());
    run.answer("a", r#"{"body": 7}"#);
    assert!(run.fire() && run.fire());
    let signal =
        pathway_engine::journal::Signal { name: "go".into(), payload: 1.into(), from: None, key: None };
    run.tell(pathway_engine::journal::Kind::Signalled(signal));
    assert_eq!(run.returned(), "7");
    run
}

/// The event, the step and how.
fn difference(change: (&str, &str)) -> Option<(usize, Option<String>, Differs)> {
    assert!(TEXT.contains(change.0), "{change:?}");
    let to = plan(PROJECT, &TEXT.replace(change.0, change.1));
    let run = ended();
    let found = Vm::compare(run.vm.plan().clone(), to, &run.events).unwrap();
    found.map(|found| (found.event, found.step, found.how))
}

#[test]
fn what_is_asked_and_was_not_or_otherwise() {
    let (event, step, how) = difference(("json: { n:", "json: { m:")).unwrap();
    let Differs::Request { was, now } = how else { panic!("{how:?}") };
    assert_eq!((event, step.as_deref()), (4, Some("slow.b")));
    assert!(format!("{was:?}").contains("'n': 7") && format!("{now:?}").contains("'m': 7"));

    let (event, step, how) =
        difference(("  pause:", "  more: { http: { service: api, get: /m } }\n  pause:")).unwrap();
    assert!(matches!(how, Differs::Asks(_)), "{how:?}");
    assert_eq!((event, step.as_deref()), (0, Some("more")));

    let (event, step, how) =
        difference(("    timeout:", "    when: steps.a.body == 8\n    timeout:")).unwrap();
    assert!(matches!(how, Differs::AsksNot(_)), "{how:?}");
    assert_eq!((event, step.as_deref()), (4, Some("slow.b")));
}

#[test]
fn what_would_be_over_sooner_or_later() {
    for (change, expected) in [(("for: 1m", "for: 2m"), "pause"), (("timeout: 10s", "timeout: 20s"), "slow")]
    {
        let (_, step, how) = difference(change).unwrap();
        assert!(matches!(how, Differs::Later), "{change:?}: {how:?}");
        assert_eq!(step.as_deref(), Some(expected));
    }
    let (event, step, how) = difference(("for: 1m", "for: 1s")).unwrap();
    assert!(matches!(how, Differs::Sooner), "{how:?}");
    assert_eq!((event, step.as_deref()), (4, Some("pause")));
    let (_, step, how) = difference(("signal: go", "signal: other")).unwrap();
    assert!(matches!(how, Differs::Request { .. }), "{how:?}");
    assert_eq!(step.as_deref(), Some("told"));
    // Another numbering of timers is none.
    assert!(difference(("  a: {", "  a: { timeout: 1h,")).is_none());
}

#[test]
fn what_would_end_or_go_on_or_end_otherwise() {
    let once = TEXT.replace("  a: {", "  a: { retry: { attempts: 1 },");
    let run = ended();
    let found = Vm::compare(run.vm.plan().clone(), plan(PROJECT, &once), &run.events).unwrap().unwrap();
    let Differs::Ends(Err(failure)) = &found.how else { panic!("{found:?}") };
    assert_eq!((found.event, found.step.as_deref(), failure.message.as_str()), (1, Some("a"), "down"));

    let (event, step, how) = difference(("steps:\n  a:", "input: { required: [x] }\nsteps:\n  a:")).unwrap();
    assert!(matches!(how, Differs::Ends(Err(_))), "{how:?}");
    assert_eq!((event, step), (0, None));

    let last = run.events.len() - 1;
    let (event, step, how) =
        difference(("return: \"{{ steps.a.body }}", "return: \"{{ steps.a.body + 1 }}")).unwrap();
    assert!(matches!(how, Differs::Outcome { was: Ok(_), now: Ok(_) }), "{how:?}");
    assert_eq!((event, step), (last, None));

    let on = TEXT.replace("return:", "  on: { needs: told, wait: { for: 1s } }\nreturn:");
    let found = Vm::compare(run.vm.plan().clone(), plan(PROJECT, &on), &run.events).unwrap().unwrap();
    assert!(matches!(found.how, Differs::GoesOn(Ok(_))), "{found:?}");
    // A run of which the rest is still to come agrees so far.
    assert!(Vm::compare(run.vm.plan().clone(), plan(PROJECT, &on), &run.events[..last]).unwrap().is_none());
}

//! Pauses, timeouts and sleeps in virtual time, and the same on replay.

use std::time::Duration;

use pathway_engine::vm::{Class, Effect, Failure, Vm};
use proptest::prelude::*;

use super::support::{Run, plan};

const PROJECT: &str = "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 1 } } }";

/// When the earliest timer is due, from the beginning.
fn due(run: &Run) -> Option<Duration> {
    let timers = run.vm.in_flight().into_iter().filter_map(|it| match it.effect {
        Effect::Timer { at, .. } => Some(at),
        _ => None,
    });
    let start = run.events[0].at;
    timers.min().map(|at| at.duration_since(start).unsigned_abs())
}

fn seconds(run: &Run) -> f64 {
    run.now.duration_since(run.events[0].at).as_secs_f64()
}

fn outage() -> Failure {
    Failure::new(Class::Outage, "down")
}

/// The state after a replay is the state that was.
fn check_replay(run: &Run) {
    let again = Vm::replay(run.vm.plan().clone(), &run.events).unwrap();
    assert_eq!(format!("{:?}", again.in_flight()), format!("{:?}", run.vm.in_flight()));
    assert_eq!(again.outcome(), run.vm.outcome());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pauses_grow_within_their_bounds(
        attempts in 1_u32..8,
        delay in 0_u64..5_000,
        factor in 1.0..4.0_f64,
        max_delay in 0_u64..20_000,
        jitter in 0.0..1.0_f64,
        asked in proptest::option::of(0_u64..10_000),
    ) {
        let plan = plan(PROJECT, &format!(
            "pathway: p\nsteps:\n  a:\n    retry: {{ attempts: {attempts}, delay: {delay}ms, factor: {factor}, max_delay: {max_delay}ms, jitter: {jitter} }}\n    http: {{ service: api, get: / }}\n"
        ));
        let mut run = Run::start(&plan, "{}");
        for attempt in 1..attempts {
            run.fail("a", Failure { retry_after: asked, ..outage() });
            let before = run.now;
            check_replay(&run);
            prop_assert!(run.fire());
            let pause = run.now.duration_since(before).as_secs_f64() * 1000.0;
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (delay, max_delay, asked) = (delay as f64, max_delay as f64, asked.unwrap_or(0) as f64);
            let whole = (delay * factor.powi(i32::try_from(attempt).unwrap() - 1)).min(max_delay);
            let (least, most) = ((whole * (1.0 - jitter)).max(asked), whole.max(asked));
            prop_assert!(pause >= least - 0.01 && pause <= most + 0.01, "{pause} of {least} to {most}");
        }
        run.fail("a", outage());
        prop_assert_eq!(run.failure().attempts, attempts);
        check_replay(&run);
    }

    #[test]
    fn no_attempt_begins_after_total(total in 0_u64..30, works in 0_u64..10) {
        let plan = plan(PROJECT, &format!(
            "pathway: p\nsteps:\n  a:\n    retry: {{ attempts: 100, delay: 2s, factor: 1, jitter: 0, total: {total}s }}\n    http: {{ service: api, get: / }}\n"
        ));
        let mut run = Run::start(&plan, "{}");
        let mut attempts = 1;
        loop {
            run.now += Duration::from_secs(works);
            run.fail("a", outage());
            if !run.fire() {
                break;
            }
            attempts += 1;
            prop_assert!(seconds(&run) <= f64::from(u32::try_from(total).unwrap()));
        }
        // Attempt n + 1 begins when n times work and pause have passed.
        let expected = 1 + (total / (works + 2)).min(99);
        prop_assert_eq!(attempts, expected);
        prop_assert_eq!(u64::from(run.failure().attempts), expected);
    }
}

#[test]
fn total_counts_from_the_first_attempt_not_from_the_queue() {
    let plan = plan(
        PROJECT,
        r"
pathway: p
max_parallel: 1
steps:
  slow: { http: { service: api, get: / } }
  a:
    retry: { attempts: 2, delay: 1s, jitter: 0, total: 5s }
    http: { service: api, get: / }
",
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting(), ["slow"]);
    run.now += Duration::from_secs(60);
    run.answer("slow", r#"{"body": 1}"#);
    run.fail("a", outage());
    assert!(run.fire(), "a second attempt is in time");
}

#[test]
fn a_delay_of_nothing_stays_one() {
    let plan = plan(
        PROJECT,
        "pathway: p\nsteps:\n  a:\n    retry: { attempts: 1000, delay: 0s, factor: 100, jitter: 0 }\n    http: { service: api, get: / }\n",
    );
    let mut run = Run::start(&plan, "{}");
    for _ in 1..1000 {
        run.fail("a", outage());
        assert!(run.fire());
    }
    assert!(seconds(&run) < 0.001);
    run.fail("a", outage());
    assert_eq!(run.failure().attempts, 1000);
}

#[test]
fn a_block_that_takes_too_long_is_tried_again() {
    let plan = plan(
        PROJECT,
        r"
pathway: p
steps:
  b:
    timeout: 10s
    retry: { attempts: 2, delay: 1s, jitter: 0 }
    steps:
      x: { http: { service: api, get: /x } }
      y: { http: { service: api, get: /y } }
    return: done
return: '{{ steps.b }}'
",
    );
    let mut run = Run::start(&plan, "{}");
    run.answer("b.x", r#"{"body": 1}"#);
    assert_eq!(due(&run), Some(Duration::from_secs(10)));
    run.effects.clear();
    assert!(run.fire());
    assert!(run.waiting().is_empty());
    assert!(matches!(&run.effects[0], Effect::Abandon { instance } if &**instance == "b.y"));
    assert!(run.fire());
    assert_eq!(run.waiting(), ["b#2.x", "b#2.y"]);
    assert_eq!(due(&run), Some(Duration::from_secs(21)));
    check_replay(&run);
    run.answer("b#2.x", r#"{"body": 1}"#);
    run.answer("b#2.y", r#"{"body": 1}"#);
    assert_eq!(run.returned(), r#""done""#);
    assert!(run.vm.in_flight().is_empty(), "the timer of the timeout is gone");
}

#[test]
fn calls_and_waits_that_take_too_long_fail() {
    for (step, instance) in [
        ("call: { pathway: p }", Some("a")),
        ("wait: { signal: go }", Some("a")),
        ("wait: { for: 1h }", None),
        ("wait: { until: '2030-01-01T00:00:00Z' }", None),
    ] {
        let plan = plan(PROJECT, &format!("pathway: p\nsteps:\n  a:\n    timeout: 10s\n    {step}\n"));
        let mut run = Run::start(&plan, "{}");
        assert_eq!(run.waiting().first().map(String::as_str), instance, "{step}");
        assert_eq!(due(&run), Some(Duration::from_secs(10)), "{step}");
        assert!(run.fire());
        assert_eq!(run.failure().class, Class::Timeout, "{step}");
        assert!(run.vm.in_flight().is_empty());
        check_replay(&run);
    }
}

#[test]
fn a_wait_has_a_timeout_of_its_own() {
    let plan = plan(
        PROJECT,
        "pathway: p\nsteps:\n  a:\n    on_error: continue\n    wait: { signal: go, timeout: 3s }\nreturn: '{{ steps.a is none }}'\n",
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(due(&run), Some(Duration::from_secs(3)));
    assert!(run.fire());
    assert_eq!(run.returned(), "true");
}

#[test]
fn a_wait_until_a_time_that_has_passed_is_over_at_once() {
    let plan = plan(
        PROJECT,
        "pathway: p\nsteps:\n  a: { wait: { until: '2001-01-01T00:00:00Z' } }\n  b: { set: '{{ now() }}', needs: a }\nreturn: '{{ steps.b }}'\n",
    );
    let mut run = Run::start(&plan, "{}");
    assert!(run.fire());
    assert!(run.returned().contains("2024-05-20T12:00:00"), "{}", run.returned());
}

#[test]
fn the_timeout_of_a_request_goes_with_it() {
    let plan =
        plan(PROJECT, "pathway: p\nsteps:\n  a:\n    timeout: 7s\n    http: { service: api, get: / }\n");
    let run = Run::start(&plan, "{}");
    let Some(Effect::Http { request, .. }) = run.vm.pending("a") else { panic!() };
    assert_eq!(request.timeout, Some(Duration::from_secs(7)));
    assert_eq!(due(&run), None);
}

#[test]
fn a_sleep_does_not_take_a_slot() {
    let plan = plan(
        PROJECT,
        r"
pathway: p
max_parallel: 1
steps:
  nap: { wait: { for: 1h } }
  child: { call: { pathway: p } }
  again:
    retry: { attempts: 2, delay: 1m, jitter: 0 }
    http: { service: api, get: /a }
  other: { needs: [], http: { service: api, get: /b } }
",
    );
    let mut run = Run::start(&plan, "{}");
    assert_eq!(run.waiting(), ["again", "child"]);
    run.fail("again", outage());
    assert_eq!(run.waiting(), ["child", "other"], "backing off, it gives its slot away");
}

//! What of a run is run again, and what it keeps: one rule after another.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kept, Kind, Rerun, Started};
use pathway_engine::vm::{Change, Class, Failure, Portion, Recorded};
use support::{Run, compile_in, json, plan, started};

const PROJECT: &str = "services: { api: { url: http://127.0.0.1:9, retry: { attempts: 1 } } }";

const SHOP: &str = r#"
pathway: shop
vars: { order: "{{ uuid() }}" }
steps:
  stock: { http: { service: api, get: "/stock/{{ vars.order }}" } }
  log: { http: { service: api, post: /log } }
  sold_out: { when: steps.stock.body.left == 0, fail: { message: sold out } }
  pay:
    steps:
      reserve: { http: { service: api, post: /reserve, json: "{{ steps.stock.body }}" } }
      charge: { http: { service: api, post: /charge, json: "{{ steps.reserve.body }}" } }
    return: "{{ steps.charge.body }}"
  each:
    each: "[1, 2]"
    steps: { one: { http: { service: api, get: "/{{ item }}" } } }
  told: { needs: [pay], http: { service: api, post: /told, json: "{{ steps.pay }}" } }
return: "{{ [steps.pay, steps.told.body] }}"
"#;

fn failure() -> Failure {
    Failure::new(Class::Invalid, "no")
}

/// Answers whatever waits with the number of its turn, until nothing does.
fn answer_all(run: &mut Run) {
    for turn in 1.. {
        let Some(instance) = run.waiting().into_iter().next() else { break };
        run.answer(&instance, &format!(r#"{{"status": 200, "headers": {{}}, "body": {{"left": {turn}}}}}"#));
    }
}

fn ended(plan: &Arc<Plan>) -> Run {
    let mut run = Run::start(plan, "{}");
    answer_all(&mut run);
    run
}

fn chosen(plan: &Arc<Plan>, events: &[Event], portion: &Portion) -> Result<Rerun, String> {
    let recorded = Recorded::of(plan, events).unwrap();
    portion.rerun(plan, "old".into(), &recorded).map_err(|error| error.to_string())
}

fn again(plan: &Arc<Plan>, rerun: Rerun) -> Run {
    let mut run = Run::new(plan);
    let old = started(json("{}"), 7);
    let run_id = "018f0000-0000-7000-8000-000000000002".into();
    run.tell(Kind::Started(Started { run: run_id, rerun: Some(Box::new(rerun)), ..old }));
    run
}

fn kept(rerun: &Rerun) -> Vec<&str> {
    rerun.kept.keys().map(|path| &**path).collect()
}

#[test]
fn what_a_step_has_no_bearing_on_is_kept_and_the_rest_asked_for_again() {
    let plan = plan(PROJECT, SHOP);
    let old = ended(&plan);
    let cases: [(&str, &[&str], &[&str]); 5] = [
        // A guard that does not read it is not asked again, nor is what stands behind it.
        ("log", &["each", "pay", "sold_out", "stock", "told"], &["log"]),
        ("stock", &["log"], &["stock"]),
        ("told", &["each", "log", "pay", "sold_out", "stock"], &["told"]),
        ("pay.charge", &["each", "log", "pay.reserve", "sold_out", "stock"], &["pay.charge"]),
        ("each", &["log", "pay", "sold_out", "stock", "told"], &["each[0].one", "each[1].one"]),
    ];
    for (step, expected, asked) in cases {
        let rerun = chosen(&plan, &old.events, &Portion::From(step.into())).unwrap();
        assert_eq!(kept(&rerun), expected, "from {step}");
        let mut run = again(&plan, rerun);
        assert_eq!(run.waiting(), asked, "from {step}");
        let kept =
            run.trace().into_iter().filter(|trace| matches!(trace.change, Change::Kept { .. })).count();
        assert!(kept > 0);
        answer_all(&mut run);
        run.returned();
    }
    let all = chosen(&plan, &old.events, &Portion::All).unwrap();
    assert_eq!(all, Rerun { of: "old".into(), kept: [].into(), vars: [].into(), only: None });
}

#[test]
fn variables_stay_what_they_were_where_steps_do() {
    let plan = plan(PROJECT, SHOP);
    let old = ended(&plan);
    let path = |run: &Run| format!("{:?}", run.vm.pending("stock").unwrap());
    let first = Run::start(&plan, "{}");
    let from = again(&plan, chosen(&plan, &old.events, &Portion::From("stock".into())).unwrap());
    assert_eq!(path(&from), path(&first));
    let whole = again(&plan, chosen(&plan, &old.events, &Portion::All).unwrap());
    assert_ne!(path(&whole), path(&first), "it is another run");
}

#[test]
fn a_step_that_runs_alone_is_the_run() {
    let plan = plan(PROJECT, SHOP);
    let old = ended(&plan);
    let rerun = chosen(&plan, &old.events, &Portion::Only("pay.charge".into())).unwrap();
    assert_eq!(kept(&rerun), ["pay.reserve", "stock"]);
    let mut run = again(&plan, rerun.clone());
    assert_eq!(run.waiting(), ["pay.charge"]);
    run.answer("pay.charge", r#"{"body": 7}"#);
    assert_eq!(run.returned(), r#"{"body":7}"#);

    let mut run = again(&plan, rerun);
    run.fail("pay.charge", failure());
    assert_eq!(run.failure().step.as_deref(), Some("pay.charge"));

    let each = chosen(&plan, &old.events, &Portion::Only("each".into())).unwrap();
    assert_eq!(kept(&each), Vec::<&str>::new());
    let mut run = again(&plan, each);
    answer_all(&mut run);
    assert_eq!(run.returned(), "[null,null]");
}

#[test]
fn a_step_that_runs_alone_is_left_out_where_its_condition_says_so_and_handles_its_own_failure() {
    let plan = plan(
        PROJECT,
        r#"
pathway: p
steps:
  a: { set: 1 }
  never: { when: steps.a == 2, http: { service: api, get: /never } }
  caught: { http: { service: api, get: /caught }, on_error: { return: "{{ error.message }}" } }
return: 1
on_error: { return: handled }
"#,
    );
    let mut old = Run::start(&plan, "{}");
    old.fail("caught", failure());
    assert_eq!(old.returned(), "1");
    let run = again(&plan, chosen(&plan, &old.events, &Portion::Only("never".into())).unwrap());
    assert_eq!(run.returned(), "null");
    let mut run = again(&plan, chosen(&plan, &old.events, &Portion::Only("caught".into())).unwrap());
    run.fail("caught", failure());
    assert_eq!(run.returned(), r#""no""#);
    let mut run = again(&plan, chosen(&plan, &old.events, &Portion::Only("caught".into())).unwrap());
    run.tell(Kind::Cancelled { reason: Failure::new(Class::Cancelled, "off") });
    assert_eq!(run.failure().message, "off", "nothing else of the pathway runs, nor its `on_error`");
}

#[test]
fn what_was_not_reached_or_is_not_there_or_not_one_is_refused_with_a_way_out() {
    let plan = plan(PROJECT, SHOP);
    let old = ended(&plan);
    let mut sold_out = Run::start(&plan, "{}");
    sold_out.answer("log", r#"{"body": 1}"#);
    sold_out.answer("stock", r#"{"body": {"left": 0}}"#);
    assert_eq!(sold_out.failure().step.as_deref(), Some("sold_out"));
    let from = |step: &str| Portion::From(step.into());
    let only = |step: &str| Portion::Only(step.into());
    let refused = |events: &[Event], portion: Portion| chosen(&plan, events, &portion).unwrap_err();
    let unreached =
        "the guard `sold_out` ended the run before `pay`: run it again from `sold_out`, or all of it";
    assert_eq!(refused(&sold_out.events, from("pay")), unreached);
    assert_eq!(refused(&sold_out.events, only("pay")), unreached);
    // A guard that is asked again may say otherwise.
    assert_eq!(kept(&chosen(&plan, &sold_out.events, &from("stock")).unwrap()), ["log"]);
    assert_eq!(kept(&chosen(&plan, &sold_out.events, &from("sold_out")).unwrap()), ["log", "stock"]);

    let cases = [
        (from("stok"), "there is no step `stok`: did you mean `stock`?"),
        (
            from("xyz"),
            "there is no step `xyz`: the pathway has `each`, `log`, `pay`, `pay.charge`, `pay.reserve`, `sold_out`, `stock`, `told`",
        ),
        (from("each[1]"), "`each[1]` names one of several executions: run it again from `each`"),
        (
            only("each.one"),
            "`each.one` is part of a step that is repeated, and runs as often as that: run it again from `each`",
        ),
        (only("sold_out"), "`sold_out` ends its block and does nothing else: run it again from `sold_out`"),
    ];
    for (portion, expected) in cases {
        assert_eq!(refused(&old.events, portion), expected);
    }
    let mut cut = Run::start(&plan, "{}");
    cut.fail("stock", failure());
    assert_eq!(
        refused(&cut.events, only("pay")),
        "`pay` reads `stock`, which has no recorded output: run it again from `stock`"
    );
}

#[test]
fn steps_of_several_cases_and_of_what_handles_failures_are_not_named() {
    let plan = plan(
        PROJECT,
        r#"
pathway: p
steps:
  way:
    switch:
      of: input.way
      cases:
        a: { steps: { same: { set: 1 }, left: { set: 2 } }, return: "{{ steps.left }}" }
        b: { steps: { same: { set: 3 } }, return: "{{ steps.same }}" }
    on_error: { steps: { help: { set: 4 } }, return: "{{ steps.help }}" }
return: "{{ steps.way or 0 }}"
"#,
    );
    let old = Run::start(&plan, r#"{"way": "a"}"#);
    let refused = |step: &str| chosen(&plan, &old.events, &Portion::From(step.into())).unwrap_err();
    let several = "`way.same` is the name of steps in several cases: run it again from `way`";
    assert_eq!(refused("way.same"), several);
    let handles = "`way.on_error.help` runs only where something has failed: run it again from `way`";
    assert_eq!(refused("way.on_error.help"), handles);
    let rerun = chosen(&plan, &old.events, &Portion::From("way.left".into())).unwrap();
    assert_eq!(kept(&rerun), Vec::<&str>::new());
}

#[test]
fn what_was_undone_runs_again_and_what_could_not_be_is_not_guessed_at() {
    let text = r#"
pathway: p
steps:
  looked: { http: { service: api, get: /looked } }
  booked:
    needs: looked
    http: { service: api, post: /booked }
    compensate: { http: { service: api, delete: /booked } }
  paid: { needs: booked, http: { service: api, post: /paid } }
  told: { needs: looked, http: { service: api, post: /told, json: "{{ steps.booked.body }}" } }
return: 1
"#;
    let plan = plan(PROJECT, text);
    let failed = |undone: bool| {
        let mut run = Run::start(&plan, "{}");
        for step in ["looked", "booked", "told"] {
            run.answer(step, r#"{"body": 1}"#);
        }
        run.fail("paid", failure());
        match undone {
            true => run.answer("booked.compensate", r#"{"body": 1}"#),
            false => run.fail("booked.compensate", failure()),
        }
        run.failure();
        run.events
    };
    let rerun = chosen(&plan, &failed(true), &Portion::From("paid".into())).unwrap();
    assert_eq!(kept(&rerun), ["looked"], "`told` read what holds no more");
    let missing = chosen(&plan, &failed(true), &Portion::Only("told".into())).unwrap_err();
    assert_eq!(missing, "`told` reads `booked`, which was undone: run it again from `booked`");
    let uncertain = chosen(&plan, &failed(false), &Portion::From("paid".into())).unwrap_err();
    assert!(uncertain.starts_with("`booked` was to be undone and that did not succeed"), "{uncertain}");
    let rerun = chosen(&plan, &failed(false), &Portion::From("booked".into())).unwrap();
    assert_eq!(kept(&rerun), ["looked"]);
}

#[test]
fn of_a_block_that_was_tried_again_the_last_attempt_counts() {
    let plan = plan(
        PROJECT,
        r#"
pathway: p
steps:
  block:
    retry: { attempts: 2, delay: 1s, on: [invalid] }
    steps:
      a: { http: { service: api, get: /a } }
      b: { needs: a, http: { service: api, get: /b } }
    return: 1
return: 1
"#,
    );
    let mut old = Run::start(&plan, "{}");
    old.answer("block.a", r#"{"body": "first"}"#);
    old.fail("block.b", failure());
    assert!(old.fire());
    let rerun = chosen(&plan, &old.events, &Portion::From("block.b".into())).unwrap();
    assert_eq!(kept(&rerun), Vec::<&str>::new());
    old.answer("block#2.a", r#"{"body": "second"}"#);
    old.fail("block#2.b", failure());
    let rerun = chosen(&plan, &old.events, &Portion::From("block.b".into())).unwrap();
    assert_eq!(rerun.kept["block.a"], Kept::Output(json(r#"{"body": "second"}"#)));
    // A further attempt of the block is another one, and keeps nothing.
    let mut run = again(&plan, rerun);
    run.fail("block.b", failure());
    assert!(run.fire());
    assert_eq!(run.waiting(), ["block#2.a"]);
}

#[test]
fn another_definition_keeps_what_it_has_a_step_for() {
    let plan = plan(PROJECT, SHOP);
    let old = ended(&plan);
    let recorded = Recorded::of(&plan, &old.events).unwrap();
    let changed = SHOP.replace("  told:", "  added: { http: { service: api, get: /added } }\n  told:");
    let changed = changed.replace("  log: {", "  logged: {");
    let compiled = compile_in(PROJECT, &[&changed]);
    let changed = compiled.program.pathways["shop"].clone();
    let rerun = Portion::From("told".into()).rerun(&changed, "old".into(), &recorded).unwrap();
    let run = again(&changed, rerun);
    assert_eq!(run.waiting(), ["logged"], "what is new runs, in its place");
}

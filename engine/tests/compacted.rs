//! What a journal is compacted to: all that the run is, no request, and no secret that may be renewed.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Compacted, Event, Kind, Signal};
use pathway_engine::testing::export;
use pathway_engine::vm::{Class, Failure, Mismatch, Portion, Recorded, Vm};
use support::{Run, compile_files, json, plan};

const PROJECT: &str = "services: { api: { url: http://127.0.0.1:9 } }";

/// All kinds of state at once.
const EVERYTHING: &str = r#"
pathway: p
vars: { id: "{{ uuid() }}" }
steps:
  booked:
    http: { service: api, post: /booked }
    compensate: { http: { service: api, delete: "/booked/{{ steps.booked.body }}" } }
  odd: { set: { nothing: null, half: "{{ 1 / 3 }}", list: "{{ [1, 1.0, '1', true] }}" } }
  asked: { http: { service: api, post: /asked, json: { at: "{{ now() }}", id: "{{ uuid() }}", run: "{{ run.attempt }}" } } }
  each: { each: "[1, 2, 3, 4]", max_parallel: 2, once: item, http: { service: api, get: "/{{ item }}/{{ vars.id }}" } }
  tried:
    steps:
      inner: { http: { service: api, get: "/inner/{{ error.status if error else '' }}" } }
    retry: { attempts: 3, delay: 5s, jitter: 0, on: [outage] }
  polled: { while: "last.body != 'done'", limit: 10000, http: { service: api, get: "/polled/{{ last.body if last else '' }}" } }
  paused: { wait: { for: 1h } }
  told: { wait: { signal: told, timeout: 1d } }
return: "{{ [steps.odd, steps.each | length, steps.asked.body, vars.id] }}"
"#;

fn compacted(run: &Run) -> Option<Compacted> {
    run.vm.compacted(&run.events[0], u32::try_from(run.events.len()).unwrap(), usize::MAX)
}

/// The run with a compacted journal, and as it is taken up.
fn taken_up(plan: &Arc<Plan>, run: &Run) -> Run {
    let kind = Kind::Compacted(Box::new(compacted(run).unwrap()));
    let events = vec![run.events[0].clone(), Event { at: run.now, kind }];
    let mut again = Run::new(plan);
    again.vm.follow(&events).unwrap();
    Run { events, now: run.now, ..again }
}

fn in_flight(run: &Run) -> String {
    let mut all = String::new();
    run.vm.in_flight().iter().for_each(|it| writeln!(all, "{:?} {}", it.effect, it.sent).unwrap());
    all
}

/// A run of [`EVERYTHING`] in the middle of all.
fn middle(plan: &Arc<Plan>) -> Run {
    let mut run = Run::start(plan, "{}");
    run.answer("booked", r#"{"body": 7}"#);
    let later = run.now + std::time::Duration::from_secs(1);
    run.now = later;
    let again = Run::new(plan);
    let kind = run.vm.redriven(run.events.len()).unwrap();
    run.events.push(Event { at: run.now, kind });
    run = Run { events: run.events, now: run.now, ..again };
    run.vm.follow(&run.events).unwrap();
    for item in 0..2 {
        run.answer_claim(&format!("each[{item}]"), &pathway_engine::vm::ClaimAnswer::Granted);
    }
    run.answer("each[1]", r#"{"body": null}"#);
    let mut failure = Failure::new(Class::Outage, "down");
    (failure.status, failure.details) = (Some(503), Some(json(r#"{"why": [1.0, null]}"#)));
    run.fail("tried.inner", failure);
    run.answer("polled", r#"{"body": "wait"}"#);
    let signal = |name: &str, key: &str| {
        Kind::Signalled(Signal {
            name: name.to_owned(),
            payload: json("{}"),
            from: Some("ann".to_owned()),
            key: Some(key.to_owned()),
        })
    };
    run.tell(signal("early", "1"));
    run
}

/// Runs of older versions are taken up: another way to write raises the number of the format.
#[test]
fn a_state_is_written_as_it_was() {
    let plan = plan(PROJECT, EVERYTHING);
    let run = middle(&plan);
    let compacted = compacted(&run).unwrap();
    assert_eq!((compacted.format, compacted.redriven), (1, 1));
    let state: serde_json::Value = serde_json::from_str(&compacted.state).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&state).unwrap());
}

#[test]
fn what_was_asked_for_earlier_is_asked_for_as_it_was() {
    let plan = plan(PROJECT, EVERYTHING);
    let run = middle(&plan);
    let again = taken_up(&plan, &run);
    assert_eq!(in_flight(&again), in_flight(&run));
    assert!(in_flight(&again).contains("2024-05-20T12:00:00"), "as of when it was asked");
    let state = compacted(&run).unwrap().state;
    assert!(!state.contains("/asked") && !state.contains("2024-05-20T12:00:00Z\\\""), "no request is kept");
}

#[test]
fn a_signal_counts_once_also_if_it_came_before() {
    let plan = plan(PROJECT, EVERYTHING);
    let mut again = taken_up(&plan, &middle(&plan));
    let before = again.events.len();
    let payload = json("{}");
    let (from, key) = (Some("ann".to_owned()), Some("1".to_owned()));
    again.tell(Kind::Signalled(Signal { name: "early".to_owned(), payload, from, key }));
    assert_eq!(again.events.len(), before);
    assert_eq!(again.vm.mailbox().count(), 1);
}

fn plan_with(pathway: &str) -> Arc<Plan> {
    let project = "services: { api: { url: http://127.0.0.1:9, headers: { X-Key: '${API_KEY}' } } }\n\
                   vars: { token: '${API_TOKEN}' }";
    let files =
        [("pathway.yaml", project), (".env", "API_KEY=k3y\nAPI_TOKEN=t0ken"), ("p.pathway.yaml", pathway)];
    let compiled = compile_files(&files.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.report());
    compiled.program.pathways.values().next().unwrap().clone()
}

#[test]
fn a_secret_that_is_sent_is_not_kept() {
    let pathway = "
pathway: p
vars: { own: '{{ vars.token }}' }
steps:
  a: { http: { service: api, get: /a, headers: { X-Token: '{{ vars.own }}', X-Other: '${API_KEY}' } } }
return: '{{ steps.a.status }}'
";
    let run = Run::start(&plan_with(pathway), "{}");
    let state = compacted(&run).unwrap().state;
    assert!(!state.contains("k3y") && !state.contains("t0ken"), "{state}");
    let again = taken_up(&plan_with(pathway), &run);
    assert!(in_flight(&again).contains("t0ken") && in_flight(&again).contains("k3y"));
}

#[test]
fn a_run_whose_steps_keep_what_is_made_of_a_secret_is_not_compacted() {
    for step in [
        "set: { header: 'Bearer {{ vars.token }}' }",
        "set: { header: 'Bearer ${API_KEY}' }",
        "each: '[vars.token]', http: { service: api, get: /a }",
        "steps: { b: { set: { c: '${API_KEY}' } } }",
    ] {
        let pathway = format!(
            "
pathway: p
steps:
  made: {{ {step} }}
  a: {{ http: {{ service: api, get: /a }} }}
return: '{{{{ steps.a.status }}}}'
"
        );
        let run = Run::start(&plan_with(&pathway), "{}");
        assert_eq!(compacted(&run), None, "{step}");
    }
}

#[test]
fn what_needs_all_events_says_that_they_are_not_there() {
    let plan = plan(PROJECT, EVERYTHING);
    let again = taken_up(&plan, &middle(&plan));
    let refused = |mismatch: Mismatch| assert!(matches!(mismatch, Mismatch::Compacted { .. }), "{mismatch}");
    refused(Vm::compare(plan.clone(), plan.clone(), &again.events).unwrap_err());
    let recorded = Recorded::of(&plan, &again.events).unwrap_err();
    insta::assert_snapshot!(recorded, @"the first 9 events of the run's journal were compacted, and are not known any more");
    refused(recorded);
    let departure = Vm::onto(plan.clone(), plan.clone(), &again.events).unwrap_err();
    assert!(departure.to_string().contains("were compacted"), "{departure}");
    let notes = export(&plan, &again.events).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("compacted")), "{notes:?}");
    let _all = Portion::All.rerun(&plan, "old".into(), &Recorded::default()).unwrap();
}

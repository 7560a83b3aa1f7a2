//! What must be true when all is over: of the store, of what was called, and of what was said.

use std::collections::{BTreeMap, BTreeSet};

use pathway_server::store::{Filter, Mark, Most, Run, Status, Store};
use serde_json::{Value, json};

use crate::faults::Toll;
use crate::load::{Asked, answer, approved, items, number_of};
use crate::replies::Replies;
use crate::upstream::{Call, LONGEST, said};

/// Runs read at once.
const PAGE: u32 = 500;
/// Attempts of a step whose service fails, as the project says.
const ATTEMPTS: usize = 3;
/// How often each interruption may have a call made again: when a process goes, and when it comes back,
/// the group gives its work out anew.
const EACH: usize = 3;
/// The steps of an order, in the order in which they are done; those of one stage at the same time.
const STAGES: [&[&str]; 5] = [&["stock", "price"], &["reserve"], &["mail"], &["pack"], &["book"]];

/// All runs of a pathway.
pub(crate) async fn runs(store: &dyn Store, pathway: &str) -> Vec<Run> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let filter = Filter { status: None, pathway: Some(pathway.to_owned()), before, limit: PAGE };
        let page = store.runs(filter).await.unwrap();
        let Some(last) = page.last() else { return all };
        before = Some(last.id);
        all.extend(page);
    }
}

/// What a run returned.
fn returned(run: &Run) -> Value {
    let outcome: Value = serde_json::from_slice(run.outcome.as_deref().unwrap_or_default()).unwrap();
    outcome["answer"].clone()
}

/// Nothing was lost, nothing was done twice, nothing was told wrongly.
pub(crate) async fn pronounce(
    store: &dyn Store,
    calls: &[Call],
    replies: &Replies,
    asked: &Asked,
    toll: &Toll,
) {
    nothing_is_left(store).await;
    let orders = runs(store, "order").await;
    each_once(&orders, &asked.orders(), answer);
    each_once(&runs(store, "approval").await, &asked.approvals, approved);
    let packed = runs(store, "packing").await;
    assert_eq!(packed.len(), orders.len(), "each order calls one packing");
    assert!(packed.iter().all(|run| run.status == Status::Succeeded), "{packed:#?}");

    let parcels = runs(store, "parcel").await;
    let lost = replies.lost();
    println!("of {} of {} parcels nobody knew whether they had been carried", lost.len(), parcels.len());
    carried(&parcels, &asked.orders(), &lost, calls, toll);
    told_the_truth(replies, asked, &lost);

    called_no_more_than_needed(calls, asked, toll);
    no_finished_step_again(calls, toll);
    one_after_the_other(&orders, &STAGES.concat(), calls);
    // What was parked has let its lane go on.
    let unparked = parcels.iter().filter(|parcel| !lost.contains(&number_of(&parcel.correlation)));
    one_after_the_other(unparked, &[LONGEST], calls);
    for run in orders.iter().chain(&packed).chain(&parcels) {
        written_once(store, run).await;
    }
}

/// No run is under way, nothing waits to be sent or to be told.
pub(crate) async fn nothing_is_left(store: &dyn Store) {
    assert_eq!(store.counts().await.unwrap().ready, 0, "{:#?}", store.unfinished(None, PAGE).await);
    assert_eq!(store.outbox(0, PAGE, usize::MAX).await.unwrap(), []);
    assert_eq!(store.inbox(None, Mark::START, Most::messages(PAGE)).await.unwrap().messages, []);
}

/// Each of these numbers has one run, which returned what it must.
pub(crate) fn each_once(runs: &[Run], numbers: &BTreeSet<i64>, expected: fn(i64) -> Value) {
    let mut seen = BTreeSet::new();
    for run in runs {
        assert_eq!(run.status, Status::Succeeded, "{run:#?}");
        let returned = returned(run);
        let number = returned["number"].as_i64().unwrap();
        assert_eq!(returned, expected(number));
        assert!(seen.insert(number), "{} {number} ran twice", run.pathway);
    }
    assert_eq!(seen, *numbers, "each has a run");
}

/// Each order has one parcel, which was carried once in the end: those that nobody knew of may have
/// been before each redrive, too.
fn carried(parcels: &[Run], orders: &BTreeSet<i64>, lost: &BTreeSet<i64>, calls: &[Call], toll: &Toll) {
    let mut called: BTreeMap<i64, usize> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.step == LONGEST) {
        *called.entry(call.number).or_default() += 1;
    }
    let mut all = BTreeSet::new();
    for parcel in parcels {
        let number = number_of(&parcel.correlation);
        assert!(all.insert(number), "parcel {number} ran twice");
        assert_eq!(parcel.status, Status::Succeeded, "{parcel:#?}");
        assert_eq!(returned(parcel), json!({"carried": said(LONGEST, number, None)}));
        let times = called.get(&number).copied().unwrap_or_default();
        let most = 1 + if lost.contains(&number) { toll.redrives } else { 0 };
        assert!((1..=most).contains(&times), "parcel {number} was carried {times} times");
    }
    assert_eq!(all, *orders, "each order has a parcel");
}

/// Each reply is the one to what was asked, and only what was asked has one.
fn told_the_truth(replies: &Replies, asked: &Asked, lost: &BTreeSet<i64>) {
    let all = |numbers: &BTreeSet<i64>, said: fn(i64) -> Value| {
        numbers.iter().map(|number| said(*number).to_string()).collect::<BTreeSet<_>>()
    };
    let heard = |topic| {
        let replies = replies.of(topic);
        let texts: BTreeSet<_> = replies.iter().map(Value::to_string).collect();
        assert_eq!(texts.len(), replies.len(), "{topic}: two runs said the same");
        texts
    };
    assert_eq!(heard("answers"), all(&asked.orders(), answer));
    assert_eq!(heard("approvals"), all(&asked.approvals, approved));
    let delivered = |number: &i64| {
        let order = format!("order {number}");
        let said = match lost.contains(number) {
            // Nobody is answered again by a redrive.
            true => json!({"class": "outage", "order": order}),
            false => json!({"carried": said(LONGEST, *number, None), "order": order}),
        };
        said.to_string()
    };
    assert_eq!(heard("deliveries"), asked.orders().iter().map(delivered).collect());
}

/// Calls with one key are attempts, and what an interruption has made again.
fn called_no_more_than_needed(calls: &[Call], asked: &Asked, toll: &Toll) {
    let mut by_key: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        assert!(!call.key.is_empty(), "{call:?} has no key");
        by_key.entry(&call.key).or_default().push(call);
    }
    for calls in by_key.values() {
        let refused = calls.iter().filter(|call| call.is_refused).count();
        let most = ATTEMPTS + refused + EACH * toll.interruptions;
        assert!(calls.len() <= most, "{} calls: {calls:#?}", calls.len());
        assert!(calls.iter().all(|call| call.step == calls[0].step && call.number == calls[0].number));
    }
    let of_order = |number: &i64| 5 + items(*number).len() + usize::from(true);
    let expected = asked.orders().iter().map(of_order).sum::<usize>() + 2 * asked.approvals.len();
    println!("{} calls with {} keys", calls.len(), by_key.len());
    assert_eq!(by_key.len(), expected, "each call was made");
}

/// What has led to the next step is finished, and is not called again. A process that stood still in
/// the middle of it may do so, once it goes on: its call was under way.
pub(crate) fn no_finished_step_again(calls: &[Call], toll: &Toll) {
    let stage = |step: &str| STAGES.iter().position(|steps| steps.contains(&step));
    let mut reached: BTreeMap<i64, usize> = BTreeMap::new();
    let mut late = Vec::new();
    for call in calls {
        let Some(stage) = stage(&call.step) else { continue };
        let reached = reached.entry(call.number).or_default();
        if stage < *reached {
            late.push(call);
        }
        *reached = stage.max(*reached);
    }
    let unexplained: Vec<_> = late.iter().filter(|call| !toll.stood_still.contains(&call.process)).collect();
    assert!(unexplained.is_empty(), "called again after it was finished: {unexplained:#?}");
    println!("{} calls came late, of processes that had stood still", late.len());
}

/// Runs of a lane, in the order of their records: the first calls of each come after those of the one
/// before.
fn one_after_the_other<'a>(runs: impl IntoIterator<Item = &'a Run>, steps: &[&str], calls: &[Call]) {
    let mut span: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (at, call) in calls.iter().enumerate() {
        if steps.contains(&call.step.as_str()) && seen.insert(&call.key) {
            span.entry(call.number).or_insert((at, at)).1 = at;
        }
    }
    let mut lanes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for run in runs {
        let source = run.source.as_ref().unwrap();
        let number = match run.pathway.as_str() {
            "parcel" => number_of(&run.correlation),
            _ => returned(run)["number"].as_i64().unwrap(),
        };
        let lane = (&source.topic, source.partition, run.lane.as_ref().unwrap());
        lanes.entry(lane).or_default().push((source.offset, number));
    }
    for (lane, mut runs) in lanes {
        runs.sort_unstable();
        let spans = runs.iter().filter_map(|(_, number)| Some((number, span.get(number)?)));
        let spans: Vec<_> = spans.collect();
        for (before, after) in spans.iter().zip(spans.iter().skip(1)) {
            assert!(before.1.1 < after.1.0, "{lane:?}: {} did not wait for {}", after.0, before.0);
        }
    }
}

/// A journal has what came of an execution of a step once, and one end.
async fn written_once(store: &dyn Store, run: &Run) {
    let mut performed = BTreeSet::new();
    for event in store.events(run.id).await.unwrap() {
        let event: Value = serde_json::from_slice(&event.payload).unwrap();
        let of = &event["kind"]["performed"];
        if of.is_object() {
            let execution = format!("{} {}", of["instance"], of["attempt"]);
            assert!(performed.insert(execution), "{of} was written twice for {run:?}");
        }
    }
}

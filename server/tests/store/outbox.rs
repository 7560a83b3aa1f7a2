//! The outbox: records that runs send to a bus outside of the store.

use pathway_server::store::*;

use crate::support::*;

on_each_place! {
    what_runs_send_waits_in_the_order_sent
    a_duplicate_sends_nothing
    what_is_sent_is_forgotten_and_its_number_not_used_again
    what_the_bus_refuses_stays_with_the_reason
    all_of_it_survives_a_restart
}

const MANY: u32 = 100;
const BYTES: usize = 1 << 20;

async fn open(place: &Place) -> std::sync::Arc<dyn Store> {
    with_definition(place.open(Outlet::Outbox).await).await
}

async fn values(store: &dyn Store, after: i64) -> Vec<(i64, usize)> {
    let outgoing = store.outbox(after, MANY, BYTES).await.unwrap();
    outgoing.iter().map(|each| (each.id, each.record.value.as_ref().unwrap().len())).collect()
}

async fn send(store: &dyn Store, run: RunId, seq: u32, lengths: &[usize]) {
    let records = lengths.iter().map(|length| record("out", vec![7; *length])).collect();
    store.append(Append { records, ..Append::new(run, seq) }).await.unwrap();
}

async fn what_runs_send_waits_in_the_order_sent(place: Place) {
    let store = open(&place).await;
    let mut watch = store.watch_outbox();
    let run = NewRun { records: vec![record("out", vec![7; 1])], ..new_run(0) };
    let run = admitted(&*store, run).await;
    watch.changed().await.unwrap();
    send(&*store, run, 1, &[2, 3]).await;
    assert_eq!(values(&*store, 0).await, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(values(&*store, 2).await, [(3, 3)]);
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 0, "nothing is on the embedded topic");
}

async fn a_duplicate_sends_nothing(place: Place) {
    let store = open(&place).await;
    admitted(&*store, NewRun { dedupe_id: Some("same".into()), ..new_run(0) }).await;
    let again = NewRun { dedupe_id: Some("same".into()), records: vec![record("out", "x")], ..new_run(1) };
    let answers = store.admit(admit(1, vec![again])).await.unwrap();
    assert!(matches!(answers[..], [Admission::Duplicate { .. }]));
    assert_eq!(values(&*store, 0).await, []);
}

async fn what_is_sent_is_forgotten_and_its_number_not_used_again(place: Place) {
    let store = open(&place).await;
    let run = admitted(&*store, new_run(0)).await;
    // The last is large enough to be kept as a blob.
    send(&*store, run, 1, &[1, 2, 100_000]).await;
    store.settle(Settle { sent: vec![(1, 3)], refused: Vec::new() }).await.unwrap();
    assert_eq!(values(&*store, 0).await, []);
    send(&*store, run, 1, &[4]).await;
    assert_eq!(values(&*store, 0).await, [(4, 4)]);
}

async fn what_the_bus_refuses_stays_with_the_reason(place: Place) {
    let store = open(&place).await;
    let run = admitted(&*store, new_run(0)).await;
    send(&*store, run, 1, &[1, 2, 3]).await;
    let settle = Settle { sent: vec![(1, 1)], refused: vec![(2, "too large".into())] };
    store.settle(settle).await.unwrap();
    // A stretch may pass over it.
    store.settle(Settle { sent: vec![(2, 3)], refused: Vec::new() }).await.unwrap();
    let [left] = &store.outbox(0, MANY, BYTES).await.unwrap()[..] else { panic!() };
    assert_eq!((left.id, left.refused.as_deref()), (2, Some("too large")));
}

async fn all_of_it_survives_a_restart(place: Place) {
    let store = open(&place).await;
    let run = admitted(&*store, new_run(0)).await;
    send(&*store, run, 1, &[1, 2]).await;
    let id = store.id().to_owned();
    drop(store);
    let store = open(&place).await;
    assert_eq!(values(&*store, 0).await, [(1, 1), (2, 2)]);
    assert_eq!(store.id(), id);
    assert_ne!(SqliteStore::in_memory().unwrap().id(), id);
}

//! What is forgotten, and what never.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    finished_runs_are_forgotten_with_all_that_is_theirs
    what_waits_is_kept
    numbers_are_never_used_twice
    records_are_kept_until_they_are_admitted
    a_topic_without_admission_is_pruned_by_age
    much_is_pruned_in_one_go
}

const ALL: Prune = Prune { runs_before: i64::MAX, records_before: i64::MAX, claims_before: i64::MAX };

async fn finish(store: &dyn Store, run: RunId) {
    let stream = vec![StreamRow { attempt: 1, seq: 0, value: b"piece".to_vec() }];
    let status = status(Status::Succeeded, Some(b"result"));
    store.append(Append { events: vec![event("1")], stream, status, ..Append::new(run, 1) }).await.unwrap();
}

async fn finished_runs_are_forgotten_with_all_that_is_theirs(store: Arc<dyn Store>) {
    let old = admitted(&*store, new_run(0)).await;
    admitted(&*store, new_run(1)).await;
    finish(&*store, old).await;
    let at_the_end = Prune { runs_before: 2_000, records_before: 0, claims_before: 0 };
    assert_eq!(store.prune(at_the_end).await.unwrap(), Pruned::default());
    let after = Prune { runs_before: 2_001, ..at_the_end };
    assert_eq!(store.prune(after).await.unwrap(), Pruned { runs: 1, ..Pruned::default() });
    assert_eq!(store.run("id-0").await.unwrap(), None);
    assert_eq!(store.events(old).await.unwrap(), []);
    assert_eq!(store.stream(old, None, 10).await.unwrap(), []);
    // The watermark stays: the record does not become a run again.
    assert!(matches!(conflict(store.admit(admit(0, vec![new_run(0)])).await), Conflict::Offset { .. }));
}

async fn what_waits_is_kept(store: Arc<dyn Store>) {
    let parked = admitted(&*store, new_run(0)).await;
    admitted(&*store, new_run(1)).await;
    store.append(Append { status: status(Status::Parked, None), ..Append::new(parked, 1) }).await.unwrap();
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned::default());
    assert_eq!(store.unfinished(None, 10).await.unwrap().len(), 2);
}

async fn numbers_are_never_used_twice(store: Arc<dyn Store>) {
    let last = admitted(&*store, new_run(0)).await;
    finish(&*store, last).await;
    store.publish(vec![record("out", "1"), record("out", "2")]).await.unwrap();
    store.prune(ALL).await.unwrap();
    assert!(admitted(&*store, new_run(1)).await > last);
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 2);
    assert_eq!(store.publish(vec![record("out", "3")]).await.unwrap(), [2]);
}

async fn records_are_kept_until_they_are_admitted(store: Arc<dyn Store>) {
    store.publish((0..5).map(|time| NewRecord { time, ..record("in", "x") }).collect()).await.unwrap();
    store.admit(Admit { next_offset: 3, ..admit(0, vec![]) }).await.unwrap();
    let oldest = async || store.records("in", 0, 0, 1, 1).await.unwrap()[0].offset;
    let young = Prune { runs_before: 0, records_before: 2, claims_before: 0 };
    assert_eq!(store.prune(young).await.unwrap(), Pruned { records: 2, ..Pruned::default() });
    assert_eq!(oldest().await, 2);
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned { records: 1, ..Pruned::default() });
    assert_eq!(oldest().await, 3);
}

async fn a_topic_without_admission_is_pruned_by_age(store: Arc<dyn Store>) {
    store.publish((0..5).map(|time| NewRecord { time, ..record("feed", "x") }).collect()).await.unwrap();
    let old = Prune { runs_before: 0, records_before: 3, claims_before: 0 };
    assert_eq!(store.prune(old).await.unwrap(), Pruned { records: 3, ..Pruned::default() });
    assert_eq!(store.records("feed", 0, 0, 10, 100).await.unwrap()[0].offset, 3);
}

async fn much_is_pruned_in_one_go(store: Arc<dyn Store>) {
    let ended = |offset| NewRun { status: Status::Failed, ..new_run(offset) };
    let runs = (0..2_000).map(ended).collect();
    store.admit(Admit { next_offset: 2_000, ..admit(0, runs) }).await.unwrap();
    store.publish((0..2_000).map(|_| record("out", "x")).collect()).await.unwrap();
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned { runs: 1_999, records: 1_999, claims: 0 });
    assert_eq!(store.counts().await.unwrap().failed, 1);
}

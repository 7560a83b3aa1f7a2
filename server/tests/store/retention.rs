//! What is forgotten, and what never.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    finished_runs_are_forgotten_with_all_that_is_theirs
    what_waits_is_kept
    each_pathway_and_outcome_has_its_own_time
    what_was_called_is_kept_until_its_caller_is_over
    numbers_are_never_used_twice
    records_are_kept_until_they_are_admitted
    a_topic_without_admission_is_pruned_by_age
    much_is_pruned_in_one_go
}

const ALL: Prune =
    Prune { runs_before: Cutoffs::all(i64::MAX), records_before: i64::MAX, claims_before: i64::MAX };

async fn finish(store: &dyn Store, run: RunId) {
    let stream = vec![StreamRow { attempt: 1, seq: 0, value: b"piece".to_vec() }];
    let status = status(Status::Succeeded, Some(b"result"));
    store.append(Append { events: vec![event("1")], stream, status, ..Append::new(run, 1) }).await.unwrap();
}

async fn finished_runs_are_forgotten_with_all_that_is_theirs(store: Arc<dyn Store>) {
    let old = admitted(&*store, new_run(0)).await;
    admitted(&*store, new_run(1)).await;
    finish(&*store, old).await;
    let at_the_end = Prune { runs_before: Cutoffs::all(2_000), records_before: 0, claims_before: 0 };
    assert_eq!(store.prune(at_the_end.clone()).await.unwrap(), Pruned::default());
    let after = Prune { runs_before: Cutoffs::all(2_001), ..at_the_end };
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

async fn each_pathway_and_outcome_has_its_own_time(store: Arc<dyn Store>) {
    let ends = [Status::Succeeded, Status::Failed, Status::Cancelled, Status::Parked];
    let mut offset = 0;
    for pathway in ["usual", "own", "a", "z"] {
        for status in ends {
            for at in [10, 20] {
                let run = NewRun { pathway: pathway.into(), ..new_run(offset) };
                let run = NewRun { public_id: format!("{pathway} {status} {at}"), status, at, ..run };
                admitted(&*store, run).await;
                offset += 1;
            }
        }
    }
    let newest = admitted(&*store, new_run(offset)).await;
    let left = async || {
        let all = Filter { status: None, pathway: None, before: Some(newest), limit: 100 };
        let mut left: Vec<_> = store.runs(all).await.unwrap().into_iter().map(|run| run.public_id).collect();
        left.retain(|id| !id.contains("parked"));
        left.sort();
        left
    };
    let usual = Cutoff { succeeded: 15, failed: 10, cancelled: 25 };
    let own = Cutoff { succeeded: 10, failed: 21, cancelled: Millis::MIN };
    let runs_before = Cutoffs { usual, own: [("own".to_owned(), own), ("gone".to_owned(), own)].into() };
    let old = Prune { runs_before, records_before: 0, claims_before: 0 };
    // Of each of three: one that succeeded and both that were called off; of `own` both that failed.
    assert_eq!(store.prune(old.clone()).await.unwrap(), Pruned { runs: 3 * 3 + 2, ..Pruned::default() });
    let kept = |pathway: &str| {
        [("failed", 10), ("failed", 20), ("succeeded", 20)]
            .map(|(status, at)| format!("{pathway} {status} {at}"))
    };
    let own = [("cancelled", 10), ("cancelled", 20), ("succeeded", 10), ("succeeded", 20)];
    let own = own.map(|(status, at)| format!("own {status} {at}"));
    let expected = [&kept("a")[..], &own[..], &kept("usual")[..], &kept("z")[..]].concat();
    assert_eq!(left().await, expected);
    assert_eq!(store.prune(old).await.unwrap(), Pruned::default());
    assert_eq!(store.unfinished(None, 100).await.unwrap().len(), 8 + 1, "what is parked stays");
}

async fn what_was_called_is_kept_until_its_caller_is_over(store: Arc<dyn Store>) {
    let caller = admitted(&*store, new_run(0)).await;
    let called = Append { children: vec![child("child")], ..Append::new(caller, 1) };
    let called = store.append(called).await.unwrap().children;
    let [Admission::Inserted(called)] = called[..] else { panic!("{called:?}") };
    admitted(&*store, new_run(1)).await;
    finish(&*store, called).await;
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned::default());
    finish(&*store, caller).await;
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned { runs: 2, ..Pruned::default() });
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
    let young = Prune { runs_before: Cutoffs::all(0), records_before: 2, claims_before: 0 };
    assert_eq!(store.prune(young).await.unwrap(), Pruned { records: 2, ..Pruned::default() });
    assert_eq!(oldest().await, 2);
    assert_eq!(store.prune(ALL).await.unwrap(), Pruned { records: 1, ..Pruned::default() });
    assert_eq!(oldest().await, 3);
}

async fn a_topic_without_admission_is_pruned_by_age(store: Arc<dyn Store>) {
    store.publish((0..5).map(|time| NewRecord { time, ..record("feed", "x") }).collect()).await.unwrap();
    let old = Prune { runs_before: Cutoffs::all(0), records_before: 3, claims_before: 0 };
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

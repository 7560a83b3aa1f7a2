//! What cannot be seen from outside: the writer's connection and a transaction that fails.

use std::path::Path;
use std::sync::mpsc;

use futures_util::FutureExt;
use rusqlite::Connection;

use super::writer::{Change, Context};
use super::{SqliteStore, Store, StoreError};
use crate::store::{
    Admit, Append, Conflict, Cutoffs, NewEvent, NewRecord, NewRun, Prune, RunId, Status, StatusChange,
};

/// Something done on the writer's connection.
struct Do<F>(F);

impl<T: Send + 'static, F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static> Change for Do<F> {
    type Output = T;

    fn apply(&mut self, context: &mut Context<'_>) -> Result<T, StoreError> {
        (self.0)(context.connection)
    }
}

async fn ask(store: &SqliteStore, sql: &'static str) -> i64 {
    let ask =
        Do(move |connection: &Connection| Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?));
    store.writer.submit(ask).await.unwrap()
}

fn record(value: Vec<u8>) -> NewRecord {
    NewRecord {
        topic: "out".into(),
        key: None,
        value: Some(value.into()),
        headers: Vec::new().into(),
        time: 0,
    }
}

fn run(offset: i64, started: Vec<u8>) -> NewRun {
    NewRun {
        public_id: format!("id-{offset}"),
        pathway: "pathway".into(),
        digest: "digest".into(),
        subject: None,
        offset: Some(offset),
        lane: None,
        correlation: None,
        dedupe_id: None,
        idempotency: None,
        rerun_of: None,
        at: 0,
        started,
        status: Status::Ready,
        outcome: None,
        records: Vec::new(),
        stream: Vec::new(),
    }
}

fn admit(offset: i64, runs: Vec<NewRun>) -> Admit {
    Admit {
        topic: "in".into(),
        partition: 0,
        proof: None,
        from_offset: offset,
        next_offset: offset + 1,
        received: Vec::new(),
        runs,
    }
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder).unwrap()
}

#[tokio::test]
async fn every_commit_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let full = 2;
    assert_eq!(ask(&open(folder.path()), "SELECT synchronous FROM pragma_synchronous").await, full);
}

#[tokio::test]
async fn a_full_disk_stops_the_store_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    ask(&store, "PRAGMA max_page_count = 200").await;
    let mut watch = store.watch_topic("never");
    let mut acknowledged = 0;
    let error = loop {
        match store.publish(vec![record(vec![1; 10_000])]).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(acknowledged > 0);
    assert!(matches!(&error, StoreError::Stopped(reason) if reason.contains("full")), "{error}");
    assert!(store.stopped().await.contains("full"));
    assert!(matches!(store.publish(vec![]).await, Err(StoreError::Stopped(_))));
    assert!(matches!(watch.changed().await, Err(StoreError::Stopped(_))));
    assert!(matches!(store.watch_topic("out").changed().await, Err(StoreError::Stopped(_))));
    // What is durable can still be read.
    assert_eq!(store.end_offset("out", 0).await.unwrap(), acknowledged);
    drop(store);
    assert_eq!(open(folder.path()).end_offset("out", 0).await.unwrap(), acknowledged);
}

#[tokio::test]
async fn what_is_queued_is_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.publish(vec![record(vec![0])]).await.unwrap();
    let (open_gate, gate) = mpsc::channel::<()>();
    let mut held = store.writer.submit(Do(move |_: &Connection| {
        gate.recv().unwrap();
        Ok(())
    }));
    assert!((&mut held).now_or_never().is_none());
    let mut before = store.publish(vec![record(vec![1])]);
    assert!((&mut before).now_or_never().is_none());
    let failed = |_: &Connection| Err::<(), _>(StoreError::Stopped("the disk is gone".into()));
    let mut failing = store.writer.submit(Do(failed));
    assert!((&mut failing).now_or_never().is_none());
    let mut after = store.publish(vec![record(vec![2])]);
    assert!((&mut after).now_or_never().is_none());

    // The gate may be in a transaction of its own or with them; it shares their fate only then.
    open_gate.send(()).unwrap();
    drop(held.await);
    for answer in [before.await, after.await] {
        assert!(matches!(answer, Err(StoreError::Stopped(reason)) if &*reason == "the disk is gone"));
    }
    assert!(failing.await.is_err());
    drop(store);
    assert_eq!(open(folder.path()).end_offset("out", 0).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_and_takes_nobody_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (open_gate, gate) = mpsc::channel::<()>();
    let mut open = false;
    let mut held = store.writer.submit(Do(move |_: &Connection| {
        open = open || gate.recv().is_ok();
        Ok(())
    }));
    assert!((&mut held).now_or_never().is_none());
    let refused = || StoreError::from(Conflict::UnknownRun(RunId(7)));
    let mut answers = Vec::new();
    for value in 0..3 {
        answers.push(store.publish(vec![record(vec![value])]));
        // Once before it has written anything, and once after.
        let mut unwritten = store.writer.submit(Do(move |_: &Connection| Err::<(), _>(refused())));
        let mut written = store.writer.submit(Do(move |connection: &Connection| {
            connection.execute("INSERT INTO definition (digest, text) VALUES ('torn', '')", [])?;
            Err::<(), _>(refused())
        }));
        assert!(answers.last_mut().unwrap().now_or_never().is_none());
        assert!((&mut unwritten).now_or_never().is_none() && (&mut written).now_or_never().is_none());
        answers.push(Box::pin(async { Err(unwritten.await.unwrap_err()) }));
        answers.push(Box::pin(async { Err(written.await.unwrap_err()) }));
    }
    open_gate.send(()).unwrap();
    held.await.unwrap();
    let answers = futures_util::future::join_all(answers).await;
    let kept: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(kept, [&[0], &[1], &[2]]);
    let refused = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Conflict(_)))).count();
    assert_eq!(refused, 6);
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 3);
    assert_eq!(ask(&store, "SELECT count(*) FROM definition").await, 0);
}

#[tokio::test]
async fn a_large_payload_is_kept_once_and_as_long_as_it_is_used() {
    let store = SqliteStore::in_memory().unwrap();
    store.define("digest", "text").await.unwrap();
    let blobs = "SELECT count(*) FROM blob";
    let [first, second] = [1, 2].map(|byte| vec![byte; 100_000]);

    store.admit(admit(0, vec![run(0, first.clone())])).await.unwrap();
    let events = vec![NewEvent { kind: "performed", payload: first.clone() }];
    let parked = StatusChange { status: Status::Parked, outcome: Some(second), wake_at: None, at: 0 };
    let append = Append { events, status: Some(parked.clone()), ..Append::new(RunId(1), 1) };
    store.append(append).await.unwrap();
    store.publish(vec![record(first.clone())]).await.unwrap();
    assert_eq!(ask(&store, blobs).await, 2);

    let ready = StatusChange { status: Status::Ready, outcome: None, ..parked };
    let append = |status, seq| Append { status: Some(status), ..Append::new(RunId(1), seq) };
    store.append(append(ready.clone(), 2)).await.unwrap();
    assert_eq!(ask(&store, blobs).await, 1, "the outcome that was replaced stays");

    let events = vec![NewEvent { kind: "compacted", payload: vec![4; 100_000] }];
    store.append(Append { events, compacts: true, ..Append::new(RunId(1), 2) }).await.unwrap();
    assert_eq!(ask(&store, blobs).await, 2, "that of the event that it stands for is still the run's");
    let events = vec![NewEvent { kind: "compacted", payload: vec![5] }];
    store.append(Append { events, compacts: true, ..Append::new(RunId(1), 3) }).await.unwrap();
    assert_eq!(ask(&store, blobs).await, 1, "that of what was compacted twice goes");

    store.admit(admit(1, vec![NewRun { offset: Some(0), ..run(1, vec![3; 100_000]) }])).await.unwrap();
    assert_eq!(ask(&store, blobs).await, 1, "the payload of a duplicate stays");

    store.admit(admit(2, vec![run(2, vec![])])).await.unwrap();
    store.append(append(StatusChange { status: Status::Failed, ..ready }, 4)).await.unwrap();
    let all =
        Prune { runs_before: Cutoffs::all(i64::MAX), records_before: i64::MAX, claims_before: i64::MAX };
    assert_eq!(store.prune(all.clone()).await.unwrap().runs, 1);
    assert_eq!(ask(&store, blobs).await, 1, "the record needs it");
    store.publish(vec![record(vec![])]).await.unwrap();
    assert_eq!(store.prune(all).await.unwrap().records, 1);
    assert_eq!(ask(&store, blobs).await, 0);
}

//! Readers are woken. A wake-up that does not come hangs the test.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    a_topic_wakes_its_watchers
    a_run_wakes_its_watchers
    a_correlation_id_wakes_who_waits_for_its_run
    what_is_told_of_a_run_is_what_the_store_has
    what_was_marked_is_not_told_again
    the_end_of_the_store_ends_the_watch
}

async fn a_topic_wakes_its_watchers(store: Arc<dyn Store>) {
    let mut watches = [store.watch_topic("out"), store.watch_topic("out")];
    store.publish(vec![record("out", "1")]).await.unwrap();
    for watch in &mut watches {
        watch.changed().await.unwrap();
    }
    let run = admitted(&*store, new_run(0)).await;
    store.append(Append { records: vec![record("out", "2")], ..Append::new(run, 1) }).await.unwrap();
    for watch in &mut watches {
        watch.changed().await.unwrap();
    }
}

async fn a_run_wakes_its_watchers(store: Arc<dyn Store>) {
    let mut watch = store.watch_run("id-0");
    let run = admitted(&*store, new_run(0)).await;
    watch.changed().await.unwrap();
    store.append_stream(run, vec![StreamRow { attempt: 1, seq: 0, value: vec![] }]).await.unwrap();
    watch.changed().await.unwrap();
    store.append(Append { status: status(Status::Succeeded, None), ..Append::new(run, 1) }).await.unwrap();
    watch.changed().await.unwrap();
    // A run that was dropped as a duplicate will never come: who waits for it has to know.
    let mut dropped = store.watch_run("dropped");
    let duplicate = NewRun { public_id: "dropped".into(), offset: Some(0), ..new_run(0) };
    store.admit(admit(1, vec![duplicate])).await.unwrap();
    dropped.changed().await.unwrap();
}

async fn a_correlation_id_wakes_who_waits_for_its_run(store: Arc<dyn Store>) {
    let mut watch = store.watch_run("theirs");
    admitted(&*store, NewRun { correlation: Some("theirs".into()), ..new_run(0) }).await;
    watch.changed().await.unwrap();
    assert!(store.run_by_correlation(None, "theirs").await.unwrap().is_some());
}

/// A store need not tell what happened, but what it tells is so.
async fn what_is_told_of_a_run_is_what_the_store_has(store: Arc<dyn Store>) {
    let mut watch = store.watch_run("id-0");
    let run = admitted(&*store, new_run(0)).await;
    told_right(&*store, &mut watch, "id-0").await;
    let redriven = Append { events: vec![event("redriven")], ..Append::new(run, 1) };
    for change in [
        Append { status: status(Status::Parked, Some(b"failed")), ..Append::new(run, 1) },
        Append { status: status(Status::Ready, None), ..redriven },
        Append { status: status(Status::Succeeded, Some(b"done")), ..Append::new(run, 2) },
    ] {
        store.append(change).await.unwrap();
        told_right(&*store, &mut watch, "id-0").await;
    }
    let mut at_once = store.watch_run("at-once");
    let ended = NewRun { status: Status::Failed, outcome: Some(b"refused".to_vec()), ..new_run(1) };
    // It goes by the id of the other one too, of which that says nothing.
    let ended = NewRun { public_id: "at-once".into(), correlation: Some("id-0".into()), ..ended };
    admitted(&*store, ended).await;
    told_right(&*store, &mut at_once, "at-once").await;
    told_right(&*store, &mut watch, "id-0").await;
}

async fn told_right(store: &dyn Store, watch: &mut Watch, run: &str) {
    watch.changed().await.unwrap();
    let told = match watch.news() {
        News::Something | News::Perhaps => return,
        News::GoesOn => (Status::Ready, None),
        News::Ended(ended) => (ended.status, ended.outcome.clone()),
    };
    let run = store.run(run).await.unwrap().unwrap();
    assert_eq!(told, (run.status, run.outcome));
}

async fn what_was_marked_is_not_told_again(store: Arc<dyn Store>) {
    let mut watch = store.watch_topic("out");
    store.publish(vec![record("out", "1")]).await.unwrap();
    watch.changed().await.unwrap();
    watch.mark();
    let waiting = tokio::spawn(async move { watch.changed().await });
    store.publish(vec![record("other", "1")]).await.unwrap();
    assert!(!waiting.is_finished());
    store.publish(vec![record("out", "2")]).await.unwrap();
    waiting.await.unwrap().unwrap();
}

async fn the_end_of_the_store_ends_the_watch(store: Arc<dyn Store>) {
    let mut watch = store.watch_topic("out");
    drop(store);
    assert!(matches!(watch.changed().await, Err(StoreError::Stopped(_))));
}

//! Several processes with one store: what one does the others hear of, and none spoils what another does.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::project::Secret;
use pathway_server::store::*;
use pathway_tests::postgres::Postgres;

use crate::support::*;

const DEADLINE: Duration = Duration::from_secs(20);

/// Opens the store for itself, as one of several processes.
async fn join(url: &Secret) -> Arc<dyn Store> {
    let options = PostgresOptions { outlet: Outlet::Outbox, is_shared: true, ..PostgresOptions::default() };
    with_definition(Arc::new(PostgresStore::open(url, options).await.unwrap())).await
}

async fn shared() -> Option<(Secret, Arc<dyn Store>, Arc<dyn Store>)> {
    let url = Secret::new(Postgres::shared().await?.schema().await);
    let (one, other) = (join(&url).await, join(&url).await);
    assert!(one.is_shared() && one.id() == other.id());
    Some((url, one, other))
}

#[tokio::test]
async fn processes_hear_of_each_other() {
    let Some((_, one, other)) = shared().await else { return };
    let mut run = other.watch_run("id-0");
    let mut inbox = other.watch_inbox();
    let heard = async {
        let id = admitted(&*one, new_run(0)).await;
        loop {
            run.mark();
            if other.run("id-0").await.unwrap().is_some() {
                break;
            }
            run.changed().await.unwrap();
        }
        run.mark();
        one.append(Append { status: status(Status::Succeeded, None), ..Append::new(id, 1) }).await.unwrap();
        while !other.run("id-0").await.unwrap().unwrap().status.is_final() {
            run.changed().await.unwrap();
        }
        let id = admitted(&*one, new_run(1)).await;
        inbox.mark();
        one.post(message(id, b"x")).await.unwrap();
        while other.inbox(None, Mark::START, Most::messages(1)).await.unwrap().messages.is_empty() {
            inbox.changed().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, heard).await.expect("not heard in time");
}

#[tokio::test]
async fn what_two_processes_admit_at_once_becomes_one_run() {
    let Some((_, one, other)) = shared().await else { return };
    for number in 0..40 {
        let run = |partition: i32| NewRun {
            public_id: format!("run-{partition}-{number}"),
            dedupe_id: Some(format!("message-{number}")),
            started: vec![7; 100_000],
            ..new_run(number)
        };
        let admit = |partition| Admit { partition, ..admit(number, vec![run(partition)]) };
        let (left, right) = tokio::join!(one.admit(admit(0)), other.admit(admit(1)));
        let inserted = |answer: &[Admission]| matches!(answer, [Admission::Inserted(_)]);
        let (left, right) = (left.unwrap(), right.unwrap());
        assert!(inserted(&left) != inserted(&right), "{left:?} {right:?}");
    }
    assert_eq!(one.counts().await.unwrap().ready, 40);
}

/// Payloads are kept once, and for as long as anybody holds them, whoever else lets go of them.
#[tokio::test]
async fn what_one_process_forgets_another_may_still_hold() {
    let Some((_, one, other)) = shared().await else { return };
    let large = vec![7; 100_000];
    let status = |status| Some(StatusChange { status, outcome: Some(large.clone()), wake_at: None, at: 1 });
    let run =
        |partition: i32, number| NewRun { public_id: format!("{partition}-{number}"), ..new_run(number) };
    for number in 0..40 {
        let admit = |partition| Admit { partition, ..admit(number, vec![run(partition, number)]) };
        let (left, right) = tokio::join!(one.admit(admit(0)), other.admit(admit(1)));
        let (Ok(left), Ok(right)) = (left, right) else { panic!() };
        let ([Admission::Inserted(left)], [Admission::Inserted(right)]) = (&left[..], &right[..]) else {
            panic!()
        };
        let parked = Append { status: status(Status::Parked), ..Append::new(*left, 1) };
        one.append(parked).await.unwrap();
        // One lets go of the payload while the other begins to hold the same.
        let ready = StatusChange { status: Status::Ready, outcome: None, wake_at: None, at: 1 };
        let let_go = Append { status: Some(ready), ..Append::new(*left, 1) };
        let hold = Append { status: status(Status::Parked), ..Append::new(*right, 1) };
        let (let_go, hold) = tokio::join!(one.append(let_go), other.append(hold));
        let_go.unwrap();
        hold.unwrap();
        let held = one.run(&format!("1-{number}")).await.unwrap().unwrap();
        assert_eq!(held.outcome.as_ref(), Some(&large));
    }
}

/// Whoever was told that something is left for a run may count on it.
#[tokio::test]
async fn what_one_process_leaves_for_a_run_no_other_forgets() {
    let Some((_, one, other)) = shared().await else { return };
    for round in 0..20 {
        let numbers = round * 50..(round + 1) * 50;
        let mut runs = Vec::new();
        for number in numbers.clone() {
            let over = NewRun { status: Status::Succeeded, ..new_run(number) };
            runs.push(admitted(&*one, over).await);
        }
        let old = Prune { runs_before: Cutoffs::all(i64::MAX), records_before: 0, claims_before: 0 };
        let left = runs.iter().map(|run| {
            let message = NewMessage { even_if_finished: true, ..message(*run, b"x") };
            other.post(message)
        });
        let (pruned, left) = tokio::join!(one.prune(old), futures_util::future::join_all(left));
        pruned.unwrap();
        let waiting = other.inbox(None, Mark::START, Most::messages(1_000)).await.unwrap().messages;
        for ((run, number), left) in runs.iter().zip(numbers).zip(left) {
            let has_message = waiting.iter().any(|message| message.run == *run);
            let is_there = other.run(&format!("id-{number}")).await.unwrap().is_some();
            match left {
                Ok(()) => assert!(has_message && is_there, "run {run}: {has_message}, {is_there}"),
                Err(StoreError::Conflict(Conflict::UnknownRun(_))) => assert!(!has_message && !is_there),
                Err(error) => panic!("{error}"),
            }
        }
        other.discard(waiting.iter().map(|message| message.id).collect()).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_is_shared_by_all_or_by_nobody() {
    let Some((url, one, other)) = shared().await else { return };
    let alone = PostgresOptions::default();
    let refused = PostgresStore::open(&url, alone.clone()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Held { .. }), "{refused:?}");
    drop((one, other));
    // Their sessions end by themselves, a moment later.
    let wait = async {
        loop {
            match PostgresStore::open(&url, alone.clone()).await {
                Ok(store) => break store,
                Err(StoreError::Held { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let alone = tokio::time::timeout(DEADLINE, wait).await.expect("it was not let go");
    let options = PostgresOptions { is_shared: true, ..PostgresOptions::default() };
    let refused = PostgresStore::open(&url, options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Held { .. }), "{refused:?}");
    drop(alone);
}

//! What is known after a crash.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    a_run_is_counted_as_often_as_it_is_taken_up_with_nothing_added
    whoever_starts_learns_whether_the_one_before_ended_as_it_should
    each_partition_has_an_owner_of_its_own_that_may_have_crashed
}

async fn a_run_is_counted_as_often_as_it_is_taken_up_with_nothing_added(store: Arc<dyn Store>) {
    let stuck = admitted(&*store, new_run(0)).await;
    let moving = admitted(&*store, new_run(1)).await;
    let take_up = async || {
        let mut counted = store.take_up(vec![stuck, moving, RunId(99)]).await.unwrap();
        counted.sort_unstable();
        counted
    };
    assert_eq!(take_up().await, [(stuck, 1), (moving, 1)], "those that there are");
    assert_eq!(take_up().await, [(stuck, 2), (moving, 2)]);
    for (n, times) in (1..4).zip(3..) {
        store.append(Append { events: vec![event("1")], ..Append::new(moving, n) }).await.unwrap();
        assert_eq!(take_up().await, [(stuck, times), (moving, 1)]);
    }
    assert_eq!(store.take_up(Vec::new()).await.unwrap(), []);
    store.put_down(vec![stuck]).await.unwrap();
    assert_eq!(take_up().await, [(stuck, 5), (moving, 2)], "one of them did not count");
    store.append(Append { events: vec![event("1")], ..Append::new(moving, 4) }).await.unwrap();
    assert_eq!(take_up().await, [(stuck, 6), (moving, 1)]);
    // Of what is forgotten nothing is left.
    store.append(Append { status: status(Status::Succeeded, None), ..Append::new(stuck, 1) }).await.unwrap();
    let all =
        Prune { runs_before: Cutoffs::all(i64::MAX), records_before: i64::MAX, claims_before: i64::MAX };
    assert_eq!(store.prune(all).await.unwrap().runs, 1);
    assert_eq!(take_up().await, [(moving, 2)]);
}

async fn whoever_starts_learns_whether_the_one_before_ended_as_it_should(store: Arc<dyn Store>) {
    assert!(!store.set_at_work(None, true).await.unwrap(), "there was none");
    assert!(store.set_at_work(None, true).await.unwrap(), "it crashed");
    assert!(store.set_at_work(None, false).await.unwrap());
    assert!(!store.set_at_work(None, true).await.unwrap(), "it stopped");
}

async fn each_partition_has_an_owner_of_its_own_that_may_have_crashed(store: Arc<dyn Store>) {
    let owner = async |partition| {
        let home = Home::new("in", partition);
        let epoch = store.take_over(&home).await.unwrap();
        Some(Arc::new(Tenure { home, epoch }))
    };
    let set = async |proof: &Proof, at_work| store.set_at_work(proof.clone(), at_work).await.unwrap();
    let (first, beside) = (owner(0).await, owner(1).await);
    assert!(!set(&first, true).await && !set(&beside, true).await, "there was none");
    let second = owner(0).await;
    assert!(set(&second, true).await, "the first one has not said that it ends");
    set(&first, false).await;
    let third = owner(0).await;
    assert!(set(&third, true).await, "what one that was succeeded says late is nothing");
    assert!(set(&third, false).await);
    set(&second, true).await;
    assert!(!set(&owner(0).await, true).await, "it was handed over");
    assert!(set(&owner(1).await, true).await, "the other one is one of its own");
    assert!(!set(&None, true).await, "as is the whole store");
}

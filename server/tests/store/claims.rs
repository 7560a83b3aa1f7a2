//! Claims: of all who ask one gets it, and what became of it is kept with the journal.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    one_of_all_who_ask_gets_it
    what_is_done_is_not_given_again_until_it_is_forgotten
    who_has_done_it_may_do_it_anew
    what_is_not_done_goes_to_another
    a_run_that_ends_or_is_parked_has_none
    only_who_has_it_gives_it_back
    who_waits_for_a_claim_is_woken
    it_goes_with_the_journal_or_not_at_all
    what_is_given_back_can_be_had_in_the_same_commit
    claims_differ_in_each_part
    a_run_that_is_forgotten_has_done_it_all_the_same
}

pub(crate) fn claim(key: &str) -> Claim {
    Claim { pathway: "pathway".into(), step: "block.step".into(), key: key.into() }
}

pub(crate) fn take(claim: Claim, instance: &str) -> Take {
    Take { claim, instance: instance.into(), at: 5_000 }
}

pub(crate) fn release(claim: Claim, instance: &str, done_until: Option<Millis>) -> Release {
    Release { claim, instance: instance.into(), done_until }
}

async fn takes(store: &dyn Store, run: RunId, taken: Vec<Take>) -> Vec<Taken> {
    store.append(Append { taken, ..Append::new(run, 1) }).await.unwrap().taken
}

async fn releases(store: &dyn Store, run: RunId, released: Vec<Release>) {
    store.append(Append { released, ..Append::new(run, 1) }).await.unwrap();
}

async fn two(store: &dyn Store) -> [RunId; 2] {
    [admitted(store, new_run(0)).await, admitted(store, new_run(1)).await]
}

fn done(run: &str) -> Taken {
    Taken::Done { run: Some(run.into()) }
}

async fn one_of_all_who_ask_gets_it(store: Arc<dyn Store>) {
    let mut runs = Vec::new();
    for offset in 0..20 {
        runs.push(admitted(&*store, new_run(offset)).await);
    }
    let tasks: Vec<_> = runs
        .iter()
        .map(|&run| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { takes(&*store, run, vec![take(claim("k"), "step?")]).await })
        })
        .collect();
    let mut granted = Vec::new();
    for (run, task) in runs.iter().zip(tasks) {
        match task.await.unwrap()[..] {
            [Taken::Granted] => granted.push(*run),
            [Taken::Held] => {}
            ref other => panic!("{other:?}"),
        }
    }
    assert_eq!(granted.len(), 1);
    // Asking again for what one has changes nothing, as after a crash.
    let again = async |instance| takes(&*store, granted[0], vec![take(claim("k"), instance)]).await;
    assert_eq!(again("step?").await, [Taken::Granted]);
    assert_eq!(again("step[2]?").await, [Taken::Held], "the same run, for another item");
    let held = store.claimed(&claim("k")).await.unwrap().unwrap();
    assert_eq!((held.instance.as_str(), held.done_until), ("step?", None));
    assert_eq!(store.claimed(&claim("other")).await.unwrap(), None);
}

async fn what_is_done_is_not_given_again_until_it_is_forgotten(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    releases(&*store, first, vec![release(claim("k"), "step?", Some(9_000))]).await;
    assert_eq!(takes(&*store, second, vec![take(claim("k"), "step?")]).await, [done("id-0")]);
    assert_eq!(takes(&*store, first, vec![take(claim("k"), "step[1]?")]).await, [done("id-0")]);
    let kept = Claimed { run: Some("id-0".into()), instance: "step?".into(), done_until: Some(9_000) };
    assert_eq!(store.claimed(&claim("k")).await.unwrap(), Some(kept));

    let prune = async |claims_before| {
        let prune = Prune { runs_before: Cutoffs::all(0), records_before: 0, claims_before };
        store.prune(prune).await.unwrap().claims
    };
    assert_eq!(prune(9_000).await, 0);
    let late = Take { at: 9_000, ..take(claim("k"), "step?") };
    assert_eq!(takes(&*store, second, vec![late]).await, [Taken::Granted], "its time is over");
    assert_eq!(prune(i64::MAX).await, 0, "what is not done is kept");
    releases(&*store, second, vec![release(claim("k"), "step?", Some(10_000))]).await;
    assert_eq!(prune(10_001).await, 1);
    assert_eq!(store.claimed(&claim("k")).await.unwrap(), None);
}

async fn who_has_done_it_may_do_it_anew(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    releases(&*store, first, vec![release(claim("k"), "step?", Some(9_000))]).await;
    assert_eq!(takes(&*store, first, vec![take(claim("k"), "step?")]).await, [Taken::Granted]);
    assert_eq!(takes(&*store, second, vec![take(claim("k"), "step?")]).await, [Taken::Held]);
}

async fn what_is_not_done_goes_to_another(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    releases(&*store, first, vec![release(claim("k"), "step?", None)]).await;
    assert_eq!(takes(&*store, second, vec![take(claim("k"), "step?")]).await, [Taken::Granted]);
    assert_eq!(takes(&*store, first, vec![take(claim("k"), "step?")]).await, [Taken::Held]);
    // What was done can be undone.
    releases(&*store, second, vec![release(claim("k"), "step?", Some(9_000))]).await;
    releases(&*store, second, vec![release(claim("k"), "step?", None)]).await;
    assert_eq!(takes(&*store, first, vec![take(claim("k"), "step?")]).await, [Taken::Granted]);
}

async fn a_run_that_ends_or_is_parked_has_none(store: Arc<dyn Store>) {
    let other = admitted(&*store, new_run(0)).await;
    let ends = [Status::Parked, Status::Failed, Status::Cancelled, Status::Succeeded];
    for (offset, end) in (1..).zip(ends) {
        let run = admitted(&*store, new_run(offset)).await;
        let [held, kept] = ["held", "kept"].map(|key| claim(&format!("{key} {offset}")));
        takes(&*store, run, vec![take(held.clone(), "step?"), take(kept.clone(), "other?")]).await;
        let mut watch = store.watch_claim(&held);
        let released = vec![release(kept.clone(), "other?", Some(9_000))];
        store.append(Append { released, status: status(end, None), ..Append::new(run, 1) }).await.unwrap();
        watch.changed().await.unwrap();
        let asked = takes(&*store, other, vec![take(held, "step?"), take(kept, "step?")]).await;
        assert_eq!(asked, [Taken::Granted, done(&format!("id-{offset}"))], "{end}");
    }
    let ready = StatusChange { status: Status::Ready, outcome: None, wake_at: Some(3_000), at: 2_500 };
    store.append(Append { status: Some(ready), ..Append::new(other, 1) }).await.unwrap();
    let held = store.claimed(&claim("held 1")).await.unwrap().unwrap();
    assert_eq!((held.run.as_deref(), held.done_until), (Some("id-0"), None), "one that sleeps has its own");
}

async fn only_who_has_it_gives_it_back(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    for done_until in [None, Some(9_000)] {
        releases(&*store, second, vec![release(claim("k"), "step?", done_until)]).await;
        releases(&*store, first, vec![release(claim("k"), "step[1]?", done_until)]).await;
        releases(&*store, first, vec![release(claim("unheard"), "step?", done_until)]).await;
    }
    assert_eq!(takes(&*store, first, vec![take(claim("k"), "step?")]).await, [Taken::Granted]);
    assert_eq!(store.claimed(&claim("unheard")).await.unwrap(), None);
}

async fn who_waits_for_a_claim_is_woken(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    for done_until in [None, Some(9_000)] {
        takes(&*store, first, vec![take(claim("k"), "step?")]).await;
        let mut watch = store.watch_claim(&claim("k"));
        let waiting = tokio::spawn(async move { watch.changed().await });
        takes(&*store, second, vec![take(claim("k"), "step?")]).await;
        releases(&*store, second, vec![release(claim("other"), "step?", None)]).await;
        assert!(!waiting.is_finished());
        releases(&*store, first, vec![release(claim("k"), "step?", done_until)]).await;
        waiting.await.unwrap().unwrap();
    }
}

async fn it_goes_with_the_journal_or_not_at_all(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    let bad_child = NewRun { digest: "unheard".into(), ..child("child") };
    let bad = Append {
        events: vec![event("1")],
        children: vec![bad_child],
        released: vec![release(claim("k"), "step?", Some(9_000))],
        taken: vec![take(claim("other"), "step?")],
        ..Append::new(first, 1)
    };
    assert!(matches!(conflict(store.append(bad).await), Conflict::UnknownDefinition(_)));
    let stale = Append { released: vec![release(claim("k"), "step?", None)], ..Append::new(first, 9) };
    assert!(matches!(conflict(store.append(stale).await), Conflict::Seq { .. }));
    let asked = vec![take(claim("k"), "step?"), take(claim("other"), "step?")];
    assert_eq!(takes(&*store, second, asked).await, [Taken::Held, Taken::Granted]);
}

async fn what_is_given_back_can_be_had_in_the_same_commit(store: Arc<dyn Store>) {
    let [run, _] = two(&*store).await;
    takes(&*store, run, vec![take(claim("k"), "step[0]?")]).await;
    let append = Append {
        released: vec![release(claim("k"), "step[0]?", None)],
        taken: vec![take(claim("k"), "step[1]?"), take(claim("k"), "step[2]?")],
        ..Append::new(run, 1)
    };
    let taken = store.append(append).await.unwrap().taken;
    assert_eq!(taken, [Taken::Granted, Taken::Held]);
}

async fn claims_differ_in_each_part(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    let odd = claim("a\0b ü 'x' ∞");
    let others = [
        Claim { pathway: "other".into(), ..odd.clone() },
        Claim { step: "block".into(), ..odd.clone() },
        claim("a"),
        claim(""),
        claim(&"long ".repeat(1_000)),
    ];
    assert_eq!(takes(&*store, first, vec![take(odd.clone(), "step?")]).await, [Taken::Granted]);
    let asked = others.iter().map(|other| take(other.clone(), "step?")).collect();
    assert_eq!(takes(&*store, second, asked).await, vec![Taken::Granted; others.len()]);
    assert_eq!(takes(&*store, second, vec![take(odd.clone(), "step?")]).await, [Taken::Held]);
    assert_eq!(store.claimed(&odd).await.unwrap().unwrap().run.as_deref(), Some("id-0"));
}

async fn a_run_that_is_forgotten_has_done_it_all_the_same(store: Arc<dyn Store>) {
    let [first, second] = two(&*store).await;
    takes(&*store, first, vec![take(claim("k"), "step?")]).await;
    let released = vec![release(claim("k"), "step?", Some(9_000))];
    let end = Append { released, status: status(Status::Succeeded, None), ..Append::new(first, 1) };
    store.append(end).await.unwrap();
    let old = Prune { runs_before: Cutoffs::all(i64::MAX), records_before: 0, claims_before: 0 };
    assert_eq!(store.prune(old).await.unwrap().runs, 1);
    let asked = takes(&*store, second, vec![take(claim("k"), "step?")]).await;
    assert_eq!(asked, [Taken::Done { run: None }]);
}

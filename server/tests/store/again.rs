//! What a store still knows when it is opened again.

use pathway_server::store::*;

use crate::claims::{claim, release, take};
use crate::support::*;

on_each_place! { all_is_there_after_opening_again }

async fn all_is_there_after_opening_again(place: Place) {
    let store = with_definition(place.open(Outlet::Topics).await).await;
    let run = admitted(&*store, new_run(0)).await;
    let append = Append {
        events: vec![event("1")],
        records: vec![record("out", "1")],
        stream: vec![StreamRow { attempt: 1, seq: 0, value: b"piece".to_vec() }],
        taken: vec![take(claim("held"), "step?"), take(claim("done"), "step?")],
        ..Append::new(run, 1)
    };
    store.append(append).await.unwrap();
    let released = vec![release(claim("done"), "step?", Some(9_000))];
    store.append(Append { released, ..Append::new(run, 2) }).await.unwrap();
    drop(store);

    let store = place.open(Outlet::Topics).await;
    assert_eq!(store.run("id-0").await.unwrap().unwrap().id, run);
    assert_eq!(store.events(run).await.unwrap().len(), 2);
    assert_eq!(store.stream(run, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.records("out", 0, 0, 10, 100).await.unwrap().len(), 1);
    assert_eq!(store.next_offset("in", 0).await.unwrap(), Some(1));
    let until = async |key| store.claimed(&claim(key)).await.unwrap().map(|claimed| claimed.done_until);
    assert_eq!((until("held").await, until("done").await), (Some(None), Some(Some(9_000))));
    assert_eq!(store.definition(DIGEST).await.unwrap().as_deref(), Some("text"));
}

//! Where schedules stand.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::on_each;

on_each! { a_schedule_stands_where_it_was_left }

async fn a_schedule_stands_where_it_was_left(store: Arc<dyn Store>) {
    assert_eq!(store.last_tick("a", "nightly").await.unwrap(), None);
    let first = Tick { at: 1_000, run: None };
    store.set_last_tick("a", "nightly", first.clone()).await.unwrap();
    assert_eq!(store.last_tick("a", "nightly").await.unwrap(), Some(first));
    let second = Tick { at: 2_000, run: Some("run".to_owned()) };
    store.set_last_tick("a", "nightly", second.clone()).await.unwrap();
    assert_eq!(store.last_tick("a", "nightly").await.unwrap(), Some(second));
    assert_eq!(store.last_tick("a", "hourly").await.unwrap(), None);
    assert_eq!(store.last_tick("b", "nightly").await.unwrap(), None);
}

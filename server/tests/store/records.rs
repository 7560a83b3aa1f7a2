//! Records of topics.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    each_topic_counts_for_itself
    bytes_are_kept_as_they_are
    a_read_is_bounded
}

async fn each_topic_counts_for_itself(store: Arc<dyn Store>) {
    assert_eq!(store.end_offset("one", 0).await.unwrap(), 0);
    let records = ["one", "two", "one", "one", "two"].map(|topic| record(topic, topic));
    assert_eq!(store.publish(records.to_vec()).await.unwrap(), [0, 0, 1, 2, 1]);
    assert_eq!(store.publish(vec![record("two", "two")]).await.unwrap(), [2]);
    assert_eq!(store.publish(vec![]).await.unwrap(), [] as [Offset; 0]);
    assert_eq!(store.end_offset("one", 0).await.unwrap(), 3);
    assert_eq!(store.end_offset("two", 0).await.unwrap(), 3);
    // What is published is not admitted.
    assert_eq!(store.next_offset("one", 0).await.unwrap(), None);
}

async fn bytes_are_kept_as_they_are(store: Arc<dyn Store>) {
    let broken = vec![0xc3, 0x28, 0];
    let records = vec![
        NewRecord {
            topic: "topic".into(),
            key: Some(broken.clone()),
            value: Some(broken.clone()),
            headers: vec![("name".into(), broken.clone()), ("name".into(), vec![]), (String::new(), broken)],
            time: -5,
        },
        NewRecord { topic: "topic".into(), key: Some(vec![]), value: None, headers: vec![], time: i64::MAX },
        NewRecord { topic: "topic".into(), key: None, value: Some(vec![]), headers: vec![], time: 0 },
    ];
    store.publish(records.clone()).await.unwrap();
    let read = store.records("topic", 0, 0, 10, 1_000).await.unwrap();
    let expected: Vec<_> = (0..)
        .zip(records)
        .map(|(offset, NewRecord { key, value, headers, time, .. })| Record {
            offset,
            key,
            value,
            headers,
            time,
        })
        .collect();
    assert_eq!(read, expected);
}

async fn a_read_is_bounded(store: Arc<dyn Store>) {
    store.publish((0..10).map(|_| record("topic", vec![0; 100])).collect()).await.unwrap();
    let read = async |from, limit, max_bytes| {
        let records = store.records("topic", 0, from, limit, max_bytes).await.unwrap();
        records.into_iter().map(|record| record.offset).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 3, 10_000).await, [0, 1, 2]);
    assert_eq!(read(8, 3, 10_000).await, [8, 9]);
    assert_eq!(read(0, 10, 250).await, [0, 1]);
    assert_eq!(read(0, 10, 1).await, [0]);
    assert_eq!(read(10, 10, 10_000).await, [] as [Offset; 0]);
    assert_eq!(store.records("nothing", 0, 0, 1, 1).await.unwrap(), []);
    assert_eq!(store.records("topic", 1, 0, 1, 1).await.unwrap(), []);
}

//! Records of topics.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    who_watches_a_topic_reads_what_all_others_read
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
            value: Some(broken.clone().into()),
            headers: vec![("name".into(), broken.clone()), ("name".into(), vec![]), (String::new(), broken)]
                .into(),
            time: -5,
        },
        NewRecord {
            topic: "topic".into(),
            key: Some(vec![]),
            value: None,
            headers: vec![].into(),
            time: i64::MAX,
        },
        NewRecord {
            topic: "topic".into(),
            key: None,
            value: Some(vec![].into()),
            headers: vec![].into(),
            time: 0,
        },
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

async fn who_watches_a_topic_reads_what_all_others_read(store: Arc<dyn Store>) {
    let mut watch = None;
    let mut published = 0;
    // Many at once, few large ones, and a time in which nobody watches.
    for (step, (count, bytes)) in
        [(3, 10), (1500, 10), (40, 50_000), (2, 10), (1, 2_000_000), (5, 10)].into_iter().enumerate()
    {
        watch = (step != 3).then(|| watch.take().unwrap_or_else(|| store.watch_topic("watched")));
        for topic in ["watched", "other"] {
            let value = |n: usize| [format!("{step}/{n}/").into_bytes(), vec![b'.'; bytes]].concat();
            store.publish((0..count).map(|n| record(topic, value(n))).collect()).await.unwrap();
        }
        published += i64::try_from(count).unwrap();
        for from in
            [0, 1, published - 1100, published - 45, published - 3, published - 1, published, published + 1]
        {
            for (limit, most) in [(1, usize::MAX), (512, usize::MAX), (2000, 4 << 20), (2000, 100), (10, 0)] {
                let [watched, other] =
                    ["watched", "other"].map(|topic| store.records(topic, 0, from, limit, most));
                let (watched, other) = (watched.await.unwrap(), other.await.unwrap());
                assert!(watched == other, "{step}: from {from}, {limit} of {most} bytes");
            }
        }
    }
}

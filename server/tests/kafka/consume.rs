//! Working on topics.

use std::collections::BTreeMap;

use pathway_server::bus::*;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::support::*;

#[tokio::test]
async fn records_of_a_key_come_in_order() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("in-order", 4).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    for from in (0..700).step_by(100) {
        soon(bus.publish(numbered(&topic, from..from + 100))).await.unwrap();
    }
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let reading = tokio::spawn(async move {
        loop {
            let mut partition = consumer.assigned().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                while let Some(batch) = partition.next_batch(MANY, BYTES).await.unwrap() {
                    batch.records.into_iter().for_each(|record| told.send(record).unwrap());
                }
            });
        }
    });
    let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for _ in 0..700 {
        let record = soon(tell.recv()).await.unwrap();
        let before = last.insert(record.key.clone().unwrap(), number(&record));
        assert!(before.is_none_or(|before| before + 7 == number(&record)), "{before:?} {record:?}");
    }
    reading.abort();
}

#[tokio::test]
async fn a_slow_reader_misses_nothing() {
    // More than may wait in a partition, so reading is paused and resumed.
    const COUNT: usize = 25_000;
    let cluster = Cluster::shared();
    let topic = cluster.topic("slow-reader", 1).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish(numbered(&topic, 0..COUNT))).await.unwrap();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut next = 0;
    while next < COUNT {
        let batch = soon(partition.next_batch(500, BYTES)).await.unwrap().unwrap();
        assert_eq!((batch.from_offset, batch.records.len() <= 500), (next as i64, true));
        for record in &batch.records {
            assert_eq!((number(record), record.offset), (next, next as i64));
            next += 1;
        }
        assert_eq!(batch.next_offset, next as i64);
        partition.done(batch.next_offset);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn batches_are_bounded_by_bytes_too() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("bounded", 1).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish((0..6).map(|_| record(&topic, "a", vec![b'x'; 10_000])).collect())).await.unwrap();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut next = 0;
    while next < 6 {
        let batch = soon(partition.next_batch(MANY, 21_000)).await.unwrap().unwrap();
        assert!(batch.records.len() <= 2, "{}", batch.records.len());
        next = batch.next_offset;
    }
    soon(bus.publish(vec![record(&topic, "a", vec![b'x'; 50_000])])).await.unwrap();
    assert_eq!(soon(partition.next_batch(MANY, 1)).await.unwrap().unwrap().records.len(), 1);
}

#[tokio::test]
async fn what_is_done_is_committed_and_no_more() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("committed", 1).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish(numbered(&topic, 0..100))).await.unwrap();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut taken = 0;
    while taken < 60 {
        taken = soon(partition.next_batch(20, BYTES)).await.unwrap().unwrap().next_offset;
    }
    partition.done(40);
    partition.done(20);
    soon(async {
        while committed(cluster, &kafka, &topic) != (Some(40), "pathway:this-store".into()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // What was not handed out cannot be done.
    partition.done(1_000);
    drop((partition, consumer));
    soon(bus.close()).await;
    assert_eq!(committed(cluster, &kafka, &topic).0, Some(taken));
}

#[tokio::test]
async fn a_topic_may_come_later() {
    let cluster = Cluster::shared();
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    let topic = format!("later-{}", uuid::Uuid::new_v4());
    let consumer = soon(bus.consume(work(&topic))).await.unwrap();
    soon(bus.publish(vec![record(&topic, "a", "1")])).await.unwrap();
    let (told, mut count) = watch::channel(0);
    let working = tokio::spawn(admit_all(consumer, store, Seen::default(), told));
    soon(count.wait_for(|count| *count == 1)).await.unwrap();
    working.abort();
}

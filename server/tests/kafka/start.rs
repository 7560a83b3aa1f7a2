//! Where work on a partition begins.

use pathway_engine::project::{Kafka, Start};
use pathway_server::bus::*;

use crate::cluster::Cluster;
use crate::support::*;

/// A topic with ten records.
async fn ten(bus: &KafkaBus, name: &str) -> String {
    let topic = Cluster::shared().topic(name, 1).await;
    soon(bus.publish(numbered(&topic, 0..10))).await.unwrap();
    topic
}

/// Where the first batch begins.
async fn first(bus: &KafkaBus, topic: &str) -> i64 {
    let mut consumer = soon(bus.consume(work(topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let batch = soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap();
    assert_eq!(batch.from_offset, batch.records[0].offset);
    batch.from_offset
}

#[tokio::test]
async fn a_new_group_begins_with_the_oldest_record() {
    let bus = bus(&kafka(Cluster::shared()), &store());
    let topic = ten(&bus, "earliest").await;
    assert_eq!(first(&bus, &topic).await, 0);
}

#[tokio::test]
async fn a_new_group_begins_with_the_newest_record_where_it_says_so() {
    let kafka = Kafka { start: Start::Latest, ..kafka(Cluster::shared()) };
    let store = store();
    let one = bus(&kafka, &store);
    let topic = ten(&one, "latest").await;
    let mut consumer = soon(one.consume(work(&topic))).await.unwrap();
    let partition = soon(consumer.assigned()).await.unwrap();
    drop((partition, consumer));
    soon(one.close()).await;
    // What came in between is not passed over: the group has begun.
    soon(one.publish(numbered(&topic, 10..12))).await.unwrap();
    assert_eq!(first(&bus(&kafka, &store), &topic).await, 10);
}

#[tokio::test]
async fn another_clients_group_goes_on() {
    let cluster = Cluster::shared();
    let kafka = kafka(cluster);
    let bus = bus(&kafka, &store());
    let topic = ten(&bus, "older-service").await;
    commit(cluster, &kafka, &topic, 4, "");
    assert_eq!(first(&bus, &topic).await, 4);
}

#[tokio::test]
async fn the_store_knows_better_than_the_group() {
    let cluster = Cluster::shared();
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    let topic = ten(&bus, "store-first").await;
    commit(cluster, &kafka, &topic, 9, "pathway:another-store");
    admitted_before(&*store, &topic, 6).await;
    assert_eq!(first(&bus, &topic).await, 6);
}

#[tokio::test]
async fn the_group_knows_best_where_it_is_the_truth() {
    let cluster = Cluster::shared();
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    let topic = ten(&bus, "bus-first").await;
    commit(cluster, &kafka, &topic, 3, "pathway:another-store");
    admitted_before(&*store, &topic, 6).await;
    let work = vec![Work { topic: topic.clone(), truth: Truth::Bus }];
    let mut consumer = soon(bus.consume(work)).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    assert_eq!(soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap().from_offset, 3);
}

#[tokio::test]
async fn what_another_store_has_begun_is_left_alone() {
    let cluster = Cluster::shared();
    let (mut kafka, store) = (kafka(cluster), store());
    let one = bus(&kafka, &store);
    let topic = ten(&one, "another-store").await;
    commit(cluster, &kafka, &topic, 7, "pathway:another-store");
    let consumer = soon(one.consume(work(&topic))).await.unwrap();
    let why = unreached(&mut one.reach(), "another-store").await;
    assert!(why.contains(&topic) && why.contains("take_over"), "{why}");
    drop(consumer);
    soon(one.close()).await;
    assert_eq!(committed(cluster, &kafka, &topic), (Some(7), "pathway:another-store".into()));
    kafka.take_over = true;
    assert_eq!(first(&bus(&kafka, &store), &topic).await, 7);
}

#[tokio::test]
async fn a_topic_made_anew_is_left_alone() {
    let (kafka, store) = (kafka(Cluster::shared()), store());
    let bus = bus(&kafka, &store);
    let (anew, other) = (ten(&bus, "made-anew").await, ten(&bus, "not-made-anew").await);
    admitted_before(&*store, &anew, 11).await;
    let both = [&anew, &other].map(|topic| Work { topic: topic.clone(), truth: Truth::Store });
    let mut consumer = soon(bus.consume(both.to_vec())).await.unwrap();
    let why = unreached(&mut bus.reach(), "ends at 10").await;
    assert!(why.contains(&anew), "{why}");
    // The other one is worked on.
    let mut partition = soon(consumer.assigned()).await.unwrap();
    assert_eq!(partition.topic(), other);
    assert_eq!(soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap().records.len(), 10);
}

//! Brokers that are away, and come back.

use pathway_engine::project::Resolved;
use pathway_server::bus::*;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::cluster::Cluster;
use crate::support::*;

#[tokio::test]
async fn work_goes_on_when_a_broker_is_back() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("outage", 1).await;
    let (kafka, store) = (kafka(&cluster), store());
    let bus = bus(&kafka, &store);
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut reach = bus.reach();
    reached(&mut reach).await;

    cluster.ask(|mock| mock.broker_down(-1).unwrap());
    let why = unreached(&mut reach, "cannot be reached since").await;
    assert!(why.contains(&cluster.servers), "{why}");
    // What is published meanwhile waits.
    let published = tokio::spawn({
        let publish = numbered(&topic, 0..3);
        async move { (soon(bus.publish(publish)).await, bus) }
    });
    cluster.ask(|mock| mock.broker_up(-1).unwrap());
    reached(&mut reach).await;
    let (offsets, _bus) = published.await.unwrap();
    assert_eq!(offsets.unwrap(), [0, 1, 2]);
    let mut next = 0;
    while next < 3 {
        next = match soon(partition.next_batch(MANY, BYTES)).await.unwrap() {
            Some(batch) => batch.next_offset,
            // The group may have been joined anew.
            None => {
                partition = soon(consumer.assigned()).await.unwrap();
                next
            }
        };
    }
}

#[tokio::test]
async fn a_broker_may_be_away_at_first() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("away-at-first", 1).await;
    cluster.ask(|mock| mock.broker_down(-1).unwrap());
    let (kafka, store) = (kafka(&cluster), store());
    let bus = bus(&kafka, &store);
    let mut reach = bus.reach();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    unreached(&mut reach, "cannot be reached since").await;
    let subscribing = bus.subscribe(&topic, Start::Oldest);
    cluster.ask(|mock| mock.broker_up(-1).unwrap());
    let mut reader = soon(subscribing).await.unwrap();
    reached(&mut reach).await;
    soon(bus.publish(numbered(&topic, 0..1))).await.unwrap();
    assert_eq!(soon(reader.next_batch(MANY, BYTES)).await.unwrap().records.len(), 1);
    let mut partition = soon(consumer.assigned()).await.unwrap();
    assert_eq!(soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap().records.len(), 1);
}

#[tokio::test]
async fn what_was_not_acknowledged_in_time_may_be_tried_again() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("not-in-time", 1).await;
    let mut kafka = kafka(&cluster);
    kafka.options.push(("message.timeout.ms".into(), Resolved::open("1000")));
    let bus = bus(&kafka, &store());
    reached(&mut bus.reach()).await;
    cluster.ask(|mock| mock.broker_down(-1).unwrap());
    let error = soon(bus.publish(numbered(&topic, 0..1))).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    cluster.ask(|mock| mock.broker_up(-1).unwrap());
    soon(async { while bus.publish(numbered(&topic, 0..1)).await.is_err() {} }).await;
}

#[tokio::test]
async fn what_kafka_does_not_permit_is_said() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("not-permitted", 1).await;
    let (kafka, store) = (kafka(&cluster), store());
    let bus = bus(&kafka, &store);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    cluster.ask(move |mock| mock.request_errors(RDKafkaApiKey::JoinGroup, &[denied]));
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut reach = bus.reach();
    unreached(&mut reach, "refuses").await;
    // As soon as it does, all is well.
    soon(consumer.assigned()).await.unwrap();
    reached(&mut reach).await;
}

#[tokio::test]
async fn what_was_not_committed_is_committed_again() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("commit-again", 1).await;
    let (kafka, store) = (kafka(&cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish(numbered(&topic, 0..5))).await.unwrap();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut next = 0;
    while next < 5 {
        next = soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap().next_offset;
    }
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN;
    cluster.ask(move |mock| mock.request_errors(RDKafkaApiKey::OffsetCommit, &[error]));
    partition.done(next);
    soon(async {
        while committed(&cluster, &kafka, &topic).0 != Some(5) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn where_to_go_on_is_asked_until_it_is_known() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("asked-again", 1).await;
    let (kafka, store) = (kafka(&cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish(numbered(&topic, 0..5))).await.unwrap();
    admitted_before(&*store, &topic, 2).await;
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN; 5];
    cluster.ask(move |mock| mock.request_errors(RDKafkaApiKey::ListOffsets, &errors));
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    assert_eq!(soon(partition.next_batch(MANY, BYTES)).await.unwrap().unwrap().from_offset, 2);
}

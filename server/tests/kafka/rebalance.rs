//! Members of a group that come and go.

use pathway_engine::project::{Kafka, Resolved};
use pathway_server::bus::*;
use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::support::*;

/// Two members on one store, which conflicts if both believe that a partition is theirs.
async fn come_and_go(kafka: Kafka, name: &str) {
    const ROUND: usize = 300;
    let cluster = Cluster::shared();
    let topic = cluster.topic(name, 4).await;
    let store = store();
    let (seen, (told, mut count)) = (Seen::default(), watch::channel(0));
    let join = |bus: &KafkaBus| {
        let (work, store, seen, told) =
            (bus.consume(work(&topic)), store.clone(), seen.clone(), told.clone());
        let work = futures_util::FutureExt::now_or_never(work).unwrap().unwrap();
        tokio::spawn(admit_all(work, store, seen, told))
    };
    let one = bus(&kafka, &store);
    let first = join(&one);
    soon(one.publish(numbered(&topic, 0..ROUND))).await.unwrap();
    soon(count.wait_for(|count| *count == ROUND)).await.unwrap();

    let two = bus(&kafka, &store);
    let second = join(&two);
    let mut published = ROUND;
    // While the group is made anew; mock brokers do not keep much more.
    while published < 3_000 {
        soon(one.publish(numbered(&topic, published..published + 10))).await.unwrap();
        published += 10;
    }
    reached(&mut two.reach()).await;
    soon(one.publish(numbered(&topic, published..published + ROUND))).await.unwrap();
    published += ROUND;
    soon(count.wait_for(|count| *count == published)).await.unwrap();

    second.abort();
    soon(two.close()).await;
    soon(one.publish(numbered(&topic, published..published + ROUND))).await.unwrap();
    published += ROUND;
    soon(count.wait_for(|count| *count == published)).await.unwrap();
    first.abort();
    soon(one.close()).await;

    // What was called off may hold it for a moment yet.
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let mut numbers: Vec<_> = seen.values().flatten().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..published).collect::<Vec<_>>());
    for records in seen.values() {
        assert!(records.iter().map(|record| record.offset).eq(0..records.len() as i64));
    }
    let next = store.next_offset(&topic, 0).await.unwrap();
    assert_eq!(committed(cluster, &kafka, &topic).0, next);
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice() {
    come_and_go(kafka(Cluster::shared()), "eager").await;
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_by_cooperating_members() {
    let mut kafka = kafka(Cluster::shared());
    let strategy = Resolved::open("cooperative-sticky");
    kafka.options.push(("partition.assignment.strategy".into(), strategy));
    come_and_go(kafka, "cooperative").await;
}

#[tokio::test]
async fn a_partition_that_was_paused_goes_on_when_it_comes_back() {
    // More than may wait in a partition.
    const COUNT: usize = 24_000;
    let cluster = Cluster::shared();
    let topic = cluster.topic("paused", 2).await;
    let (kafka, store) = (kafka(cluster), store());
    let (seen, (told, mut count)) = (Seen::default(), watch::channel(0));
    let one = bus(&kafka, &store);
    let publish: Vec<_> = numbered(&topic, 0..COUNT);
    soon(one.publish(publish)).await.unwrap();
    let mut consumer = soon(one.consume(work(&topic))).await.unwrap();
    // Nobody works on these; the group is made anew meanwhile.
    let waiting = (soon(consumer.assigned()).await.unwrap(), soon(consumer.assigned()).await.unwrap());
    let two = bus(&kafka, &store);
    let other = soon(two.consume(work(&topic))).await.unwrap();
    let mut reach = two.reach();
    let second = tokio::spawn(admit_all(other, store.clone(), seen.clone(), told.clone()));
    reached(&mut reach).await;
    drop(waiting);
    let first = tokio::spawn(admit_all(consumer, store, seen, told));
    soon(count.wait_for(|count| *count == COUNT)).await.unwrap();
    first.abort();
    second.abort();
}

#[tokio::test]
async fn a_partition_that_was_given_back_is_over() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("given-back", 1).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    soon(bus.publish(numbered(&topic, 0..10))).await.unwrap();
    let mut consumer = soon(bus.consume(work(&topic))).await.unwrap();
    let mut partition = soon(consumer.assigned()).await.unwrap();
    let mut taken = soon(partition.next_batch(1, BYTES)).await.unwrap().unwrap().next_offset;
    drop(consumer);
    while let Some(batch) = soon(partition.next_batch(1, BYTES)).await.unwrap() {
        taken = batch.next_offset;
    }
    // What was under way is waited for.
    partition.done(taken);
    soon(bus.close()).await;
    assert_eq!(committed(cluster, &kafka, &topic).0, Some(taken));
}

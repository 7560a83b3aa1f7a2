//! Reading a topic for oneself.

use std::collections::BTreeSet;

use pathway_server::bus::*;

use crate::cluster::Cluster;
use crate::support::*;

async fn next(reader: &mut Box<dyn Subscription>) -> Batch {
    soon(reader.next_batch(MANY, BYTES)).await.unwrap()
}

#[tokio::test]
async fn a_subscription_begins_where_it_is_told() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("begins", 1).await;
    let bus = bus(&kafka(cluster), &store());
    let now = 1_700_000_000_000;
    let made = |n: i64| NewRecord { time: now + n, ..record(&topic, "a", n.to_string()) };
    soon(bus.publish((0..5).map(made).collect())).await.unwrap();
    let mut end = soon(bus.subscribe(&topic, Start::End)).await.unwrap();
    assert_eq!(end.positions(), Positions::from([(0, 5)]));
    let at = |offset| Start::At(Positions::from([(0, offset)]));
    let mut starts = vec![(Start::Oldest, 0), (at(3), 3), (at(5), 5), (Start::At(Positions::new()), 0)];
    if cluster.is_real() {
        // Mock brokers know no times.
        starts.extend([(Start::Since(now + 2), 2), (Start::Since(0), 0)]);
    }
    let mut readers = Vec::new();
    for (start, expected) in starts {
        readers.push((soon(bus.subscribe(&topic, start)).await.unwrap(), expected));
    }
    soon(bus.publish(vec![made(5)])).await.unwrap();
    assert_eq!(next(&mut end).await.from_offset, 5);
    assert_eq!(end.positions(), Positions::from([(0, 6)]));
    for (mut reader, expected) in readers {
        assert_eq!(next(&mut reader).await.from_offset, expected);
    }
}

#[tokio::test]
async fn a_time_that_is_yet_to_come_is_the_end() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("to-come", 1).await;
    let bus = bus(&kafka(cluster), &store());
    soon(bus.publish(numbered(&topic, 0..5))).await.unwrap();
    let mut reader = soon(bus.subscribe(&topic, Start::Since(i64::MAX))).await.unwrap();
    soon(bus.publish(numbered(&topic, 5..6))).await.unwrap();
    assert_eq!(next(&mut reader).await.from_offset, 5);
}

#[tokio::test]
async fn all_partitions_are_read() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("all", 4).await;
    let bus = bus(&kafka(cluster), &store());
    let mut reader = soon(bus.subscribe(&topic, Start::End)).await.unwrap();
    soon(bus.publish(numbered(&topic, 0..200))).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 200 {
        seen.extend(next(&mut reader).await.records.iter().map(number));
    }
    assert_eq!(seen, (0..200).collect());
    assert_eq!(reader.positions().values().sum::<i64>(), 200);
}

#[tokio::test]
async fn a_topic_that_comes_later_is_read_from_its_beginning() {
    let cluster = Cluster::shared();
    let bus = bus(&kafka(cluster), &store());
    let topic = format!("tail-later-{}", uuid::Uuid::new_v4());
    let mut reader = soon(bus.subscribe(&topic, Start::End)).await.unwrap();
    cluster.create(&topic, 1).await;
    soon(bus.publish(vec![record(&topic, "a", "1")])).await.unwrap();
    let batch = next(&mut reader).await;
    assert_eq!((batch.from_offset, number(&batch.records[0])), (0, 1));
}

#[tokio::test]
async fn readers_do_not_share() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("not-shared", 1).await;
    let bus = bus(&kafka(cluster), &store());
    let mut one = soon(bus.subscribe(&topic, Start::End)).await.unwrap();
    let mut two = soon(bus.subscribe(&topic, Start::End)).await.unwrap();
    soon(bus.publish(numbered(&topic, 0..3))).await.unwrap();
    for reader in [&mut one, &mut two] {
        let mut seen = 0;
        while seen < 3 {
            seen += next(reader).await.records.len();
        }
    }
}

//! Publishing.

use std::sync::Arc;

use pathway_engine::project::Resolved;
use pathway_server::bus::*;
use rdkafka::types::RDKafkaRespErr;

use crate::cluster::Cluster;
use crate::support::*;

#[tokio::test]
async fn records_arrive_as_they_were_made() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("as-made", 1).await;
    let (kafka, store) = (kafka(cluster), store());
    let bus = bus(&kafka, &store);
    let full = NewRecord {
        topic: topic.clone(),
        key: Some(vec![0, 255]),
        value: Some(vec![254, 0].into()),
        headers: vec![("a".into(), vec![1]), ("b".into(), vec![]), ("a".into(), vec![255])].into(),
        time: 1_700_000_000_123,
    };
    let bare = NewRecord {
        topic: topic.clone(),
        key: None,
        value: None,
        headers: Vec::new().into(),
        time: 1_700_000_000_124,
    };
    let offsets = soon(bus.publish(vec![full.clone(), bare.clone()])).await.unwrap();
    assert_eq!(offsets, [0, 1]);
    for (offset, made) in offsets.into_iter().zip([full, bare]) {
        let found = soon(bus.record(&topic, 0, offset)).await.unwrap().unwrap();
        let NewRecord { key, value, headers, time, .. } = made;
        assert_eq!(found, Record { offset, key, value, headers, time });
    }
    assert_eq!(soon(bus.record(&topic, 0, 2)).await.unwrap(), None);
    assert_eq!(soon(bus.record(&topic, 7, 0)).await.unwrap(), None);
}

#[tokio::test]
async fn one_record_that_is_too_large_stops_no_other() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("too-large", 1).await;
    let mut kafka = kafka(cluster);
    if !cluster.is_real() {
        // Mock brokers take anything.
        kafka.options.push(("message.max.bytes".into(), Resolved::open("1000000")));
    }
    let bus = bus(&kafka, &store());
    let records =
        vec![record(&topic, "a", "1"), record(&topic, "b", vec![b'x'; 3 << 20]), record(&topic, "c", "3")];
    let answers = soon(bus.publish_each(Arc::new(records.clone()))).await;
    assert!(matches!(answers[..], [Ok(0), Err(BusError::TooLarge(_)), Ok(1)]), "{answers:?}");
    assert!(!answers[1].as_ref().unwrap_err().is_passing());
    let error = soon(bus.publish(records)).await.unwrap_err();
    assert!(error.to_string().contains(&topic), "{error}");
}

#[tokio::test]
async fn more_than_fits_waits() {
    let cluster = Cluster::shared();
    let topic = cluster.topic("more-than-fits", 1).await;
    let mut kafka = kafka(cluster);
    kafka.options.push(("queue.buffering.max.messages".into(), Resolved::open("10")));
    let bus = bus(&kafka, &store());
    let offsets = soon(bus.publish(numbered(&topic, 0..500))).await.unwrap();
    assert_eq!(offsets, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_kafka_will_never_take_is_refused() {
    let cluster = Cluster::mock();
    let topic = cluster.topic("not-ours", 1).await;
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.ask({
        let topic = topic.clone();
        move |mock| mock.topic_error(&topic, denied).unwrap()
    });
    let bus = bus(&kafka(&cluster), &store());
    let error = soon(bus.publish(vec![record(&topic, "a", "1")])).await.unwrap_err();
    assert!(!error.is_passing() && error.to_string().contains(&topic), "{error}");
}

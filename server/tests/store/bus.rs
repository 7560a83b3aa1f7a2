//! The embedded bus.

use std::sync::Arc;

use futures_util::FutureExt;
use pathway_server::bus::*;
use pathway_server::store::{Admit, Store};

use crate::support::*;

on_each! {
    work_begins_where_admission_goes_on
    a_subscription_begins_where_it_is_told
    a_time_is_found_among_records
    a_reader_waits_for_what_comes
    batches_are_bounded
    a_reader_that_gives_up_loses_nothing
}

const MANY: u32 = 100;
const BYTES: usize = 1 << 20;

fn bus(store: &Arc<dyn Store>) -> EmbeddedBus {
    EmbeddedBus::new(Arc::clone(store))
}

async fn publish(bus: &EmbeddedBus, count: usize) {
    bus.publish((0..count).map(|_| record("in", vec![0; 100])).collect()).await.unwrap();
}

async fn work_begins_where_admission_goes_on(store: Arc<dyn Store>) {
    let bus = bus(&store);
    publish(&bus, 3).await;
    for expected in [0, 2] {
        let work = vec![Work { topic: "in".into(), truth: Truth::Store }];
        let mut partition = bus.consume(work).await.unwrap().assigned().await.unwrap();
        let batch = partition.next_batch(2, BYTES).await.unwrap().unwrap();
        assert_eq!((partition.topic(), partition.number()), ("in", EMBEDDED_PARTITION));
        assert_eq!((batch.partition, batch.from_offset), (EMBEDDED_PARTITION, expected));
        let admission = Admit {
            topic: "in".into(),
            partition: batch.partition,
            proof: None,
            from_offset: batch.from_offset,
            next_offset: batch.next_offset,
            received: Vec::new(),
            runs: batch.records.iter().map(|record| new_run(record.offset)).collect(),
        };
        store.admit(admission).await.unwrap();
    }
    assert_eq!(store.unfinished(None, MANY).await.unwrap().len(), 3);
}

async fn a_subscription_begins_where_it_is_told(store: Arc<dyn Store>) {
    let bus = bus(&store);
    publish(&bus, 3).await;
    let mut end = bus.subscribe("in", Start::End).await.unwrap();
    publish(&bus, 1).await;
    assert_eq!(end.next_batch(MANY, BYTES).await.unwrap().from_offset, 3);
    let at = Positions::from([(EMBEDDED_PARTITION, 1)]);
    let starts = [(Start::Oldest, 0), (Start::At(at), 1), (Start::Since(0), 0), (Start::Since(i64::MAX), 4)];
    for (start, expected) in starts {
        let reader = bus.subscribe("in", start).await.unwrap();
        assert_eq!(reader.positions(), Positions::from([(EMBEDDED_PARTITION, expected)]));
    }
}

async fn a_reader_waits_for_what_comes(store: Arc<dyn Store>) {
    let bus = bus(&store);
    let mut reader = bus.subscribe("in", Start::Oldest).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut offsets = Vec::new();
        while offsets.len() < 50 {
            let batch = reader.next_batch(MANY, BYTES).await.unwrap();
            offsets.extend(batch.records.iter().map(|record| record.offset));
        }
        offsets
    });
    for _ in 0..50 {
        publish(&bus, 1).await;
    }
    assert_eq!(reading.await.unwrap(), (0..50).collect::<Vec<_>>());
}

async fn batches_are_bounded(store: Arc<dyn Store>) {
    let bus = bus(&store);
    publish(&bus, 10).await;
    let mut reader = bus.subscribe("in", Start::Oldest).await.unwrap();
    for (max, bytes, expected) in
        [(3, BYTES, 3), (MANY, 250, 2), (MANY, 0, 1), (0, BYTES, 1), (MANY, BYTES, 3)]
    {
        let batch = reader.next_batch(max, bytes).await.unwrap();
        assert_eq!(batch.records.len(), expected);
        assert_eq!(batch.next_offset, batch.records.last().unwrap().offset + 1);
    }
}

async fn a_reader_that_gives_up_loses_nothing(store: Arc<dyn Store>) {
    let bus = bus(&store);
    let mut reader = bus.subscribe("in", Start::Oldest).await.unwrap();
    assert!(reader.next_batch(MANY, BYTES).now_or_never().is_none());
    publish(&bus, 2).await;
    // Polled once and dropped, wherever that leaves it.
    let begun = reader.next_batch(MANY, BYTES).now_or_never();
    let batch = match begun {
        Some(batch) => batch.unwrap(),
        None => reader.next_batch(MANY, BYTES).await.unwrap(),
    };
    assert_eq!((batch.from_offset, batch.next_offset), (0, 2));
}

async fn a_time_is_found_among_records(store: Arc<dyn Store>) {
    let bus = bus(&store);
    let times = [10, 10, 20, 30, 30, 40];
    let made = |time| NewRecord { time, ..record("in", "x") };
    bus.publish(times.map(made).to_vec()).await.unwrap();
    for (since, expected) in [(0, 0), (10, 0), (11, 2), (20, 2), (25, 3), (30, 3), (40, 5), (41, 6)] {
        let reader = bus.subscribe("in", Start::Since(since)).await.unwrap();
        assert_eq!(reader.positions(), Positions::from([(EMBEDDED_PARTITION, expected)]), "{since}");
    }
}

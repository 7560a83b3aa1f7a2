//! Topics as tables, and as JSON.

use std::collections::BTreeSet;

use serde::Serialize;

use super::state::{Partition, State, Topic};
use crate::cli::table::aligned;

/// A topic as JSON.
#[derive(Debug, Serialize)]
pub(super) struct TopicShown<'a> {
    topic: &'a str,
    name: &'a str,
    read_by: &'a BTreeSet<String>,
    written_by: &'a BTreeSet<String>,
    partitions: Vec<PartitionShown<'a>>,
}

/// A partition as JSON.
#[derive(Debug, Serialize)]
pub(super) struct PartitionShown<'a> {
    name: &'a str,
    partition: i32,
    oldest: i64,
    end: i64,
    committed: Option<i64>,
    next: Option<i64>,
    lag: Option<i64>,
}

/// All topics.
pub(super) fn topics(state: &State) -> Vec<TopicShown<'_>> {
    let mut shown_topics = Vec::with_capacity(state.topics.len());
    for topic in &state.topics {
        shown_topics.push(TopicShown {
            topic: &topic.named.logical,
            name: &topic.named.name,
            read_by: &topic.named.read_by,
            written_by: &topic.named.written_by,
            partitions: topic.partitions.iter().map(|partition| shown(topic, partition)).collect(),
        });
    }
    shown_topics
}

/// All partitions.
pub(super) fn partitions(state: &State) -> Vec<PartitionShown<'_>> {
    state.topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| shown(topic, it))).collect()
}

fn shown<'a>(topic: &'a Topic, partition: &Partition) -> PartitionShown<'a> {
    PartitionShown {
        name: &topic.named.name,
        partition: partition.state.number,
        oldest: partition.state.oldest,
        end: partition.state.end,
        committed: partition.state.committed,
        next: partition.next,
        lag: partition.lag(),
    }
}

/// A line per topic.
pub(super) fn table(state: &State) -> String {
    let head = ["TOPIC", "ON THE BUS", "PARTITIONS", "RECORDS", "LAG", "READ BY", "WRITTEN BY"];
    let mut rows = vec![head.map(str::to_owned)];
    for Topic { named, partitions } in &state.topics {
        let records: i64 = partitions.iter().map(|it| it.state.end - it.state.oldest).sum();
        let lag = partitions.iter().map(Partition::lag).sum::<Option<i64>>();
        let is_there = !partitions.is_empty();
        let is_read = !named.read_by.is_empty();
        rows.push([
            named.logical.clone(),
            named.name.clone(),
            match partitions.len() {
                0 if state.is_kafka => "missing".to_owned(),
                0 => "-".to_owned(),
                count => count.to_string(),
            },
            number(is_there.then_some(records)),
            number(lag.filter(|_| is_there && is_read)),
            list(named.read_by.iter()),
            list(named.written_by.iter()),
        ]);
    }
    aligned(&rows)
}

/// A line per partition.
pub(super) fn lags(state: &State) -> String {
    let head = ["ON THE BUS", "PARTITION", "OLDEST", "END", "COMMITTED", "NEXT", "LAG"];
    let mut rows = vec![head.map(str::to_owned)];
    for PartitionShown { name, partition, oldest, end, committed, next, lag } in partitions(state) {
        rows.push([
            name.to_owned(),
            partition.to_string(),
            oldest.to_string(),
            end.to_string(),
            number(committed),
            number(next),
            number(lag),
        ]);
    }
    aligned(&rows)
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

//! Topics, how far their partitions were admitted, and the outbox.

use std::collections::BTreeMap;

use crate::bus::EMBEDDED_PARTITION;
use crate::store::watch::Subject;
use crate::store::{
    Conflict, Epoch, Home, Millis, NewRecord, Offset, Outgoing, Outlet, Record, Settle, Tenure,
};

/// See above.
#[derive(Debug)]
pub(super) struct Topics {
    outlet: Outlet,
    partitions: BTreeMap<(String, i32), Partition>,
    /// With the home of the run that sent each.
    outbox: BTreeMap<i64, (Option<Home>, Outgoing)>,
    /// The number that was given out last in the outbox.
    last_sent: i64,
}

#[derive(Debug, Default)]
struct Partition {
    records: BTreeMap<Offset, Record>,
    /// The next offset to admit.
    next: Option<Offset>,
    epoch: Epoch,
}

impl Partition {
    /// The newest record is never pruned, so it tells.
    fn end(&self) -> Offset {
        self.records.last_key_value().map_or(0, |(last, _)| last + 1)
    }

    /// Forgets records made before a time, if they were admitted or nobody admits them.
    fn prune(&mut self, before: Millis) -> u64 {
        let newest = self.end() - 1;
        let end = self.next.unwrap_or(newest).min(newest);
        let mut pruned = 0;
        while let Some(oldest) = self.records.first_entry()
            && *oldest.key() < end
            && oldest.get().time < before
        {
            oldest.remove();
            pruned += 1;
        }
        pruned
    }
}

impl Topics {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self { outlet, partitions: BTreeMap::new(), outbox: BTreeMap::new(), last_sent: 0 }
    }

    fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.partitions.get(&(topic.to_owned(), partition))
    }

    fn partition_mut(&mut self, topic: &str, partition: i32) -> &mut Partition {
        self.partitions.entry((topic.to_owned(), partition)).or_default()
    }

    pub(super) fn next(&self, topic: &str, partition: i32) -> Option<Offset> {
        self.partition(topic, partition)?.next
    }

    pub(super) fn move_to(&mut self, topic: &str, partition: i32, next: Offset) {
        self.partition_mut(topic, partition).next = Some(next);
    }

    pub(super) fn take_over(&mut self, home: &Home) -> Epoch {
        let partition = self.partition_mut(&home.topic, home.partition);
        partition.epoch += 1;
        partition.epoch
    }

    /// Whether a change is made by the owner of what it changes.
    pub(super) fn expect_owner(&self, proof: Option<&Tenure>) -> Result<(), Conflict> {
        let Some(Tenure { home, epoch }) = proof else { return Ok(()) };
        let found = self.partition(&home.topic, home.partition).map_or(0, |partition| partition.epoch);
        if found == *epoch {
            Ok(())
        } else {
            Err(Conflict::Fenced { home: home.clone(), epoch: *epoch, found })
        }
    }

    pub(super) fn end(&self, topic: &str, partition: i32) -> Offset {
        self.partition(topic, partition).map_or(0, Partition::end)
    }

    /// Puts records at the ends of their topics.
    pub(super) fn publish(&mut self, records: Vec<NewRecord>, changed: &mut Vec<Subject>) -> Vec<Offset> {
        let publish = |record: NewRecord| {
            let partition = self.partition_mut(&record.topic, EMBEDDED_PARTITION);
            let offset = partition.end();
            let NewRecord { topic, key, value, headers, time } = record;
            partition.records.insert(offset, Record { offset, key, value, headers, time });
            changed.push(Subject::Topic(topic));
            offset
        };
        records.into_iter().map(publish).collect()
    }

    /// Takes what runs send; one offset each, where it is known.
    pub(super) fn send(
        &mut self,
        records: Vec<NewRecord>,
        home: Option<&Home>,
        changed: &mut Vec<Subject>,
    ) -> Vec<Offset> {
        if self.outlet == Outlet::Topics {
            return self.publish(records, changed);
        }
        if !records.is_empty() {
            changed.push(Subject::Outbox);
        }
        for record in records {
            self.last_sent += 1;
            let id = self.last_sent;
            self.outbox.insert(id, (home.cloned(), Outgoing { id, record, refused: None }));
        }
        Vec::new()
    }

    pub(super) fn settle(&mut self, change: Settle) {
        self.outbox.retain(|id, (_, outgoing)| {
            let is_sent = change.sent.iter().any(|(first, last)| (first..=last).contains(&id));
            !is_sent || outgoing.refused.is_some()
        });
        for (id, why) in change.refused {
            if let Some((_, outgoing)) = self.outbox.get_mut(&id) {
                outgoing.refused = Some(why);
            }
        }
    }

    /// What is to be sent, of runs that belong to these partitions or of all.
    pub(super) fn outbox(
        &self,
        homes: Option<&[Home]>,
        after: i64,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<Outgoing> {
        let is_wanted = |home: &Option<Home>| {
            homes.is_none_or(|homes| home.as_ref().is_some_and(|home| homes.contains(home)))
        };
        let later = self.outbox.range(after.saturating_add(1)..);
        let later = later.filter(|(_, (home, _))| is_wanted(home)).map(|(_, (_, outgoing))| outgoing);
        let size = |outgoing: &Outgoing| outgoing.record.value.as_ref().map_or(0, |value| value.len());
        page(later, size, limit, max_bytes)
    }

    pub(super) fn records(
        &self,
        (topic, partition): (&str, i32),
        from: Offset,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<Record> {
        let Some(partition) = self.partition(topic, partition) else { return Vec::new() };
        let records = partition.records.range(from..).map(|(_, record)| record);
        page(records, Record::size, limit, max_bytes)
    }

    pub(super) fn prune(&mut self, before: Millis) -> u64 {
        self.partitions.values_mut().map(|partition| partition.prune(before)).sum()
    }
}

/// As many as may be, but at least one if there is one.
fn page<'a, T: Clone + 'a>(
    all: impl Iterator<Item = &'a T>,
    size: impl Fn(&T) -> usize,
    limit: usize,
    max_bytes: usize,
) -> Vec<T> {
    let mut bytes = 0;
    let mut count = 0;
    let fits = |item: &&T| {
        bytes += size(item);
        count += 1;
        count == 1 || bytes <= max_bytes
    };
    all.take(limit).take_while(fits).cloned().collect()
}

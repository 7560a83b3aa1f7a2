//! Finding out where to go on in the partitions that were just given to us.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset as Place;

use super::super::{BusError, Offset, Truth};
use super::group::Group;
use super::lookup::{self, Name};
use super::position::{Decision, Known, decide};

/// How long to ask where to go on, before the group is joined anew.
const SETTLING: Duration = Duration::from_secs(15);
/// Between two attempts of it.
const PAUSE: Duration = Duration::from_millis(250);

impl Group {
    /// Where to go on in each partition. No error: it was not found out in time.
    pub(super) fn settle(
        &self,
        consumer: &BaseConsumer<Self>,
        names: &[Name],
    ) -> Result<BTreeMap<Name, Decision>, Option<BusError>> {
        let mut rows = BTreeMap::new();
        for (topic, partition) in names {
            if self.truth(topic) == Truth::Store {
                let row = self.runtime.block_on(self.store.next_offset(topic, *partition));
                if let Some(row) = row.map_err(|error| Some(BusError::Store(error)))? {
                    rows.insert((topic.clone(), *partition), row);
                }
            }
        }
        let deadline = Instant::now() + SETTLING;
        loop {
            match self.ask(consumer, names, &rows) {
                Ok(decisions) => return Ok(decisions),
                Err(error) if Instant::now() >= deadline || self.stop.load(Ordering::Relaxed) => {
                    tracing::warn!(%error, "it could not be found out where to go on; joining the group anew");
                    return Err(None);
                }
                Err(error) => {
                    tracing::debug!(%error, "it is not known yet where to go on");
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn ask(
        &self,
        consumer: &BaseConsumer<Self>,
        names: &[Name],
        rows: &BTreeMap<Name, Offset>,
    ) -> KafkaResult<BTreeMap<Name, Decision>> {
        let unknown: Vec<Name> = names.iter().filter(|name| !rows.contains_key(name)).cloned().collect();
        let mut committed = lookup::committed(consumer, &unknown, lookup::PATIENCE)?;
        let oldest = lookup::offsets(consumer, names, Place::Beginning)?;
        let ends = lookup::offsets(consumer, names, Place::End)?;
        let mut decisions = BTreeMap::new();
        for name in names {
            let (Some(oldest), Some(end)) = (oldest.get(name), ends.get(name)) else { continue };
            let known = Known {
                topic: name.0.clone(),
                partition: name.1,
                truth: self.truth(&name.0),
                row: rows.get(name).copied(),
                committed: committed.remove(name),
                oldest: *oldest,
                end: *end,
            };
            decisions.insert(name.clone(), decide(&known, &self.options, &self.store_id));
        }
        Ok(decisions)
    }
}

//! Where to go on in a partition, decided once when it is given to us.

use pathway_engine::project::{OnGap, Start};

use super::super::{Offset, Truth};
use super::options::Options;

/// What is put before the store's name in the metadata of offsets that are committed.
const MARK: &str = "pathway:";

/// What is known of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) truth: Truth,
    /// The store's next offset.
    pub(super) row: Option<Offset>,
    /// What the group has committed, and with which metadata.
    pub(super) committed: Option<(Offset, String)>,
    /// The oldest that is kept.
    pub(super) oldest: Offset,
    /// After the newest.
    pub(super) end: Offset,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Read from `at` on; what is before it since `from` is kept no longer.
    Begin { from: Offset, at: Offset },
    /// Leave the partition alone.
    Halt(String),
}

/// The metadata to commit offsets with.
pub(super) fn mark(store: &str) -> String {
    format!("{MARK}{store}")
}

/// Where to go on.
pub(super) fn decide(known: &Known, options: &Options, store: &str) -> Decision {
    let Known { topic, partition, oldest, end, .. } = known;
    let row = known.row.filter(|_| known.truth == Truth::Store);
    let (from, whose) = match (row, &known.committed) {
        (Some(row), _) => (row, "this store has admitted"),
        (None, Some((offset, metadata))) => {
            let other = metadata.strip_prefix(MARK).filter(|other| *other != store);
            if let Some(other) = other.filter(|_| known.truth == Truth::Store && !options.take_over) {
                return Decision::Halt(foreign(known, &options.group, *offset, other));
            }
            (*offset, "the group has committed")
        }
        (None, None) => match options.start {
            Start::Earliest => (*oldest, ""),
            Start::Latest => (*end, ""),
        },
    };
    if from > *end {
        return Decision::Halt(format!(
            "partition {partition} of topic `{topic}` is left alone: it ends at {end}, but {whose} all before \
             {from}; the topic was made anew or cut. Give it another name (`topics`), or begin with a new \
             data folder and a new group"
        ));
    }
    if from < *oldest && options.on_gap == OnGap::Halt {
        return Decision::Halt(format!(
            "partition {partition} of topic `{topic}` is left alone: {} were deleted before they were read \
             (from {from}, the oldest kept is {oldest}). Say `bus.kafka.on_gap: continue` to go on without \
             them",
            records(oldest - from)
        ));
    }
    Decision::Begin { from, at: from.max(*oldest) }
}

fn foreign(known: &Known, group: &str, offset: Offset, other: &str) -> String {
    format!(
        "partition {} of topic `{}` is left alone: group `{group}` has gone on to {offset} with the store \
         `{other}`, which is not this one. Restore that store's data folder, use another group, or say \
         `bus.kafka.take_over: true` to go on from there without its runs",
        known.partition, known.topic
    )
}

/// `1 record`, `2 records`.
pub(super) fn records(count: i64) -> String {
    format!("{count} record{}", if count == 1 { "" } else { "s" })
}

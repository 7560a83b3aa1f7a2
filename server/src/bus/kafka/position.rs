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

#[cfg(test)]
mod tests {
    use pathway_engine::project::{Kafka, Resolved};

    use super::*;

    fn options(on_gap: OnGap) -> Options {
        let kafka = Kafka {
            servers: Resolved::open("127.0.0.1:9"),
            client_id: Resolved::open("test"),
            group: Resolved::open("group"),
            start: Start::Earliest,
            on_gap,
            take_over: false,
            options: Vec::new(),
        };
        Options::new(&kafka).unwrap()
    }

    /// Records 10 to 19 are kept.
    fn known(row: Option<Offset>, committed: Option<Offset>) -> Known {
        let committed = committed.map(|offset| (offset, String::new()));
        let (topic, truth) = ("topic".to_owned(), Truth::Store);
        Known { topic, partition: 0, truth, row, committed, oldest: 10, end: 20 }
    }

    #[test]
    fn what_was_deleted_is_passed_over_only_where_it_may_be() {
        for known in [known(Some(4), None), known(None, Some(4))] {
            let on = decide(&known, &options(OnGap::Continue), "store");
            assert_eq!(on, Decision::Begin { from: 4, at: 10 });
            let Decision::Halt(why) = decide(&known, &options(OnGap::Halt), "store") else { panic!() };
            assert!(why.contains("6 records were deleted"), "{why}");
        }
    }

    #[test]
    fn both_ends_are_there() {
        for at in [10, 20] {
            let on = decide(&known(Some(at), None), &options(OnGap::Halt), "store");
            assert_eq!(on, Decision::Begin { from: at, at });
        }
        let beyond = decide(&known(Some(21), None), &options(OnGap::Continue), "store");
        assert!(matches!(beyond, Decision::Halt(_)), "{beyond:?}");
    }
}

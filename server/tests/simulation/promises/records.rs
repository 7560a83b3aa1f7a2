//! What runs send: on the bus once it is durable that it was sent, all of it, in order per topic and
//! key, and one ending of each conversation.

use std::collections::{BTreeMap, BTreeSet};

use pathway_server::bus::dead_letters_of;
use pathway_server::store::{Home, NewRecord, Settle, Status};

use super::facts::{Facts, Known};
use super::{Kept, broken};
use crate::bus::message_id;

/// The topic of replies.
const REPLIES: &str = "replies";

/// A record that a run has sent.
#[derive(Debug, Clone)]
struct Sent {
    id: String,
    run: String,
    record: NewRecord,
    /// Where order is kept: of the runs that belong together, per topic and key.
    stretch: Option<Stretch>,
    is_taken: bool,
}

type Stretch = (Home, String, Vec<u8>);

/// See above.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// In the order in which they were committed: as the outbox numbers them, from 1.
    sent: Vec<Sent>,
    /// What the bus refuses for good.
    refused: BTreeSet<usize>,
    /// Whether they are on their topics with their commit.
    pub(crate) are_inside: bool,
    /// How the replies to a run ended.
    endings: BTreeMap<String, String>,
}

impl Records {
    /// A run has sent records, in a commit.
    pub(crate) fn sent(&mut self, run: &Known, records: &[NewRecord]) -> Kept {
        for record in records {
            let id = message_id(record).unwrap_or_default();
            self.ends_once(run, &id, record)?;
            let stretch = record.key.clone().map(|key| (run.home.clone(), record.topic.clone(), key));
            let (run, record, is_taken) = (run.public_id.clone(), record.clone(), self.are_inside);
            self.sent.push(Sent { id, run, record, stretch, is_taken });
        }
        Ok(())
    }

    /// A run answers in one way only.
    fn ends_once(&mut self, run: &Known, id: &str, record: &NewRecord) -> Kept {
        let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        if record.topic != REPLIES || value.contains("\"piece\"") {
            return Ok(());
        }
        match self.endings.insert(run.public_id.clone(), format!("{id} {value}")) {
            None => Ok(()),
            Some(other) => {
                let why = format!("{} was answered with {other}, and with {id} {value}", run.public_id);
                broken("every question is answered once", why, [run.public_id.clone()])
            }
        }
    }

    /// The bus has taken a record.
    pub(crate) fn published(&mut self, record: &NewRecord) -> Kept {
        let id = message_id(record).unwrap_or_default();
        let about = [id.clone()];
        let is_same = |sent: &Sent| sent.id == id && is_same_record(&sent.record, record);
        let Some(place) = self.sent.iter().position(|sent| is_same(sent) && !sent.is_taken) else {
            return match self.sent.iter().any(is_same) {
                true => Ok(()),
                false => broken("a record is on the bus only if it is durable that it was sent", id, about),
            };
        };
        if let Some(stretch) = &self.sent[place].stretch {
            let before = &self.sent[..place];
            let skipped = before.iter().find(|sent| sent.stretch.as_ref() == Some(stretch) && !sent.is_taken);
            if let Some(skipped) = skipped {
                let why = format!("{id} came before {}, which was sent before it", skipped.id);
                return broken("records of a key leave in order", why, [id, skipped.id.clone()]);
            }
        }
        self.sent[place].is_taken = true;
        Ok(())
    }

    /// It is noted what became of records.
    pub(crate) fn settled(&mut self, change: &Settle) -> Kept {
        self.refused.extend(change.refused.iter().map(|(id, _)| *id as usize - 1));
        Ok(())
    }

    /// A run that is parked has left its record for a human, as it came.
    pub(crate) fn has_its_dead_letter(&self, facts: &Facts, run: &Known) -> Kept {
        let Some(source) = run.source.as_ref().filter(|_| run.status == Status::Parked) else {
            return Ok(());
        };
        let value = facts.records.get(source).and_then(|record| record.value.clone());
        let is_letter = |sent: &&Sent| {
            let is_copy = sent.record.value == value || is_restored(&sent.record);
            sent.run == run.public_id && sent.record.topic == dead_letters_of(&source.topic) && is_copy
        };
        match self.sent.iter().any(|sent| is_letter(&sent)) {
            true => Ok(()),
            false => {
                let why = format!("{} is parked, and left no copy of its record", run.public_id);
                broken("a parked run leaves its record", why, [run.public_id.clone()])
            }
        }
    }

    /// All of them were sent, but for those that the bus refuses, and what is behind those.
    pub(crate) fn were_all_sent(&self) -> Kept {
        // They stop what is behind them with their topic and key, whoever sent it.
        let place = |sent: &Sent| sent.stretch.clone().map(|(_, topic, key)| (topic, key));
        let stopped: BTreeSet<_> =
            self.refused.iter().filter_map(|refused| place(self.sent.get(*refused)?)).collect();
        for (number, sent) in self.sent.iter().enumerate() {
            let is_stopped = place(sent).is_some_and(|place| stopped.contains(&place));
            if !sent.is_taken && !is_stopped && !self.refused.contains(&number) {
                let why = format!("{} of {} never came to {}", sent.id, sent.run, sent.record.topic);
                return broken("what was sent arrives", why, [sent.id.clone(), sent.run.clone()]);
            }
        }
        Ok(())
    }
}

/// Whether it is a copy from the journal, where the bus could not be asked for the record.
fn is_restored(record: &NewRecord) -> bool {
    record.headers.iter().any(|(name, _)| name == "pathway-restored")
}

fn is_same_record(one: &NewRecord, other: &NewRecord) -> bool {
    (&one.topic, &one.key, &one.value, &one.headers)
        == (&other.topic, &other.key, &other.value, &other.headers)
}

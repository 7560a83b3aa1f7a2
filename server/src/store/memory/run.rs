//! A run with its journal and its stream.

use std::collections::BTreeMap;

use crate::store::{
    Conflict, DuplicateOf, Event, Home, NewEvent, NewRun, Position, Run, RunId, StatusChange, StoreError,
    StreamRow,
};

/// See above.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) run: Run,
    dedupe_id: Option<String>,
    idempotency_key: Option<String>,
    pub(super) events: Vec<Event>,
    stream: BTreeMap<(u32, u32), Vec<u8>>,
    /// How often it was taken up after a crash, with which event the next.
    taken_up: (u32, u32),
}

/// What made a run.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A record of this partition.
    Source {
        /// Which.
        home: Home,
        /// The one that is proven to be owned.
        owned: Option<Home>,
    },
    /// Another run, which belongs there.
    Parent(RunId, Option<Home>),
}

impl Origin {
    /// Where the run belongs to that it makes.
    pub(super) fn home_of(&self, new: &NewRun) -> Option<Home> {
        match self {
            Self::Source { home, owned } => match new.offset {
                Some(_) => Some(home.clone()),
                None => owned.clone(),
            },
            Self::Parent(_, home) => home.clone(),
        }
    }
}

impl Kept {
    /// The run that `new` asks for. What it has sent is for others to keep.
    pub(super) fn new(id: RunId, new: NewRun, origin: &Origin) -> Self {
        let source = position(&new, origin);
        let home = origin.home_of(&new);
        let parent = match origin {
            Origin::Source { .. } => None,
            Origin::Parent(parent, _) => Some(*parent),
        };
        let (idempotency_key, input_hash) =
            new.idempotency.map(|promise| (promise.key, promise.input_hash)).unzip();
        let run = Run {
            id,
            correlation: new.correlation.unwrap_or_else(|| new.public_id.clone()),
            public_id: new.public_id,
            pathway: new.pathway,
            digest: new.digest,
            subject: new.subject,
            source,
            home,
            lane: new.lane,
            input_hash,
            parent,
            rerun_of: new.rerun_of,
            status: new.status,
            wake_at: None,
            created_at: new.at,
            finished_at: new.status.is_final().then_some(new.at),
            outcome: new.outcome,
        };
        let started = Event { seq: 0, kind: "started".to_owned(), payload: new.started };
        let stream = new.stream.into_iter().map(|row| ((row.attempt, row.seq), row.value)).collect();
        Self {
            run,
            dedupe_id: new.dedupe_id,
            idempotency_key,
            events: vec![started],
            stream,
            taken_up: (0, 0),
        }
    }

    /// In what it is the same as one that is to be inserted.
    pub(super) fn same_as(&self, new: &NewRun, origin: &Origin) -> Option<DuplicateOf> {
        let of_pathway = self.run.pathway == new.pathway;
        let position = position(new, origin);
        if of_pathway && position.is_some() && self.run.source == position {
            return Some(DuplicateOf::Position);
        }
        if self.run.public_id == new.public_id {
            return Some(DuplicateOf::PublicId);
        }
        if of_pathway && new.dedupe_id.is_some() && self.dedupe_id == new.dedupe_id {
            return Some(DuplicateOf::DedupeId);
        }
        let promise = new.idempotency.as_ref()?;
        let same_input = self.run.input_hash.as_ref() == Some(&promise.input_hash);
        self.is_promised(&new.pathway, new.subject.as_deref(), &promise.key)
            .then_some(DuplicateOf::IdempotencyKey { same_input })
    }

    /// Whether it was started with this idempotency key.
    pub(super) fn is_promised(&self, pathway: &str, subject: Option<&str>, key: &str) -> bool {
        self.run.pathway == pathway
            && self.run.subject.as_deref().unwrap_or_default() == subject.unwrap_or_default()
            && self.idempotency_key.as_deref() == Some(key)
    }

    /// Whether more may be appended.
    pub(super) fn expect_unfinished(&self) -> Result<(), Conflict> {
        if self.run.status.is_final() { Err(Conflict::Finished(self.run.id)) } else { Ok(()) }
    }

    /// Whether this event comes next.
    pub(super) fn expect_next(&self, expected: u32) -> Result<(), Conflict> {
        let found = self.next();
        if found == expected { Ok(()) } else { Err(Conflict::Seq { run: self.run.id, expected, found }) }
    }

    fn next(&self) -> u32 {
        self.events.last().map_or(0, |last| last.seq + 1)
    }

    /// Counts that it is taken up after a crash.
    pub(super) fn take_up(&mut self) -> u32 {
        let (times, next) = self.taken_up;
        let times = if next == self.next() { times + 1 } else { 1 };
        self.taken_up = (times, self.next());
        times
    }

    /// Takes back that it was counted.
    pub(super) const fn put_down(&mut self) {
        self.taken_up.0 = self.taken_up.0.saturating_sub(1);
    }

    /// Whether none of these rows is there.
    pub(super) fn expect_new_rows(&self, rows: &[StreamRow]) -> Result<(), StoreError> {
        expect_different(self.run.id, rows)?;
        match rows.iter().find(|row| self.stream.contains_key(&(row.attempt, row.seq))) {
            None => Ok(()),
            Some(&StreamRow { attempt, seq, .. }) => {
                Err(Conflict::StreamRow { run: self.run.id, attempt, seq }.into())
            }
        }
    }

    pub(super) fn append(&mut self, events: Vec<NewEvent>) {
        for NewEvent { kind, payload } in events {
            self.events.push(Event { seq: self.next(), kind: kind.to_owned(), payload });
        }
    }

    /// Deletes all that the last event stands for.
    pub(super) fn compact(&mut self) {
        let last = self.next() - 1;
        self.events.retain(|event| event.seq == 0 || event.seq == last);
    }

    pub(super) fn add_rows(&mut self, rows: Vec<StreamRow>) {
        self.stream.extend(rows.into_iter().map(|row| ((row.attempt, row.seq), row.value)));
    }

    pub(super) fn change_status(&mut self, change: StatusChange) {
        self.run.status = change.status;
        self.run.outcome = change.outcome;
        self.run.wake_at = change.wake_at;
        self.run.finished_at = change.status.is_final().then_some(change.at);
    }

    /// Its stream after a row.
    pub(super) fn stream(&self, after: Option<(u32, u32)>, limit: u32) -> Vec<StreamRow> {
        let later = self.stream.iter().filter(|(place, _)| after.is_none_or(|after| **place > after));
        later
            .take(limit as usize)
            .map(|(&(attempt, seq), value)| StreamRow { attempt, seq, value: value.clone() })
            .collect()
    }
}

/// Whether no row is there twice.
pub(super) fn expect_different(run: RunId, rows: &[StreamRow]) -> Result<(), StoreError> {
    let mut places = std::collections::BTreeSet::new();
    match rows.iter().find(|row| !places.insert((row.attempt, row.seq))) {
        None => Ok(()),
        Some(&StreamRow { attempt, seq, .. }) => Err(Conflict::StreamRow { run, attempt, seq }.into()),
    }
}

fn position(new: &NewRun, origin: &Origin) -> Option<Position> {
    let Origin::Source { home: Home { topic, partition }, .. } = origin else { return None };
    Some(Position { topic: topic.clone(), partition: *partition, offset: new.offset? })
}

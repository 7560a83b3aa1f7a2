//! What is known of a world from outside.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::journal::{Event, Kind};
use pathway_server::bus::dead_letters_of;
use pathway_server::piece::{Piece, Said};
use pathway_server::store::{
    Admission, Admit, Append, Appended, Epoch, Home, NewRecord, NewRun, Offset, RunId, Status,
};

/// A place on a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: Offset,
}

/// What is known of a run.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: RunId,
    pub(crate) public_id: String,
    pub(crate) pathway: String,
    pub(crate) digest: String,
    pub(crate) source: Option<Place>,
    pub(crate) home: Home,
    pub(crate) lane: Option<String>,
    pub(crate) parent: Option<RunId>,
    pub(crate) status: Status,
    pub(crate) outcome: Option<Vec<u8>>,
    pub(crate) events: Vec<Event>,
    /// Rows of its stream.
    pub(crate) rows: u32,
    /// Executions of steps of which its caller has been told something.
    pub(crate) heard: BTreeSet<String>,
    /// Whether it has done anything that can be seen, since it was admitted or redriven.
    pub(crate) has_begun: bool,
    /// Whether it ever has.
    pub(crate) ever_begun: bool,
    /// Whether it was ever parked.
    pub(crate) ever_parked: bool,
    /// Whether it was over as soon as it was admitted, without a journal of how.
    pub(crate) ended_at_once: bool,
    /// How many events it had whenever it was taken up after a crash.
    pub(crate) taken_up: Vec<usize>,
    /// Whether it was given up by an operator.
    pub(crate) was_dropped: bool,
    /// The run that it runs again.
    pub(crate) rerun_of: Option<String>,
}

/// A run that was to be run again, and it was said that it would be.
#[derive(Debug, Clone)]
pub(crate) struct AskedAgain {
    /// The run that is to do so.
    pub(crate) id: String,
    /// The run.
    pub(crate) of: String,
    /// How often that had been redriven before.
    pub(crate) redrives: usize,
}

impl Known {
    pub(crate) fn admitted(id: RunId, run: &NewRun, change: &Admit) -> Self {
        let Admit { topic, partition, .. } = change;
        let place = |offset| Place { topic: topic.clone(), partition: *partition, offset };
        let source = run.offset.map(place);
        Self::new(id, run, source, Home::new(topic, *partition))
    }

    fn new(id: RunId, run: &NewRun, source: Option<Place>, home: Home) -> Self {
        Self {
            id,
            public_id: run.public_id.clone(),
            pathway: run.pathway.clone(),
            digest: run.digest.clone(),
            source,
            home,
            lane: run.lane.clone(),
            parent: None,
            status: run.status,
            outcome: run.outcome.clone(),
            events: vec![Event::decode(&run.started).unwrap()],
            rows: run.stream.len() as u32,
            heard: BTreeSet::new(),
            has_begun: false,
            ever_begun: false,
            ever_parked: run.status == Status::Parked,
            ended_at_once: run.status != Status::Ready,
            taken_up: Vec::new(),
            was_dropped: false,
            rerun_of: run.rerun_of.clone(),
        }
    }

    /// It belongs to where the run does that it runs again, if it does.
    pub(crate) fn at_home_of(self, other: Option<&Self>) -> Self {
        let home = other.map_or(self.home, |other| other.home.clone());
        Self { home, ..self }
    }
}

/// See above.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    runs: BTreeMap<RunId, Known>,
    ids: BTreeMap<String, RunId>,
    /// What is on topics that are worked on.
    pub(crate) records: BTreeMap<Place, NewRecord>,
    /// How far partitions were admitted.
    pub(crate) next: BTreeMap<(String, i32), Offset>,
    /// How many pathways listen to each topic.
    pub(crate) listeners: BTreeMap<String, usize>,
    /// Topics of pathways without a journal.
    pub(crate) unkept: BTreeSet<String>,
    /// What was passed on of those, by the `id` of what it came of.
    pub(crate) passed: BTreeSet<String>,
    /// Pathways whose parked runs hold their lanes.
    pub(crate) holds: BTreeSet<String>,
    /// Who has taken the runs of a partition over.
    pub(crate) owners: BTreeMap<Home, (Epoch, String)>,
    /// Whether the store has several processes.
    pub(crate) is_shared: bool,
    /// Runs that were called off, and it was said that they would be.
    pub(crate) called_off: BTreeSet<String>,
    /// Runs that were to be run again.
    pub(crate) asked_again: Vec<AskedAgain>,
}

impl Facts {
    pub(crate) fn add(&mut self, run: Known) {
        self.ids.insert(run.public_id.clone(), run.id);
        self.runs.insert(run.id, run);
    }

    pub(crate) fn run(&self, id: RunId) -> Option<&Known> {
        self.runs.get(&id)
    }

    pub(crate) fn run_mut(&mut self, id: RunId) -> Option<&mut Known> {
        self.runs.get_mut(&id)
    }

    pub(crate) fn called(&self, public_id: &str) -> Option<&Known> {
        self.run(*self.ids.get(public_id)?)
    }

    /// The run that a new one runs again.
    pub(crate) fn ran_before(&self, new: &NewRun) -> Option<&Known> {
        self.called(new.rerun_of.as_deref()?)
    }

    /// How often a run was redriven.
    pub(crate) fn redrives(&self, public_id: &str) -> usize {
        let is_redrive = |event: &&Event| matches!(event.kind, Kind::Redriven { .. });
        self.called(public_id).map_or(0, |run| run.events.iter().filter(is_redrive).count())
    }

    /// What was to be run again and was not, unless it was under way once more when its turn came.
    pub(crate) fn not_run_again(&self) -> Option<&AskedAgain> {
        let is_owed = |asked: &&AskedAgain| self.redrives(&asked.of) == asked.redrives;
        self.asked_again.iter().filter(is_owed).find(|asked| self.called(&asked.id).is_none())
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Known> {
        self.runs.values()
    }

    /// The other runs of a run's lane, in the order admitted.
    pub(crate) fn lane<'a>(&'a self, run: &'a Known) -> impl Iterator<Item = &'a Known> {
        self.runs().filter(|other| {
            let same = other.pathway == run.pathway && other.lane.is_some() && other.lane == run.lane;
            same && other.id != run.id && other.home == run.home
        })
    }

    /// Whether records of a topic are worked on.
    pub(crate) fn is_worked_on(&self, topic: &str) -> bool {
        self.listeners.contains_key(topic) || self.unkept.contains(topic)
    }

    /// The offset after the last record of a partition.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> Offset {
        let at = |offset| Place { topic: topic.to_owned(), partition, offset };
        self.records.range(at(0)..at(Offset::MAX)).next_back().map_or(0, |(place, _)| place.offset + 1)
    }

    /// Keeps what was appended.
    pub(crate) fn append(&mut self, change: &Append, appended: &Appended) {
        let Some(run) = self.runs.get_mut(&change.run) else { return };
        let new: Vec<_> = change.events.iter().map(|event| Event::decode(&event.payload).unwrap()).collect();
        if new.iter().any(|event| matches!(event.kind, Kind::Redriven { .. })) {
            run.has_begun = false;
            run.heard.clear();
        }
        run.rows += change.stream.len() as u32;
        for row in &change.stream {
            let piece: Piece = serde_json::from_slice(&row.value).unwrap();
            match piece.said {
                Said::Emitted(_) => run.heard.insert(piece.step),
                Said::Reset => run.heard.remove(&piece.step),
            };
        }
        if let Some(status) = &change.status {
            run.was_dropped |= run.status == Status::Parked && status.status == Status::Failed;
            run.ended_at_once &= status.status != Status::Ready;
            run.status = status.status;
            run.ever_parked |= status.status == Status::Parked;
            run.outcome.clone_from(&status.outcome);
        }
        run.events.extend(new);
        let home = run.home.clone();
        for (child, answer) in change.children.iter().zip(&appended.children) {
            if let Admission::Inserted(id) = answer {
                self.add(Known { parent: Some(change.run), ..Known::new(*id, child, None, home.clone()) });
            }
        }
    }

    /// Whether a record is of a run without a journal.
    pub(crate) fn is_unkept(&self, record: &NewRecord) -> bool {
        let from = record.headers.iter().find(|(name, _)| name == "pathway-from");
        let is_plain = from.is_some_and(|(_, from)| from == b"plain");
        is_plain || self.unkept.iter().any(|topic| dead_letters_of(topic) == record.topic)
    }

    /// A run without a journal has passed something on.
    pub(crate) fn passed_on(&mut self, record: &NewRecord) {
        self.passed.extend(id_in(record));
    }
}

/// The `id` that a record's value has.
pub(crate) fn id_in(record: &NewRecord) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    value.get("id")?.as_str().map(str::to_owned)
}

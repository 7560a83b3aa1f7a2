//! What is known of a world from outside.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::journal::{Event, Kind};
use pathway_server::store::{Admission, Admit, Append, Appended, NewRecord, NewRun, Offset, RunId, Status};

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
    pub(crate) source: Option<Place>,
    /// Topic and partition.
    pub(crate) home: (String, i32),
    pub(crate) lane: Option<String>,
    pub(crate) parent: Option<RunId>,
    pub(crate) status: Status,
    pub(crate) outcome: Option<Vec<u8>>,
    pub(crate) events: Vec<Event>,
    /// Whether it has done anything that can be seen, since it was admitted or redriven.
    pub(crate) has_begun: bool,
    /// Whether it ever has.
    pub(crate) ever_begun: bool,
}

impl Known {
    pub(crate) fn admitted(id: RunId, run: &NewRun, change: &Admit) -> Self {
        let Admit { topic, partition, .. } = change;
        let place = |offset| Place { topic: topic.clone(), partition: *partition, offset };
        let source = run.offset.map(place);
        Self::new(id, run, source, (topic.clone(), *partition))
    }

    fn new(id: RunId, run: &NewRun, source: Option<Place>, home: (String, i32)) -> Self {
        Self {
            id,
            public_id: run.public_id.clone(),
            pathway: run.pathway.clone(),
            source,
            home,
            lane: run.lane.clone(),
            parent: None,
            status: run.status,
            outcome: run.outcome.clone(),
            events: vec![Event::decode(&run.started).unwrap()],
            has_begun: false,
            ever_begun: false,
        }
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
    /// Pathways whose parked runs hold their lanes.
    pub(crate) holds: BTreeSet<String>,
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

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Known> {
        self.runs.values()
    }

    /// The runs of a lane, in the order admitted.
    pub(crate) fn lane<'a>(&'a self, run: &'a Known) -> impl Iterator<Item = &'a Known> {
        self.runs().filter(|other| {
            other.id != run.id
                && other.pathway == run.pathway
                && other.lane.is_some()
                && other.lane == run.lane
        })
    }

    /// Keeps what was appended.
    pub(crate) fn append(&mut self, change: &Append, appended: &Appended) {
        let Some(run) = self.runs.get_mut(&change.run) else { return };
        run.events.extend(change.events.iter().map(|event| Event::decode(&event.payload).unwrap()));
        if let Some(status) = &change.status {
            run.status = status.status;
            run.outcome.clone_from(&status.outcome);
        }
        let is_redriven = |event: &Event| matches!(event.kind, Kind::Redriven { .. });
        let appended_events = run.events.len() - change.events.len();
        if run.events[appended_events..].iter().any(is_redriven) {
            run.has_begun = false;
        }
        let home = run.home.clone();
        for (child, answer) in change.children.iter().zip(&appended.children) {
            if let Admission::Inserted(id) = answer {
                self.add(Known { parent: Some(change.run), ..Known::new(*id, child, None, home.clone()) });
            }
        }
    }
}

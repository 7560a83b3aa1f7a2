//! Where topics stand: what the bus tells, and how far the store has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_engine::project::{Bus, Store as StoreKind};

use super::failed;
use super::named::Named;
use crate::bus::{EMBEDDED_PARTITION, KafkaTopics, PartitionState};
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::store::{Offset, SqliteStore, Store, StoreError};

/// The file of a store in its folder.
const DATABASE: &str = "pathway.db";

/// Topics, and where they stand.
#[derive(Debug)]
pub(super) struct State {
    pub(super) topics: Vec<Topic>,
    /// Whether a topic may be missing.
    pub(super) is_kafka: bool,
    /// Why the store could not be asked.
    pub(super) without_store: Option<String>,
}

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) named: Named,
    /// None: there is no such topic, or nobody could be asked.
    pub(super) partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) state: PartitionState,
    /// The next offset that the store will admit.
    pub(super) next: Option<Offset>,
}

impl Partition {
    /// Records that nobody has begun to work on; none: it is not known where work stands.
    pub(super) fn lag(&self) -> Option<i64> {
        let done = self.next.or(self.state.committed)?;
        Some((self.state.end - done.max(self.state.oldest)).max(0))
    }
}

impl State {
    pub(super) async fn of(config: &Config, topics: Vec<Named>) -> Result<Self, Failure> {
        let (store, without_store) = match open(config) {
            Ok(store) => (Some(store), None),
            Err(why) => (None, Some(why)),
        };
        let store = store.as_deref();
        let mut states = match &config.project.bus {
            Bus::Embedded => embedded(store, &topics).await?,
            Bus::Kafka(kafka) => {
                let kafka = KafkaTopics::new(kafka).map_err(|error| failed(&error))?;
                let names = topics.iter().map(|topic| topic.name.clone()).collect();
                kafka.describe(names).await.map_err(|error| failed(&error))?
            }
        };
        let mut found = Vec::with_capacity(topics.len());
        for named in topics {
            let mut partitions = Vec::new();
            for state in states.remove(&named.name).unwrap_or_default() {
                let next = match store {
                    Some(store) => {
                        store.next_offset(&named.name, state.number).await.map_err(|error| unread(&error))?
                    }
                    None => None,
                };
                partitions.push(Partition { state, next });
            }
            found.push(Topic { named, partitions });
        }
        Ok(Self { topics: found, is_kafka: config.project.bus != Bus::Embedded, without_store })
    }
}

/// What the store itself knows of topics: each has one partition as soon as there is a record.
async fn embedded(
    store: Option<&dyn Store>,
    topics: &[Named],
) -> Result<BTreeMap<String, Vec<PartitionState>>, Failure> {
    let mut states = BTreeMap::new();
    let Some(store) = store else { return Ok(states) };
    for Named { name, .. } in topics {
        let end = store.end_offset(name, EMBEDDED_PARTITION).await.map_err(|error| unread(&error))?;
        let oldest =
            store.records(name, EMBEDDED_PARTITION, 0, 1, 1).await.map_err(|error| unread(&error))?;
        let oldest = oldest.first().map_or(end, |record| record.offset);
        let state = PartitionState { number: EMBEDDED_PARTITION, oldest, end, committed: None };
        states.insert(name.clone(), vec![state]);
    }
    Ok(states)
}

fn unread(error: &StoreError) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

/// The store, if there is one and nobody else holds it.
fn open(config: &Config) -> Result<Arc<dyn Store>, String> {
    let StoreKind::Path(path) = &config.project.store else {
        return Err("this version shows those of a store in a folder only, not in PostgreSQL".to_owned());
    };
    let folder = config.root.folder().join(path);
    if !folder.join(DATABASE).exists() {
        return Err(format!("there is none yet in `{}`", folder.display()));
    }
    match SqliteStore::open(&folder) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(error.to_string()),
    }
}

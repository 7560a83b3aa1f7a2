//! What is durable, and who is told when it changes.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use pathway_server::store::*;

use super::subjects;
use crate::happening::Fault;
use crate::life::Life;
use crate::world::{World, lock};

/// See above.
#[derive(Debug)]
pub(crate) struct Database {
    world: Arc<World>,
    memory: MemoryStore,
    outlet: Outlet,
    /// Processes, and what they hear it through.
    readers: Mutex<Vec<(Arc<Life>, Arc<Hub>)>>,
}

impl Database {
    pub(crate) fn new(world: Arc<World>, outlet: Outlet) -> Self {
        Self { world, memory: MemoryStore::new("simulated", outlet), outlet, readers: Mutex::default() }
    }

    pub(crate) fn memory(&self) -> &MemoryStore {
        &self.memory
    }

    /// Whether several processes have it at once.
    pub(crate) fn is_shared(&self) -> bool {
        false
    }

    /// Whether it is elsewhere, and can be lost from sight.
    pub(crate) fn is_remote(&self) -> bool {
        true
    }

    pub(crate) fn join(&self, life: &Arc<Life>, hub: &Arc<Hub>) {
        let mut readers = lock(&self.readers);
        readers.retain(|(life, _)| !life.is_over());
        readers.push((life.clone(), hub.clone()));
    }

    /// Tells all who watch, some of them late.
    fn tell(&self, subjects: Vec<Subject>) {
        if subjects.is_empty() {
            return;
        }
        for (life, hub) in lock(&self.readers).iter() {
            let late = self.world.strikes(Fault::LateNotice, &life.name);
            if !late {
                hub.notify(subjects.clone());
                continue;
            }
            let wait = self.world.while_("notices", std::time::Duration::from_secs(5));
            let (life, hub, subjects) = (life.clone(), hub.clone(), subjects.clone());
            tokio::spawn(async move {
                if life.wait(wait).await.is_ok() {
                    hub.notify(subjects);
                }
            });
        }
    }

    /// What is answered at once.
    pub(crate) fn done<T>(&self, answer: Answer<'_, T>) -> Result<T, StoreError> {
        answer.now_or_never().unwrap()
    }

    pub(crate) fn take_over(&self, life: &Life, home: &Home) -> Result<Epoch, StoreError> {
        let epoch = self.done(self.memory.take_over(home))?;
        self.world.note(&life.name, format!("takes over {home} with epoch {epoch}"));
        Ok(epoch)
    }

    pub(crate) fn admit(&self, life: &Life, change: Admit) -> Result<Vec<Admission>, StoreError> {
        let subjects = subjects::of_admission(&change, self.outlet);
        let answers = self.done(self.memory.admit(change.clone()));
        let Admit { topic, partition, from_offset, next_offset, runs, .. } = &change;
        let what = format!("admits {topic}/{partition} {from_offset}..{next_offset}");
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                self.world.note(&life.name, format!("{what}: {error}"));
                return Err(error);
            }
        };
        self.world.note(&life.name, what);
        for (run, answer) in runs.iter().zip(&answers) {
            let what = match answer {
                Admission::Inserted(_) => run.status.to_string(),
                Admission::Duplicate { public_id, of, .. } => format!("is {public_id} already, by {of:?}"),
            };
            self.world.note(&life.name, format!("run {} of {} {what}", run.public_id, run.pathway));
        }
        self.world.expect(|promises| promises.admitted(&change, &answers));
        self.tell(subjects);
        Ok(answers)
    }

    pub(crate) fn append(&self, life: &Life, change: Append) -> Result<Appended, StoreError> {
        let public_id = self.world.promises().facts.run(change.run).map(|run| run.public_id.clone());
        let public_id = public_id.unwrap_or_default();
        let events: Vec<_> = change.events.iter().map(|event| event.kind).collect();
        let status = change.status.as_ref().map(|change| change.status.to_string()).unwrap_or_default();
        let what = format!("run {public_id} {}+ {events:?} {status}", change.expected_seq);
        let appended = match self.done(self.memory.append(change.clone())) {
            Ok(appended) => appended,
            Err(error) => {
                self.world.note(&life.name, format!("{what}: {error}"));
                return Err(error);
            }
        };
        self.world.note(&life.name, what);
        for child in &change.children {
            self.world
                .note(&life.name, format!("run {public_id} calls {} {}", child.pathway, child.public_id));
        }
        self.world.expect(|promises| promises.appended(&change, &appended));
        self.tell(subjects::of_append(&change, &public_id, self.outlet));
        Ok(appended)
    }

    pub(crate) fn publish(&self, life: &Life, records: Vec<NewRecord>) -> Result<Vec<Offset>, StoreError> {
        let subjects = subjects::of_records(&records, Outlet::Topics);
        let offsets = self.done(self.memory.publish(records))?;
        self.world.note(&life.name, format!("publishes {} records", offsets.len()));
        self.tell(subjects);
        Ok(offsets)
    }

    pub(crate) fn settle(&self, life: &Life, change: Settle) -> Result<(), StoreError> {
        self.world.note(&life.name, format!("settles {:?} {:?}", change.sent, change.refused));
        self.done(self.memory.settle(change))
    }

    pub(crate) fn post(&self, life: &Life, run: RunId, payload: Vec<u8>) -> Result<(), StoreError> {
        self.world.note(&life.name, format!("posts to {run}"));
        self.done(self.memory.post(run, payload))?;
        self.tell(vec![Subject::Inbox]);
        Ok(())
    }
}

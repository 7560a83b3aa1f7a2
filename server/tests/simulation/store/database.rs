//! What is durable, and who is told when it changes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use pathway_server::store::*;

use super::forgetful::Forgetful;
use super::{mutated, subjects};
use crate::happening::{Fault, Operation};
use crate::life::Life;
use crate::mutation::Mutation;
use crate::promises::{Place, SCHEDULED};
use crate::swarm::Setting;
use crate::world::{World, lock};

/// How late a notice is at most.
const LATE: Duration = Duration::from_secs(5);

/// See above.
#[derive(Debug)]
pub(crate) struct Database {
    world: Arc<World>,
    outlet: Outlet,
    memory: Mutex<Arc<MemoryStore>>,
    forgetful: Option<Forgetful>,
    /// Processes, and what they hear it through.
    readers: Mutex<Vec<(Arc<Life>, Arc<Hub>)>>,
}

impl Database {
    pub(crate) fn new(world: Arc<World>) -> Self {
        let outlet = match world.swarm.setting {
            Setting::Embedded => Outlet::Topics,
            Setting::Alone | Setting::Shared => Outlet::Outbox,
        };
        Self {
            outlet,
            memory: Mutex::new(empty(outlet)),
            forgetful: world.is_mutated(Mutation::NoSync).then(Forgetful::default),
            readers: Mutex::default(),
            world,
        }
    }

    pub(crate) fn memory(&self) -> Arc<MemoryStore> {
        lock(&self.memory).clone()
    }

    /// Whether several processes have it at once.
    pub(crate) fn is_shared(&self) -> bool {
        self.world.swarm.setting == Setting::Shared
    }

    pub(crate) fn join(&self, life: &Arc<Life>, hub: &Arc<Hub>) {
        let mut readers = lock(&self.readers);
        readers.retain(|(life, _)| !life.is_over());
        readers.push((life.clone(), hub.clone()));
    }

    /// A process has died.
    pub(crate) fn crashed(&self) {
        if let Some(forgetful) = &self.forgetful {
            let memory = empty(self.outlet);
            forgetful.play_again(&memory, self.world.draw("sync", |random| random.below(4)));
            *lock(&self.memory) = memory;
        }
    }

    /// Tells all who watch, some of them late.
    fn tell(&self, subjects: &[Subject]) {
        if subjects.is_empty() {
            return;
        }
        for (life, hub) in lock(&self.readers).iter() {
            if !self.is_shared() || !self.world.strikes(Fault::LateNotice, &life.name) {
                hub.notify(subjects.to_vec());
                continue;
            }
            let wait = self.world.while_("notices", LATE);
            let (life, hub, subjects) = (life.clone(), hub.clone(), subjects.to_vec());
            tokio::spawn(async move {
                if life.wait(wait).await.is_ok() {
                    hub.notify(subjects);
                }
            });
        }
    }

    /// Makes a change, and makes it again when the rest is played again.
    pub(crate) fn make<T>(
        &self,
        change: impl Fn(&MemoryStore) -> Answer<'_, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = change(&self.memory()).now_or_never().unwrap();
        if let (Some(forgetful), Ok(_)) = (&self.forgetful, &answer) {
            forgetful.keep(move |memory| drop(change(memory).now_or_never()));
        }
        answer
    }

    pub(crate) fn take_over(&self, life: &Life, home: &Home) -> Result<Epoch, StoreError> {
        let kept = home.clone();
        let epoch = self.make(move |memory| memory.take_over(&kept))?;
        self.world.note(&life.name, format!("takes over {home} with epoch {epoch}"));
        self.world.expect(|promises| promises.taken_over(&life.name, home, epoch));
        Ok(epoch)
    }

    pub(crate) fn set_at_work(&self, life: &Life, proof: &Proof, at_work: bool) -> Result<bool, StoreError> {
        let kept = proof.clone();
        let before = self.make(move |memory| memory.set_at_work(kept.clone(), at_work))?;
        self.world.note(&life.name, format!("is at work {at_work} {proof:?}, before {before}"));
        Ok(before)
    }

    pub(crate) fn take_up(&self, life: &Life, runs: &[RunId]) -> Result<Vec<(RunId, u32)>, StoreError> {
        let kept = runs.to_vec();
        let counted = self.make(move |memory| memory.take_up(kept.clone()))?;
        self.world.note(&life.name, format!("takes up {counted:?}"));
        self.world.expect(|promises| promises.taken_up(runs));
        Ok(counted)
    }

    pub(crate) fn put_down(&self, runs: Vec<RunId>) -> Result<(), StoreError> {
        self.world.expect(|promises| promises.put_down(&runs));
        self.make(move |memory| memory.put_down(runs.clone()))
    }

    pub(crate) fn admit(&self, life: &Life, change: &Admit) -> Result<Vec<Admission>, StoreError> {
        let mutated = mutated::admission(self, &self.world, change.clone());
        let answers = self.make(move |memory| memory.admit(mutated.clone()));
        let Admit { topic, partition, from_offset, next_offset, .. } = change;
        let what = format!("admits {topic}/{partition} {from_offset}..{next_offset}");
        let answers = self.noted(life, what, answers)?;
        for (run, answer) in change.runs.iter().zip(&answers) {
            let what = match answer {
                Admission::Inserted(_) => run.status.to_string(),
                Admission::Duplicate { public_id, of, .. } => format!("is {public_id} already, by {of:?}"),
            };
            self.world.note(&life.name, format!("run {} of {} {what}", run.public_id, run.pathway));
            if run.pathway == SCHEDULED {
                self.world.did(Operation::Tick);
            }
        }
        self.world.expect(|promises| promises.admitted(&life.name, change, &answers));
        self.look_at_topics();
        self.tell(&subjects::of_admission(change, self.outlet));
        Ok(answers)
    }

    pub(crate) fn append(&self, life: &Life, change: &Append) -> Result<Appended, StoreError> {
        let public_id = self.world.promises().facts.run(change.run).map(|run| run.public_id.clone());
        let public_id = public_id.unwrap_or_default();
        let events: Vec<_> = change.events.iter().map(|event| event.kind).collect();
        let status = change.status.as_ref().map(|change| change.status.to_string()).unwrap_or_default();
        let what = format!("run {public_id} {}+ {events:?} {status}", change.expected_seq);
        let mutated = mutated::append(&self.world, change.clone());
        let appended = self.make(move |memory| memory.append(mutated.clone()));
        let appended = self.noted(life, what, appended)?;
        for child in &change.children {
            let what = format!("run {public_id} calls {} {}", child.pathway, child.public_id);
            self.world.note(&life.name, what);
        }
        let mut subjects = subjects::of_append(change, &public_id, self.outlet);
        let given_back = self.world.promises().claims.given_back(change);
        subjects.extend(given_back.into_iter().map(Subject::Claim));
        if change.compacts {
            self.world.did(Operation::Compact);
        }
        self.world.expect(|promises| promises.appended(&life.name, change, &appended));
        self.look_at_topics();
        self.tell(&subjects);
        Ok(appended)
    }

    pub(crate) fn publish(&self, who: &str, records: &[NewRecord]) -> Result<Vec<Offset>, StoreError> {
        let subjects = subjects::of_records(records, Outlet::Topics);
        let records = records.to_vec();
        let offsets = self.make(move |memory| memory.publish(records.clone()))?;
        self.world.note(who, format!("publishes {} records", offsets.len()));
        self.look_at_topics();
        self.tell(&subjects);
        Ok(offsets)
    }

    pub(crate) fn settle(&self, life: &Life, change: Settle) -> Result<(), StoreError> {
        let change = mutated::settlement(&self.world, change);
        self.world.note(&life.name, format!("settles {:?} {:?}", change.sent, change.refused));
        self.world.expect(|promises| promises.settled(&change));
        self.make(move |memory| memory.settle(change.clone()))
    }

    pub(crate) fn post(&self, life: &Life, message: &NewMessage) -> Result<(), StoreError> {
        let kept = message.clone();
        let posted = self.make(move |memory| memory.post(kept.clone()));
        self.noted(life, format!("posts to {}", message.run), posted)?;
        self.tell(&[Subject::Inbox]);
        Ok(())
    }

    fn noted<T>(&self, life: &Life, what: String, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Ok(_) => self.world.note(&life.name, what),
            Err(error) => self.world.note(&life.name, format!("{what}: {error}")),
        }
        answer
    }

    /// Keeps an eye on topics that are in the store.
    fn look_at_topics(&self) {
        if self.outlet != Outlet::Topics {
            return;
        }
        let memory = self.memory();
        let topics: Vec<_> = self.world.promises().facts.listeners.keys().cloned().collect();
        for topic in topics {
            let seen = self.world.promises().facts.end(&topic, 0);
            let records = memory.records(&topic, 0, seen, u32::MAX, usize::MAX).now_or_never();
            for record in records.unwrap().unwrap() {
                let place = Place { topic: topic.clone(), partition: 0, offset: record.offset };
                let Record { key, value, headers, time, .. } = record;
                let record = NewRecord { topic: topic.clone(), key, value, headers, time };
                self.world.expect(|promises| promises.arrived(place, &record));
            }
        }
    }
}

fn empty(outlet: Outlet) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new("simulated", outlet))
}

//! A simulated store: the one that ends with its process, made to last longer than processes do, and
//! each process's way to it. What a process wrote is there from the moment of its commit, whether or
//! not the process lives to hear of it; what was not committed when it died never will be.

mod database;
mod forgetful;
mod mutated;
mod subjects;
mod writer;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pathway_server::store::*;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::database::Database;
use self::writer::{Fate, Write};
use super::life::{Dead, Life};

/// A process's way to the store.
#[derive(Debug)]
pub(crate) struct Handle {
    database: Arc<Database>,
    life: Arc<Life>,
    hub: Arc<Hub>,
    writer: mpsc::UnboundedSender<Write>,
}

impl Handle {
    /// Opens the store for a process.
    pub(crate) fn open(database: &Arc<Database>, life: &Arc<Life>) -> Self {
        let hub = Arc::<Hub>::default();
        let (writer, writes) = mpsc::unbounded_channel();
        database.join(life, &hub);
        tokio::spawn(writer::write(database.clone(), life.clone(), writes));
        let (dying, closing) = (life.clone(), hub.clone());
        tokio::spawn(async move {
            dying.over().await;
            closing.close("the process is dead".into());
        });
        Self { database: database.clone(), life: life.clone(), hub, writer }
    }

    /// Makes a change, when its turn has come.
    fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Database, &Life) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            self.life.awake().await.map_err(dead)?;
            let (told, answer) = oneshot::channel();
            let write = move |database: &Database, life: &Life, fate: Fate| {
                let answer = match fate {
                    Fate::Away => Err(StoreError::Away(so())),
                    Fate::Lost => Err(unknown()),
                    Fate::Committed => change(database, life),
                    Fate::Unknown => {
                        let _nobody_knows = change(database, life);
                        Err(unknown())
                    }
                };
                // Whoever asked may have left.
                Box::new(move || drop(told.send(answer))) as Box<dyn FnOnce() + Send>
            };
            self.writer.send(Box::new(write)).map_err(|_ended| dead(Dead))?;
            match self.life.until(answer).await.map_err(dead)? {
                Ok(answer) => answer,
                Err(_ended) => Err(dead(Dead)),
            }
        })
    }

    /// Reads, a moment later.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&MemoryStore) -> Answer<'_, T> + Send + 'static,
    ) -> Answer<'_, T> {
        Box::pin(async move {
            let moment = self.life.world.moment("reads");
            self.life.wait(moment).await.map_err(dead)?;
            let answer = read(&self.database.memory()).now_or_never().unwrap();
            self.life.wait(moment).await.map_err(dead)?;
            answer
        })
    }
}

fn dead(_: Dead) -> StoreError {
    StoreError::Stopped("the process is dead".into())
}

fn so() -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::from(Box::<dyn std::error::Error + Send + Sync>::from("the simulation has it so"))
}

fn unknown() -> StoreError {
    StoreError::Unknown(so())
}

impl Store for Handle {
    fn id(&self) -> &str {
        "simulated"
    }

    fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    fn take_over(&self, home: &Home) -> Answer<'_, Epoch> {
        let home = home.clone();
        self.write(move |database, life| database.take_over(life, &home))
    }

    fn admit(&self, change: Admit) -> Answer<'_, Vec<Admission>> {
        self.write(move |database, life| database.admit(life, &change))
    }

    fn append(&self, change: Append) -> Answer<'_, Appended> {
        self.write(move |database, life| database.append(life, &change))
    }

    fn append_stream(&self, run: RunId, rows: Vec<StreamRow>) -> Answer<'_, ()> {
        self.write(move |database, _| database.make(move |memory| memory.append_stream(run, rows.clone())))
    }

    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        self.write(move |database, life| database.publish(&life.name, &records))
    }

    fn settle(&self, change: Settle) -> Answer<'_, ()> {
        self.write(move |database, life| database.settle(life, change))
    }

    fn post(&self, message: NewMessage) -> Answer<'_, ()> {
        self.write(move |database, life| database.post(life, &message))
    }

    fn discard(&self, messages: Vec<i64>) -> Answer<'_, ()> {
        self.write(move |database, _| database.make(move |memory| memory.discard(messages.clone())))
    }

    fn define(&self, digest: &str, text: &str) -> Answer<'_, ()> {
        let (digest, text) = (digest.to_owned(), text.to_owned());
        self.write(move |database, _| database.make(move |memory| memory.define(&digest, &text)))
    }

    fn set_at_work(&self, proof: Proof, at_work: bool) -> Answer<'_, bool> {
        self.write(move |database, life| database.set_at_work(life, &proof, at_work))
    }

    fn take_up(&self, runs: Vec<RunId>) -> Answer<'_, Vec<(RunId, u32)>> {
        self.write(move |database, life| database.take_up(life, &runs))
    }

    fn put_down(&self, runs: Vec<RunId>) -> Answer<'_, ()> {
        self.write(move |database, _| database.put_down(runs))
    }

    fn prune(&self, change: Prune) -> Answer<'_, Pruned> {
        self.write(move |database, _| database.make(move |memory| memory.prune(change.clone())))
    }

    fn definition(&self, digest: &str) -> Answer<'_, Option<String>> {
        let digest = digest.to_owned();
        self.read(move |store| store.definition(&digest))
    }

    fn unfinished(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(move |store| store.unfinished(after, limit))
    }

    fn ready(&self, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        self.read(move |store| store.ready(after, limit))
    }

    fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: u32) -> Answer<'_, Vec<Run>> {
        let home = home.clone();
        self.read(move |store| store.unfinished_of(&home, after, limit))
    }

    fn unfinished_topics(&self) -> Answer<'_, Vec<String>> {
        self.read(MemoryStore::unfinished_topics)
    }

    fn inbox(&self, homes: Option<&[Home]>, after: Mark, most: Most) -> Answer<'_, Page> {
        let homes = homes.map(<[Home]>::to_vec);
        self.read(move |store| store.inbox(homes.as_deref(), after, most))
    }

    fn inbox_of(&self, run: RunId, after: Mark, most: Most) -> Answer<'_, Vec<Message>> {
        self.read(move |store| store.inbox_of(run, after, most))
    }

    fn unreceived(&self, most: u32) -> Answer<'_, Unreceived> {
        self.read(move |store| store.unreceived(most))
    }

    fn events(&self, run: RunId) -> Answer<'_, Vec<Event>> {
        self.read(move |store| store.events(run))
    }

    fn run(&self, public_id: &str) -> Answer<'_, Option<Run>> {
        let id = public_id.to_owned();
        self.read(move |store| store.run(&id))
    }

    fn run_by_correlation(&self, pathway: Option<&str>, correlation: &str) -> Answer<'_, Option<Run>> {
        let (pathway, correlation) = (pathway.map(str::to_owned), correlation.to_owned());
        self.read(move |store| store.run_by_correlation(pathway.as_deref(), &correlation))
    }

    fn run_by_idempotency(&self, pathway: &str, subject: Option<&str>, key: &str) -> Answer<'_, Option<Run>> {
        let (pathway, subject, key) = (pathway.to_owned(), subject.map(str::to_owned), key.to_owned());
        self.read(move |store| store.run_by_idempotency(&pathway, subject.as_deref(), &key))
    }

    fn runs(&self, filter: Filter) -> Answer<'_, Vec<Run>> {
        self.read(move |store| store.runs(filter))
    }

    fn reruns(&self, public_id: &str, limit: u32) -> Answer<'_, Vec<Run>> {
        let public_id = public_id.to_owned();
        self.read(move |store| store.reruns(&public_id, limit))
    }

    fn children(&self, run: RunId) -> Answer<'_, Vec<Run>> {
        self.read(move |store| store.children(run))
    }

    fn stream(&self, run: RunId, after: Option<(u32, u32)>, limit: u32) -> Answer<'_, Vec<StreamRow>> {
        self.read(move |store| store.stream(run, after, limit))
    }

    fn records(
        &self,
        topic: &str,
        partition: i32,
        from: Offset,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Record>> {
        let topic = topic.to_owned();
        self.read(move |store| store.records(&topic, partition, from, limit, max_bytes))
    }

    fn end_offset(&self, topic: &str, partition: i32) -> Answer<'_, Offset> {
        let topic = topic.to_owned();
        self.read(move |store| store.end_offset(&topic, partition))
    }

    fn next_offset(&self, topic: &str, partition: i32) -> Answer<'_, Option<Offset>> {
        let topic = topic.to_owned();
        self.read(move |store| store.next_offset(&topic, partition))
    }

    fn outbox(&self, after: i64, limit: u32, max_bytes: usize) -> Answer<'_, Vec<Outgoing>> {
        self.read(move |store| store.outbox(after, limit, max_bytes))
    }

    fn outbox_of(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Answer<'_, Vec<Outgoing>> {
        let homes = homes.to_vec();
        self.read(move |store| store.outbox_of(&homes, after, limit, max_bytes))
    }

    fn claimed(&self, claim: &Claim) -> Answer<'_, Option<Claimed>> {
        let claim = claim.clone();
        self.read(move |store| store.claimed(&claim))
    }

    fn counts(&self) -> Answer<'_, Counts> {
        self.read(MemoryStore::counts)
    }

    fn unfinished_counts(&self) -> Answer<'_, Counts> {
        self.read(MemoryStore::unfinished_counts)
    }

    fn last_tick(&self, pathway: &str, schedule: &str) -> Answer<'_, Option<Tick>> {
        let (pathway, schedule) = (pathway.to_owned(), schedule.to_owned());
        self.read(move |store| store.last_tick(&pathway, &schedule))
    }

    fn set_last_tick(&self, pathway: &str, schedule: &str, tick: Tick) -> Answer<'_, ()> {
        let (pathway, schedule) = (pathway.to_owned(), schedule.to_owned());
        self.write(move |database, _| {
            database.make(move |memory| memory.set_last_tick(&pathway, &schedule, tick.clone()))
        })
    }

    fn watch_run(&self, public_id: &str) -> Watch {
        self.hub.watch(Subject::Run(public_id.to_owned()))
    }

    fn watch_topic(&self, topic: &str) -> Watch {
        self.hub.watch(Subject::Topic(topic.to_owned()))
    }

    fn watch_outbox(&self) -> Watch {
        self.hub.watch(Subject::Outbox)
    }

    fn watch_claim(&self, claim: &Claim) -> Watch {
        self.hub.watch(Subject::Claim(claim.clone()))
    }

    fn watch_inbox(&self) -> Watch {
        self.hub.watch(Subject::Inbox)
    }

    fn stopped(&self) -> BoxFuture<'static, Arc<str>> {
        let life = self.life.clone();
        Box::pin(async move {
            life.over().await;
            "the process is dead".into()
        })
    }
}

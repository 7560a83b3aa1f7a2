//! A simulated bus: topics with partitions, a group that shares the work on them, and each process's
//! way to it. Brokers lose nothing that they took; what they say about it may be lost.

mod group;
mod log;
mod share;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathway_server::bus::*;
use pathway_server::store::{Store, StoreError};
use tokio::sync::{Notify, mpsc, watch};

use self::group::{Group, Joined};
pub(crate) use self::log::Topics;
use self::share::Given;
use super::happening::Fault;
use super::life::{Dead, Life};
use super::mutation::Mutation;
use super::promises::Place;
use super::world::{World, lock};

/// The brokers.
#[derive(Debug)]
pub(crate) struct Broker {
    world: Arc<World>,
    topics: Mutex<Topics>,
    group: Mutex<Group>,
    /// Something has changed in the group.
    stirred: Notify,
    /// Whether a message is refused.
    refused: Mutex<BTreeMap<String, bool>>,
    /// Until when nothing is taken.
    away: Mutex<Duration>,
}

impl Broker {
    pub(crate) fn new(world: Arc<World>) -> Arc<Self> {
        let (topics, group, stirred, refused, away) = Default::default();
        let broker = Arc::new(Self { world, topics, group, stirred, refused, away });
        tokio::spawn(broker.clone().coordinate());
        broker
    }

    /// Makes a topic that is worked on.
    pub(crate) fn make(&self, topic: &str) {
        lock(&self.topics).make(topic, self.world.swarm.partitions);
    }

    pub(crate) fn topics(&self) -> std::sync::MutexGuard<'_, Topics> {
        lock(&self.topics)
    }

    /// Takes a record.
    pub(crate) fn take(&self, who: &str, record: &NewRecord) -> Offset {
        let topic = record.topic.clone();
        let mut topics = self.topics();
        let partitions = topics.partitions(&topic);
        let number = match &record.key {
            Some(key) => key.iter().fold(7_usize, |hash, byte| hash * 31 % 65_521 + usize::from(*byte)),
            None => self.world.draw("partitions", |random| random.below(1 << 20)),
        } % partitions.len();
        let log = &mut partitions[number];
        if self.world.strikes(Fault::Hole, "bus") {
            log.end += self.world.draw("bus", |random| random.range(1..4)) as i64;
        }
        let offset = log.append(record.clone());
        drop(topics);
        let partition = number as i32;
        let id = message_id(record).unwrap_or_default();
        self.world.note(who, format!("puts {id:?} on {topic}/{partition} at {offset}"));
        self.world.expect(|promises| {
            let is_tick = id.starts_with("pathway-tick/");
            if !id.is_empty() && !is_tick {
                promises.published(record)?;
            }
            match promises.facts.is_worked_on(&topic) {
                true => promises.arrived(Place { topic: topic.clone(), partition, offset }, record),
                false => Ok(()),
            }
        });
        lock(&self.group).stir(&topic, partition);
        offset
    }

    /// Makes the group think again.
    pub(crate) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Keeps how far a partition was read.
    fn keep(&self, who: &str, topic: &str, partition: i32, next: Offset) {
        let mut topics = self.topics();
        let log = topics.log(topic, partition);
        if log.committed.is_some_and(|committed| committed >= next) {
            return;
        }
        log.committed = Some(next);
        drop(topics);
        self.world.note(who, format!("has read {topic}/{partition} up to {next}"));
        self.world.expect(|promises| promises.offset_stored(topic, partition, next));
    }

    /// Whether a record will never be taken: it is refused whenever it comes.
    fn refuses(&self, who: &str, record: &NewRecord) -> bool {
        let Some(id) = message_id(record).filter(|_| !is_dead_letters(&record.topic)) else { return false };
        let mut known = lock(&self.refused);
        *known.entry(id).or_insert_with(|| self.world.strikes(Fault::RefusedRecord, who))
    }

    fn is_away(&self, who: &str) -> bool {
        let mut away = lock(&self.away);
        if self.world.age() >= *away && self.world.strikes(Fault::BusAway, who) {
            *away = self.world.age() + self.world.while_("bus", Duration::from_secs(10));
        }
        self.world.age() < *away
    }
}

/// The id of a message of ours.
pub(crate) fn message_id(record: &NewRecord) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(name, _)| name == "message-id")?;
    String::from_utf8(value.clone()).ok()
}

fn dead(_: Dead) -> BusError {
    BusError::Store(StoreError::Stopped("the process is dead".into()))
}

/// A process's way to the bus.
#[derive(Debug)]
pub(crate) struct Handle {
    broker: Arc<Broker>,
    life: Arc<Life>,
    store: Arc<dyn Store>,
    reach: watch::Sender<Reach>,
}

impl Handle {
    pub(crate) fn new(broker: &Arc<Broker>, life: &Arc<Life>, store: Arc<dyn Store>) -> Self {
        let reach = watch::Sender::new(Ok(()));
        Self { broker: broker.clone(), life: life.clone(), store, reach }
    }

    async fn send(&self, records: Vec<NewRecord>) -> Result<Vec<Offset>, BusError> {
        let (life, world) = (&self.life, &self.life.world);
        life.wait(world.moment("sends")).await.map_err(dead)?;
        if let Some(refused) = records.iter().find(|record| self.broker.refuses(&life.name, record)) {
            return Err(BusError::Refused(format!("{:?} will never be taken", message_id(refused))));
        }
        let away = || Err(BusError::Away("the simulation has it so".to_owned()));
        if self.broker.is_away(&life.name) {
            life.wait(Duration::from_secs(1)).await.map_err(dead)?;
            return away();
        }
        // What is lost on the way is lost with all that follows it.
        let is_unknown = world.strikes(Fault::UnknownPublish, &life.name);
        let taken = match is_unknown {
            true => world.draw("sends", |random| random.below(records.len() + 1)),
            false => records.len(),
        };
        let mut records = records;
        if world.is_mutated(Mutation::NoOrder) {
            records.reverse();
        }
        let take = |record| self.broker.take(&life.name, record);
        let offsets: Vec<_> = records.iter().take(taken).map(take).collect();
        if world.strikes(Fault::CrashAfterPublish, &life.name) {
            life.end();
        }
        life.wait(world.moment("sends")).await.map_err(dead)?;
        if is_unknown { away() } else { Ok(offsets) }
    }
}

impl Bus for Handle {
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        Box::pin(self.send(records))
    }

    fn subscribe(&self, topic: &str, _: Start) -> Answer<'_, Box<dyn Subscription>> {
        let why = format!("nobody reads {topic} for themselves here");
        Box::pin(std::future::ready(Err(BusError::Refused(why))))
    }

    fn consume(&self, topics: Vec<Work>) -> Answer<'_, Box<dyn Consumer>> {
        Box::pin(async move {
            self.life.wait(self.life.world.moment("group")).await.map_err(dead)?;
            let (offer, given) = mpsc::unbounded_channel();
            let (life, store) = (self.life.clone(), self.store.clone());
            let number = self.broker.join(Joined { life, store, topics, offer });
            let (broker, life) = (self.broker.clone(), self.life.clone());
            Ok(Box::new(Member { broker, life, number, given }) as Box<dyn Consumer>)
        })
    }

    fn record(&self, topic: &str, partition: i32, offset: Offset) -> Answer<'_, Option<Record>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            self.life.wait(self.life.world.moment("fetches")).await.map_err(dead)?;
            if self.broker.is_away(&self.life.name) {
                return Err(BusError::Away("the simulation has it so".to_owned()));
            }
            Ok(self.broker.topics().log(&topic, partition).records.get(&offset).cloned())
        })
    }

    fn reach(&self) -> watch::Receiver<Reach> {
        self.reach.subscribe()
    }
}

/// A process that shares the work.
#[derive(Debug)]
struct Member {
    broker: Arc<Broker>,
    life: Arc<Life>,
    number: u64,
    given: mpsc::UnboundedReceiver<Given>,
}

impl Consumer for Member {
    fn assigned(&mut self) -> Answer<'_, Box<dyn Partition>> {
        Box::pin(async move {
            match self.life.until(self.given.recv()).await.map_err(dead)? {
                Some(given) => Ok(Box::new(given) as Box<dyn Partition>),
                None => Err(dead(Dead)),
            }
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // One that dies does not say so.
        if !self.life.is_over() {
            self.broker.leave(self.number);
        }
    }
}

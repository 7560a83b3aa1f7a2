//! Topics in Apache Kafka.
//!
//! Every client has a thread that owns it and always polls: one is a member of the group
//! ([`member`], with what it holds in [`group`]), one hears what became of published records
//! ([`producer`]), and each [`tail`] reads for itself. What they hear of the brokers is put together
//! in [`reach`]. Between threads and tasks are bounded [`queue`]s; nothing here runs a user's work
//! or looks into a record.
//!
//! The store is the truth about where to go on, what is committed to Kafka a hint for people and
//! for other stores ([`position`]). Once the callback that takes a partition away has returned,
//! nothing of it can be committed any more ([`rebalance`]).

mod admin;
mod check;
mod context;
mod delivery;
mod error;
mod fetch;
mod flow;
mod group;
mod lookup;
mod member;
mod missing;
mod options;
mod partition;
mod position;
mod producer;
mod queue;
mod reach;
mod rebalance;
mod record;
mod settle;
mod tail;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use pathway_engine::project::Kafka;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use self::admin::{KafkaTopics, Made, PartitionState};

use self::context::Context;
use self::fetch::Fetcher;
use self::group::Group;
use self::member::Member;
use self::options::Options;
use self::producer::Producer;
use self::reach::Reachability;
use self::tail::Tail;
use super::{
    Answer, Bus, BusError, Consumer, Lag, NewRecord, Offset, Reach, Record, Start, Subscription, Work,
};
use crate::store::Store;

/// How long the threads may take to end.
const CLOSING: Duration = Duration::from_secs(10);

/// A bus in Apache Kafka.
#[derive(Debug)]
pub struct KafkaBus {
    options: Arc<Options>,
    store: Arc<dyn Store>,
    store_id: String,
    client: Context,
    producer: Producer,
    fetcher: Fetcher,
    /// What the newest member has.
    group: Mutex<Weak<Group>>,
    /// Members and readers that have not ended.
    tracker: TaskTracker,
}

impl KafkaBus {
    /// A bus as `kafka` says; `store` knows where to go on, and is `store_id` for others.
    ///
    /// Whether a broker answers is another question, see [`Bus::reach`].
    ///
    /// # Errors
    /// If the options make no sense.
    pub fn new(kafka: &Kafka, store: Arc<dyn Store>, store_id: String) -> Result<Self, BusError> {
        let options = Arc::new(Options::new(kafka).map_err(|error| BusError::Refused(error.to_string()))?);
        let client = Context { reach: Arc::new(Reachability::new(options.shown())) };
        let tracker = TaskTracker::new();
        let producer = Producer::new(options.clone(), client.clone())?;
        let fetcher = Fetcher::new(options.clone(), client.clone());
        Ok(Self { options, store, store_id, client, producer, fetcher, group: Mutex::default(), tracker })
    }

    fn member(&self, work: Vec<Work>) -> Result<Member, BusError> {
        let group = Group::new(
            self.client.clone(),
            self.options.clone(),
            (self.store.clone(), self.store_id.clone()),
            Handle::current(),
            work,
        );
        self.client.reach.joining(&self.options.group);
        let consumer = BaseConsumer::from_config_and_context(&self.options.member(), group)
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        *self.group.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(consumer.context());
        Member::start(consumer, self.client.clone(), self.tracker.token())
            .map_err(|error| BusError::Away(format!("a thread cannot be made: {error}")))
    }
}

impl Bus for KafkaBus {
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        Box::pin(async move { self.producer.publish(&records).await.into_iter().collect() })
    }

    fn publish_each(
        &self,
        records: Arc<Vec<NewRecord>>,
    ) -> futures_util::future::BoxFuture<'_, Vec<Result<Offset, BusError>>> {
        Box::pin(async move { self.producer.publish(&records).await })
    }

    fn subscribe(&self, topic: &str, start: Start) -> Answer<'_, Box<dyn Subscription>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            let token = self.tracker.token();
            let tail = Tail::start(&self.options, self.client.clone(), topic, start, token).await?;
            Ok(Box::new(tail) as Box<dyn Subscription>)
        })
    }

    fn consume(&self, topics: Vec<Work>) -> Answer<'_, Box<dyn Consumer>> {
        Box::pin(async move { Ok(Box::new(self.member(topics)?) as Box<dyn Consumer>) })
    }

    fn record(&self, topic: &str, partition: i32, offset: Offset) -> Answer<'_, Option<Record>> {
        let topic = topic.to_owned();
        Box::pin(async move { self.fetcher.record(&topic, partition, offset).await })
    }

    fn lags(&self, topics: Vec<String>) -> Answer<'_, Vec<Lag>> {
        Box::pin(async move {
            let group = self.group.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            let mut done = group.map(|group| group.done()).unwrap_or_default();
            done.retain(|(topic, _), _| topics.contains(topic));
            let ends = self.fetcher.ends(done.keys().cloned().collect()).await?;
            let lags = ends.into_iter().filter_map(|((topic, partition), end)| {
                let records = end - done.get(&(topic.clone(), partition))?;
                Some(Lag { topic, partition, records: u64::try_from(records).unwrap_or_default() })
            });
            Ok(lags.collect())
        })
    }

    fn reach(&self) -> watch::Receiver<Reach> {
        self.client.reach.subscribe()
    }

    fn close(&self) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(async move {
            self.tracker.close();
            if tokio::time::timeout(CLOSING, self.tracker.wait()).await.is_err() {
                tracing::warn!("the Kafka clients did not end in time");
            }
        })
    }
}

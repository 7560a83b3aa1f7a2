//! What a broker tells of topics, and topics to be made: for commands, not for serving.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pathway_engine::project::Kafka;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset as Place;
use tokio::task::spawn_blocking;

use super::super::{BusError, Offset};
use super::context::Context;
use super::error::is_passing;
use super::lookup::{self, Name};
use super::options::Options;
use super::reach::Reachability;

/// How long to listen for why nobody answered.
const HEARING: Duration = Duration::from_millis(200);
/// How long brokers may take to say what a group has committed, who have answered already: to the
/// first that asks for any group they make the topic in which they keep it.
const GATHERING: Duration = Duration::from_secs(60);
/// How long making topics may take.
const MAKING: Duration = Duration::from_secs(15);
/// The broker's default.
const DEFAULT: i32 = -1;

/// Topics in Apache Kafka, as a command sees them.
#[derive(Debug, Clone)]
pub struct KafkaTopics {
    options: Arc<Options>,
    client: Context,
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// Its number.
    pub number: i32,
    /// The oldest record that is kept.
    pub oldest: Offset,
    /// After the newest.
    pub end: Offset,
    /// What the group has committed.
    pub committed: Option<Offset>,
}

/// What became of a topic to be made: why it was not.
pub type Made = (String, Result<(), String>);

impl KafkaTopics {
    /// Topics where `kafka` says.
    ///
    /// # Errors
    /// If the options make no sense.
    pub fn new(kafka: &Kafka) -> Result<Self, BusError> {
        let options = Options::new(kafka).map_err(|error| BusError::Refused(error.to_string()))?;
        let client = Context { reach: Arc::new(Reachability::new(options.shown())) };
        Ok(Self { options: Arc::new(options), client })
    }

    /// The partitions of those of `topics` that are there.
    ///
    /// # Errors
    /// If no broker answers within a few seconds.
    pub async fn describe(
        &self,
        topics: Vec<String>,
    ) -> Result<BTreeMap<String, Vec<PartitionState>>, BusError> {
        let this = self.clone();
        let described = spawn_blocking(move || this.ask(&topics)).await;
        described.unwrap_or_else(|error| Err(BusError::Away(error.to_string())))
    }

    fn ask(&self, topics: &[String]) -> Result<BTreeMap<String, Vec<PartitionState>>, BusError> {
        let consumer = BaseConsumer::from_config_and_context(&self.options.reader(), self.client.clone())
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        let deadline = Instant::now() + lookup::PATIENCE;
        loop {
            let error = match self.states(&consumer, topics) {
                Ok(states) => return Ok(states),
                Err(error) => error,
            };
            // Why a broker could not be reached comes through polls.
            let until = Instant::now() + HEARING;
            while Instant::now() < until {
                drop(consumer.poll(HEARING));
            }
            match is_passing(&error) {
                true if Instant::now() < deadline => {}
                true => return Err(super::error::of_question(&error)),
                false => return Err(self.away(&error)),
            }
        }
    }

    fn states(
        &self,
        consumer: &BaseConsumer<Context>,
        topics: &[String],
    ) -> Result<BTreeMap<String, Vec<PartitionState>>, KafkaError> {
        let mut names: Vec<Name> = Vec::new();
        for topic in topics {
            let partitions = lookup::partitions(consumer, topic, lookup::PATIENCE)?;
            names.extend(partitions.into_iter().map(|number| (topic.clone(), number)));
        }
        let oldest = lookup::offsets(consumer, &names, Place::Beginning)?;
        let ends = lookup::offsets(consumer, &names, Place::End)?;
        let committed = lookup::committed(consumer, &names, GATHERING)?;
        let mut states: BTreeMap<String, Vec<PartitionState>> = BTreeMap::new();
        for name in names {
            let (Some(oldest), Some(end)) = (oldest.get(&name), ends.get(&name)) else { continue };
            let committed = committed.get(&name).map(|(offset, _)| *offset);
            let state = PartitionState { number: name.1, oldest: *oldest, end: *end, committed };
            states.entry(name.0).or_default().push(state);
        }
        Ok(states)
    }

    fn away(&self, error: &KafkaError) -> BusError {
        self.client.reach.answerless();
        match &*self.client.reach.subscribe().borrow() {
            Err(why) => BusError::Away(why.to_string()),
            Ok(()) => super::error::of_question(error),
        }
    }

    /// Makes topics; none for the broker's defaults. Where it is only tried, none is made.
    ///
    /// # Errors
    /// If no broker answers in time.
    pub async fn create(
        &self,
        topics: &[String],
        partitions: Option<i32>,
        replication: Option<i32>,
        is_tried: bool,
    ) -> Result<Vec<Made>, BusError> {
        let admin = AdminClient::from_config_and_context(&self.options.admin(), self.client.clone())
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        let (partitions, replication) = (partitions.unwrap_or(DEFAULT), replication.unwrap_or(DEFAULT));
        let new: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(replication)))
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(MAKING))
            .operation_timeout(Some(MAKING))
            .validate_only(is_tried);
        let made = admin.create_topics(&new, &options).await.map_err(|error| self.away(&error))?;
        let made = made.into_iter().map(|made| match made {
            Ok(topic) => (topic, Ok(())),
            Err((topic, code)) => (topic, Err(code.to_string())),
        });
        Ok(made.collect())
    }
}

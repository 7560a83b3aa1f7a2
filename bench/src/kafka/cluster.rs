//! The brokers that a benchmark is given: topics that are made and filled before, looked at while
//! it goes on, and read and removed after it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::order;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 6;
/// How long the brokers may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Before they are asked the same again.
const AGAIN: Duration = Duration::from_millis(100);

/// Brokers.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Cluster {
    /// A broker: HOST:PORT
    #[arg(long = "kafka", value_name = "SERVERS")]
    pub(crate) servers: String,
}

/// A name for a topic, and for its group, that nobody else has.
pub(crate) fn name(of: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("bench-{}-{}-{of}", since.as_micros(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Records as whoever fills a topic hands them in: n makes the `n`th.
pub(crate) struct Filling {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Cluster {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    /// One that takes part in no group.
    fn bystander(&self) -> Result<BaseConsumer, String> {
        let mut config = self.client();
        config.set("group.id", "bench").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "50");
        config.create().map_err(text)
    }

    /// Makes topics, with these settings.
    pub(crate) fn make(&self, topics: &[&str], settings: &[(&str, &str)]) -> Result<(), String> {
        let admin: AdminClient<DefaultClientContext> = self.client().create().map_err(text)?;
        let new: Vec<_> = topics
            .iter()
            .map(|name| {
                let new = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
                settings.iter().fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = block_on(admin.create_topics(&new, &options))?;
        for result in made.map_err(text)? {
            if let Err((topic, why)) = result {
                return Err(format!("topic `{topic}` cannot be made: {why}"));
            }
        }
        Ok(())
    }

    /// Removes topics.
    pub(crate) fn remove(&self, topics: &[&str]) -> Result<(), String> {
        let admin: AdminClient<DefaultClientContext> = self.client().create().map_err(text)?;
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        block_on(admin.delete_topics(topics, &options))?.map_err(text).map(|_each| ())
    }

    /// Fills a topic with `count` records; ready when the brokers have them.
    pub(crate) fn fill(&self, topic: &str, count: u64) -> Result<(), String> {
        let filling = self.filling(topic)?;
        (0..count).try_for_each(|n| filling.add(n))?;
        filling.end()
    }

    /// Begins to fill a topic; knows where its partitions are.
    pub(crate) fn filling(&self, topic: &str) -> Result<Filling, String> {
        let mut config = self.client();
        config.set("partitioner", "murmur2_random").set("linger.ms", "5").set("enable.idempotence", "true");
        config.set("queue.buffering.max.messages", "20000");
        let producer: ThreadedProducer<_> = config.create().map_err(text)?;
        producer.client().fetch_metadata(Some(topic), PATIENCE).map_err(text)?;
        Ok(Filling { producer, topic: topic.to_owned() })
    }

    /// Looks at how much a topic has.
    pub(crate) fn watch(&self, topic: &str) -> Result<Watch, String> {
        let mut places = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            places.add_partition_offset(topic, partition, Offset::End).map_err(text)?;
        }
        Ok(Watch { consumer: self.bystander()?, places })
    }

    /// All that a topic has, by partition and offset.
    pub(crate) fn read(&self, topic: &str) -> Result<Vec<Read>, String> {
        let expected = self.watch(topic)?.count()?;
        let consumer = self.bystander()?;
        let mut places = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            places.add_partition_offset(topic, partition, Offset::Beginning).map_err(text)?;
        }
        consumer.assign(&places).map_err(text)?;
        let mut read = Vec::new();
        let mut since = Instant::now();
        while read.len() < usize::try_from(expected).unwrap_or(usize::MAX) {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    since = Instant::now();
                    read.push(Read {
                        key: message.key().unwrap_or_default().to_vec(),
                        value: message.payload().unwrap_or_default().to_vec(),
                    });
                }
                _ if since.elapsed() < PATIENCE => {}
                _ => return Err(format!("`{topic}` cannot be read")),
            }
        }
        Ok(read)
    }
}

impl Filling {
    /// Hands in the `n`th input.
    pub(crate) fn add(&self, n: u64) -> Result<(), String> {
        self.write(&order::shop(n), &order::input(n))
    }

    /// Hands in a record; waits where the brokers are slower.
    pub(crate) fn write(&self, key: &str, value: &str) -> Result<(), String> {
        let mut record = BaseRecord::to(&self.topic).key(key).payload(value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    record = again;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(text(error)),
            }
        }
    }

    /// Waits until the brokers have all of them.
    pub(crate) fn end(self) -> Result<(), String> {
        self.producer.flush(PATIENCE).map_err(text)
    }
}

/// How much a topic has.
pub(crate) struct Watch {
    consumer: BaseConsumer,
    places: TopicPartitionList,
}

impl Watch {
    /// Records so far.
    pub(crate) fn count(&self) -> Result<u64, String> {
        let ends = self.ends().map_err(text)?;
        let ends = ends.elements().into_iter().map(|place| match place.offset() {
            Offset::Offset(end) => u64::try_from(end).map_err(text),
            other => Err(format!("the end of a topic is {other:?}")),
        });
        ends.sum()
    }

    /// Where the partitions end. One of a topic that was just made may have no leader yet.
    fn ends(&self) -> KafkaResult<TopicPartitionList> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.consumer.offsets_for_times(self.places.clone(), PATIENCE) {
                Err(_leaderless) if Instant::now() < deadline => std::thread::sleep(AGAIN),
                ends => return ends,
            }
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    Ok(runtime.block_on(work))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

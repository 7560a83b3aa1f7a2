//! A plain client of the broker: topics, records, and where groups stand.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::{Kafka, Message, Reader, Record, Writer, blocking};
use crate::{PATIENCE, soon};

impl Kafka {
    /// What every client of the broker begins with.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        // A broker that is restarted is found again at once.
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "200");
        config
    }

    /// Makes topics of that many partitions, unless they are there.
    ///
    /// # Panics
    /// If they cannot be made.
    pub async fn make(&self, topics: &[&str], partitions: i32) {
        self.make_with(topics, partitions, &[]).await;
    }

    /// Makes topics that are configured so, unless they are there.
    ///
    /// # Panics
    /// If they cannot be made.
    pub async fn make_with(&self, topics: &[&str], partitions: i32, options: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = created(self.client().create());
        let new = topics.iter().map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
            options.iter().fold(topic, |topic, (option, value)| topic.set(option, value))
        });
        let new: Vec<_> = new.collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = soon("the making of topics", admin.create_topics(&new, &options)).await;
        for result in created(made) {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, why)) => panic!("topic `{topic}` cannot be made: {why}"),
            }
        }
    }

    /// Writes records, in order; ready when the broker has all of them.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn write(&self, messages: impl IntoIterator<Item = Message>) {
        let writer = Writer::new(self);
        writer.write(messages).await;
        writer.close().await;
    }

    /// All records of the topic so far, partition after partition.
    ///
    /// # Panics
    /// If they cannot be read.
    pub async fn collect(&self, topic: &str) -> Vec<Record> {
        let kafka = self.clone();
        let name = topic.to_owned();
        let ends = blocking(move || kafka.ends(&name)).await;
        let expected: i64 = ends.iter().map(|(low, high)| high - low).sum();
        let mut reader = Reader::from_start(self, &[topic]).await;
        let mut records = Vec::new();
        for _ in 0..expected {
            records.push(reader.next().await);
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Oldest and next offset of each partition.
    fn ends(&self, topic: &str) -> Vec<(i64, i64)> {
        let consumer = self.bystander();
        let partitions = partitions(&consumer, topic);
        let ends = |partition| patiently(|| consumer.fetch_watermarks(topic, partition, PATIENCE));
        (0..partitions).map(ends).collect()
    }

    /// All that the broker keeps for anybody to read: keys, values and headers of every topic.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn dump(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for topic in self.topics().await {
            records.extend(self.collect(&topic).await);
        }
        records
    }

    /// The topics that there are.
    ///
    /// # Panics
    /// If the broker does not say.
    pub async fn topics(&self) -> Vec<String> {
        let kafka = self.clone();
        blocking(move || {
            let consumer = kafka.bystander();
            let metadata = patiently(|| consumer.fetch_metadata(None, PATIENCE));
            metadata.topics().iter().map(|topic| topic.name().to_owned()).collect()
        })
        .await
    }

    /// Where a group goes on in each partition of a topic; none where it has not said.
    ///
    /// # Panics
    /// If the broker does not say.
    pub async fn committed(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let (kafka, group, topic) = (self.clone(), group.to_owned(), topic.to_owned());
        blocking(move || {
            let consumer: BaseConsumer = created(kafka.client().set("group.id", &group).create());
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&topic, 0, partitions(&consumer, &topic) - 1);
            let committed = patiently(|| consumer.committed_offsets(list.clone(), PATIENCE));
            let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
            committed.elements().iter().map(|it| offset(it.offset())).collect()
        })
        .await
    }

    /// Lets a group, which has no members, go on at these offsets.
    ///
    /// # Panics
    /// If the broker does not take them.
    pub async fn commit(&self, group: &str, topic: &str, offsets: &[i64]) {
        let (kafka, group, topic) = (self.clone(), group.to_owned(), topic.to_owned());
        let offsets = offsets.to_vec();
        blocking(move || {
            let consumer: BaseConsumer = created(kafka.client().set("group.id", &group).create());
            let mut list = TopicPartitionList::new();
            for (partition, offset) in (0..).zip(offsets) {
                created(list.add_partition_offset(&topic, partition, Offset::Offset(offset)));
            }
            patiently(|| consumer.commit(&list, rdkafka::consumer::CommitMode::Sync));
        })
        .await;
    }

    /// A consumer that takes part in no group.
    pub(super) fn bystander(&self) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", "bystander").set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "50");
        config.set("fetch.message.max.bytes", "20000000");
        created(config.create())
    }
}

pub(super) fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let found = patiently(|| {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
        match metadata.topics().first().map_or(0, |topic| topic.partitions().len()) {
            0 => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition)),
            found => Ok(found),
        }
    });
    i32::try_from(found).unwrap_or(i32::MAX)
}

pub(super) fn created<T>(result: rdkafka::error::KafkaResult<T>) -> T {
    match result {
        Ok(made) => made,
        Err(error) => panic!("the broker: {error}"),
    }
}

/// Asks again where a partition has only just been made or a broker has only just come back, which
/// nobody tells.
fn patiently<T>(ask: impl Fn() -> rdkafka::error::KafkaResult<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(_) if Instant::now() < until => std::thread::sleep(LOOK),
            Err(error) => panic!("the broker: {error}"),
        }
    }
}

/// How long a client looks for news before it looks whether it is still wanted.
pub(super) const LOOK: Duration = Duration::from_millis(100);

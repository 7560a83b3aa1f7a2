//! Writes records, as one client that stays, whatever becomes of the broker.

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use tokio::sync::oneshot;

use super::client::created;
use super::{Kafka, Message, blocking};
use crate::soon;

/// A producer.
pub struct Writer(ThreadedProducer<Deliveries>);

impl Writer {
    /// One of its own.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(kafka: &Kafka) -> Self {
        let mut config = kafka.client();
        config.set("enable.idempotence", "true").set("partitioner", "murmur2_random");
        config.set("message.max.bytes", "20000000").set("linger.ms", "1");
        Self(created(config.create_with_context(Deliveries)))
    }

    /// Writes records, in order; ready when the broker has all of them.
    ///
    /// # Panics
    /// If one is refused.
    pub async fn write(&self, messages: impl IntoIterator<Item = Message>) {
        let sent: Vec<_> = messages.into_iter().map(|message| send(&self.0, &message)).collect();
        for sent in sent {
            match soon("the broker to take a record", sent).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => panic!("a record was refused: {why}"),
                Err(_dropped) => panic!("the producer was dropped"),
            }
        }
    }

    /// Ready when it is gone.
    pub async fn close(self) {
        // Dropping it waits for its thread.
        blocking(move || drop(self)).await;
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Writer")
    }
}

/// Tells whoever sent a record what became of it.
struct Deliveries;

type Delivered = oneshot::Sender<Result<(), String>>;

impl rdkafka::ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivered>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Self::DeliveryOpaque) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| error.to_string());
        // Who no longer waits has failed already.
        told.send(result).ok();
    }
}

fn send(producer: &ThreadedProducer<Deliveries>, message: &Message) -> oneshot::Receiver<Result<(), String>> {
    let (told, sent) = oneshot::channel();
    let mut record: BaseRecord<'_, Vec<u8>, Vec<u8>, _> =
        BaseRecord::with_opaque_to(&message.topic, Box::new(told));
    record.key = message.key.as_ref();
    record.payload = message.value.as_ref();
    if !message.headers.is_empty() {
        let headers = message.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(value) })
        });
        record = record.headers(headers);
    }
    if let Err((error, _)) = producer.send(record) {
        panic!("a record cannot be sent: {error}");
    }
    sent
}

//! Publishing: an idempotent producer, and a thread that hears what became of the records.
//!
//! What is under way is bounded by bytes before the client sees it, so that whoever publishes
//! waits instead of failing. The thread also finds out when brokers that were away are back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use tokio::sync::Semaphore;

use super::super::{BusError, NewRecord, Offset};
use super::context::Context;
use super::delivery::{Batch, Delivery};
use super::options::Options;

/// Bytes of records under way.
const UNDER_WAY: u32 = 64 << 20;
/// What a record takes beside its bytes, roughly: it bounds how many are under way too.
const OVERHEAD: usize = 512;
/// How long the thread waits for something to hear. The client spins through the last millisecond
/// of a wait, so there should be few.
const POLL: Duration = Duration::from_secs(1);
/// How long brokers that are away are asked, and left in peace between.
const PROBE: Duration = Duration::from_secs(1);
/// Before a record is offered again to a client that takes no more for now.
const FULL: Duration = Duration::from_millis(5);

/// Publishes.
#[derive(Debug)]
pub(super) struct Producer {
    options: Arc<Options>,
    client: Context,
    room: Arc<Semaphore>,
    /// Replaced when it can do nothing more.
    current: Mutex<Arc<Running>>,
}

/// A client with its thread, until it is dropped.
struct Running {
    producer: Arc<BaseProducer<Told>>,
    stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}

impl Producer {
    pub(super) fn new(options: Arc<Options>, client: Context) -> Result<Self, BusError> {
        let running = Running::start(&options, client.clone())?;
        let room = Arc::new(Semaphore::new(UNDER_WAY as usize));
        Ok(Self { options, client, room, current: Mutex::new(Arc::new(running)) })
    }

    /// Publishes records; one answer each, in order.
    pub(super) async fn publish(&self, records: &[NewRecord]) -> Vec<Result<Offset, BusError>> {
        let bytes: usize = records.iter().map(size).sum();
        let permits = u32::try_from(bytes).unwrap_or(UNDER_WAY).min(UNDER_WAY);
        let Ok(permit) = self.room.clone().acquire_many_owned(permits).await else {
            return vec![Err(super::error::closed()); records.len()];
        };
        let running = match self.running() {
            Ok(running) => running,
            Err(error) => return vec![Err(error); records.len()],
        };
        let (batch, done) = Batch::new(records.len(), permit);
        for (index, record) in records.iter().enumerate() {
            let mut delivery = Box::new(Delivery::new(batch.clone(), index));
            while let Err((error, rejected)) = running.send(record, delivery) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    rejected.settle(Err(super::error::of_delivery(&error, &record.topic)));
                    break;
                }
                delivery = rejected;
                tokio::time::sleep(FULL).await;
            }
        }
        drop(batch);
        done.await
    }

    /// The client, made anew if it can do nothing more.
    fn running(&self) -> Result<Arc<Running>, BusError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = current.producer.client().fatal_error() {
            tracing::error!(%code, reason, "the Kafka producer is made anew");
            *current = Arc::new(Running::start(&self.options, self.client.clone())?);
        }
        Ok(current.clone())
    }
}

impl Running {
    fn start(options: &Options, client: Context) -> Result<Self, BusError> {
        let reach = client.reach.clone();
        let producer = BaseProducer::from_config_and_context(&options.producer(), Told { client })
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        let (producer, stop) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let running = Self { producer: producer.clone(), stop: stop.clone() };
        let thread = std::thread::Builder::new().name("kafka-producer".to_owned()).spawn(move || {
            let mut probed: Option<Instant> = None;
            while !stop.load(Ordering::Relaxed) {
                producer.poll(POLL);
                if reach.is_away() && probed.is_none_or(|at| at.elapsed() >= PROBE) {
                    if producer.client().fetch_metadata(None, PROBE).is_ok() {
                        reach.answered();
                    }
                    probed = Some(Instant::now());
                }
            }
        });
        match thread {
            Ok(_) => Ok(running),
            Err(error) => Err(BusError::Away(format!("a thread cannot be made: {error}"))),
        }
    }

    fn send(&self, record: &NewRecord, delivery: Box<Delivery>) -> Result<(), (KafkaError, Box<Delivery>)> {
        // Kafka takes nothing from the future, where a clock that was set back since may have put it.
        let time = record.time.min(Timestamp::now().as_millisecond());
        let mut message: BaseRecord<'_, [u8], [u8], Box<Delivery>> =
            BaseRecord::with_opaque_to(&record.topic, delivery).timestamp(time);
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            message.headers = Some(record.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value.as_slice()) })
            }));
        }
        self.producer.send(message).map_err(|(error, message)| (error, message.delivery_opaque))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn size(record: &NewRecord) -> usize {
    OVERHEAD + record.size() + 64 * record.headers.len()
}

/// What the producer tells.
struct Told {
    client: Context,
}

impl ClientContext for Told {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ProducerContext for Told {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        use rdkafka::message::Message;
        delivery.settle(match result {
            Ok(message) => Ok(message.offset()),
            Err((error, message)) => Err(super::error::of_delivery(error, message.topic())),
        });
    }
}

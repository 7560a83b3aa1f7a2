//! Questions to the brokers that come now and then: one record by its place, or where partitions end.
//! Whoever asks often, as when many runs are parked at once, is served by
//! one client on one thread, which ends when nobody has asked for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset as Place;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::super::{BusError, Offset, Record};
use super::context::Context;
use super::error::{is_out_of_range, of_question};
use super::lookup::{Name, PATIENCE, offsets};
use super::options::Options;
use super::record::record;

/// Questions that may wait.
const WAITING: usize = 64;
/// How long a record may take to come.
const LONGEST: Duration = Duration::from_secs(10);
/// How long the thread waits for another question.
const IDLE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Looks records up.
#[derive(Debug)]
pub(super) struct Fetcher {
    options: Arc<Options>,
    client: Context,
    questions: Mutex<Option<mpsc::Sender<Question>>>,
}

#[derive(Debug)]
enum Question {
    Record(Wanted),
    Ends { partitions: Vec<Name>, answer: oneshot::Sender<Result<BTreeMap<Name, Offset>, BusError>> },
}

/// A record that is asked for.
#[derive(Debug)]
struct Wanted {
    topic: String,
    partition: i32,
    offset: Offset,
    answer: oneshot::Sender<Result<Option<Record>, BusError>>,
}

impl Fetcher {
    pub(super) fn new(options: Arc<Options>, client: Context) -> Self {
        Self { options, client, questions: Mutex::default() }
    }

    /// A record, if it is still kept.
    pub(super) async fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Result<Option<Record>, BusError> {
        let (answer, answered) = oneshot::channel();
        let wanted = Wanted { topic: topic.to_owned(), partition, offset, answer };
        self.ask(Question::Record(wanted)).await?;
        answered.await.unwrap_or_else(|_| Err(super::error::closed()))
    }

    /// Where partitions end.
    pub(super) async fn ends(&self, partitions: Vec<Name>) -> Result<BTreeMap<Name, Offset>, BusError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Question::Ends { partitions, answer }).await?;
        answered.await.unwrap_or_else(|_| Err(super::error::closed()))
    }

    async fn ask(&self, mut question: Question) -> Result<(), BusError> {
        loop {
            // The thread may have ended just now.
            match self.questions()?.send(question).await {
                Ok(()) => return Ok(()),
                Err(mpsc::error::SendError(back)) => question = back,
            }
        }
    }

    fn questions(&self) -> Result<mpsc::Sender<Question>, BusError> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(questions) = questions.as_ref().filter(|questions| !questions.is_closed()) {
            return Ok(questions.clone());
        }
        let consumer = BaseConsumer::from_config_and_context(&self.options.reader(), self.client.clone())
            .map_err(|error| BusError::Away(format!("a Kafka client cannot be made: {error}")))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("kafka-fetch".to_owned())
            .spawn(move || serve(&consumer, receiver, &runtime))
            .map_err(|error| BusError::Away(format!("a thread cannot be made: {error}")))?;
        *questions = Some(sender.clone());
        Ok(sender)
    }
}

fn serve(consumer: &BaseConsumer<Context>, mut questions: mpsc::Receiver<Question>, runtime: &Handle) {
    // Whoever asked may have left.
    let answer = |question: Question| match question {
        Question::Record(wanted) => {
            let found = fetch(consumer, &wanted);
            drop(wanted.answer.send(found));
        }
        Question::Ends { partitions, answer } => {
            let ends = offsets(consumer, &partitions, Place::End).map_err(|error| of_question(&error));
            drop(answer.send(ends));
        }
    };
    while let Ok(Some(question)) =
        runtime.block_on(async { tokio::time::timeout(IDLE, questions.recv()).await })
    {
        answer(question);
    }
    questions.close();
    while let Ok(question) = questions.try_recv() {
        answer(question);
    }
}

fn fetch(consumer: &BaseConsumer<Context>, question: &Wanted) -> Result<Option<Record>, BusError> {
    let Wanted { topic, partition, offset, .. } = question;
    match consumer.fetch_watermarks(topic, *partition, PATIENCE) {
        Ok((oldest, end)) if (oldest..end).contains(offset) => {}
        Ok(_) => return Ok(None),
        Err(error) if is_nowhere(&error) => return Ok(None),
        Err(error) => return Err(of_question(&error)),
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, *partition, Place::Offset(*offset))
        .and_then(|()| consumer.assign(&list))
        .map_err(|error| of_question(&error))?;
    let found = wait(consumer, question);
    if let Err(error) = consumer.unassign() {
        tracing::debug!(%error, "a partition was not given up");
    }
    found
}

fn wait(consumer: &BaseConsumer<Context>, question: &Wanted) -> Result<Option<Record>, BusError> {
    let deadline = Instant::now() + LONGEST;
    while Instant::now() < deadline && !question.answer.is_closed() {
        match consumer.poll(POLL) {
            Some(Ok(message))
                if message.topic() == question.topic
                    && message.partition() == question.partition
                    && message.offset() >= question.offset =>
            {
                // The next one comes where compaction has removed it.
                return Ok((message.offset() == question.offset).then(|| record(&message)));
            }
            Some(Err(error)) if is_out_of_range(&error) => return Ok(None),
            _ => {}
        }
    }
    Err(BusError::Away("Kafka did not answer in time".to_owned()))
}

fn is_nowhere(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

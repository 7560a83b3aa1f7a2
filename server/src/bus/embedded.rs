//! The bus inside the store: a topic is a table's worth of records, with one partition.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{
    Answer, Batch, Bus, BusError, Consumer, EMBEDDED_PARTITION, Lag, NewRecord, Offset, Partition, Positions,
    Reach, Record, Start, Subscription, Truth, Work,
};
use crate::store::{Admit, Millis, Store, Watch};

/// A bus that needs nothing but the store.
#[derive(Debug, Clone)]
pub struct EmbeddedBus {
    store: Arc<dyn Store>,
    reach: watch::Sender<Reach>,
}

impl EmbeddedBus {
    /// The bus in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reach: watch::Sender::new(Ok(())) }
    }

    async fn position(&self, topic: &str, start: Start) -> Result<Offset, BusError> {
        Ok(match start {
            Start::Oldest => 0,
            Start::At(positions) => positions.get(&EMBEDDED_PARTITION).copied().unwrap_or(0),
            Start::Since(time) => self.since(topic, time).await?,
            Start::End => self.store.end_offset(topic, EMBEDDED_PARTITION).await?,
        })
    }

    /// Where the work on a topic goes on. It is noted that there is some: what was not worked on is
    /// not forgotten.
    async fn begin(&self, topic: &str) -> Result<Offset, BusError> {
        if let Some(next) = self.store.next_offset(topic, EMBEDDED_PARTITION).await? {
            return Ok(next);
        }
        let (topic, partition, runs) = (topic.to_owned(), EMBEDDED_PARTITION, Vec::new());
        self.store
            .admit(Admit {
                topic,
                partition,
                proof: None,
                from_offset: 0,
                next_offset: 0,
                received: Vec::new(),
                runs,
            })
            .await?;
        Ok(0)
    }

    /// The offset of the first record made at `time` or later. Records lie in the order of their
    /// times, so halving finds it.
    async fn since(&self, topic: &str, time: Millis) -> Result<Offset, BusError> {
        let mut from = 0;
        let mut end = self.store.end_offset(topic, EMBEDDED_PARTITION).await?;
        while from < end {
            let middle = from + (end - from) / 2;
            let found = self.store.records(topic, EMBEDDED_PARTITION, middle, 1, 1).await?;
            match found.first() {
                Some(record) if record.time < time => from = record.offset + 1,
                _ => end = middle,
            }
        }
        Ok(from)
    }

    fn reader(&self, topic: &str, position: Offset) -> Reader {
        let watch = self.store.watch_topic(topic);
        Reader { store: Arc::clone(&self.store), topic: topic.to_owned(), position, watch }
    }
}

impl Bus for EmbeddedBus {
    fn lags(&self, topics: Vec<String>) -> Answer<'_, Vec<Lag>> {
        Box::pin(async move {
            let mut lags = Vec::with_capacity(topics.len());
            for topic in topics {
                let next = self.store.next_offset(&topic, EMBEDDED_PARTITION).await?.unwrap_or_default();
                let end = self.store.end_offset(&topic, EMBEDDED_PARTITION).await?;
                let records = u64::try_from(end - next).unwrap_or_default();
                lags.push(Lag { topic, partition: EMBEDDED_PARTITION, records });
            }
            Ok(lags)
        })
    }

    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        Box::pin(async move { Ok(self.store.publish(records).await?) })
    }

    fn subscribe(&self, topic: &str, start: Start) -> Answer<'_, Box<dyn Subscription>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            let position = self.position(&topic, start).await?;
            Ok(Box::new(self.reader(&topic, position)) as Box<dyn Subscription>)
        })
    }

    fn consume(&self, topics: Vec<Work>) -> Answer<'_, Box<dyn Consumer>> {
        Box::pin(async move {
            let (assign, assigned) = mpsc::unbounded_channel();
            for Work { topic, truth } in topics {
                let position = self.begin(&topic).await?;
                let done = watch::Sender::new(position);
                if truth == Truth::Bus {
                    tokio::spawn(commit(self.store.clone(), topic.clone(), done.subscribe()));
                }
                // The receiver is right here.
                drop(assign.send(Share { reader: self.reader(&topic, position), done }));
            }
            Ok(Box::new(Member { assigned, _assign: assign }) as Box<dyn Consumer>)
        })
    }

    fn takes_more_work(&self) -> bool {
        true
    }

    fn record(&self, topic: &str, partition: i32, offset: Offset) -> Answer<'_, Option<Record>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            let records = self.store.records(&topic, partition, offset, 1, usize::MAX).await?;
            Ok(records.into_iter().find(|record| record.offset == offset))
        })
    }

    fn reach(&self) -> watch::Receiver<Reach> {
        self.reach.subscribe()
    }
}

/// The only member there is: everything is its to work on.
#[derive(Debug)]
struct Member {
    assigned: mpsc::UnboundedReceiver<Share>,
    /// Kept, so that waiting for more never ends.
    _assign: mpsc::UnboundedSender<Share>,
}

impl Consumer for Member {
    fn assigned(&mut self) -> Answer<'_, Box<dyn Partition>> {
        Box::pin(async move {
            match self.assigned.recv().await {
                Some(share) => Ok(Box::new(share) as Box<dyn Partition>),
                None => std::future::pending().await,
            }
        })
    }
}

#[derive(Debug)]
struct Reader {
    store: Arc<dyn Store>,
    topic: String,
    position: Offset,
    watch: Watch,
}

impl Reader {
    async fn next(&mut self, max: u32, max_bytes: usize) -> Result<Batch, BusError> {
        loop {
            self.watch.mark();
            let records = self
                .store
                .records(&self.topic, EMBEDDED_PARTITION, self.position, max.max(1), max_bytes)
                .await?;
            if let Some(last) = records.last() {
                let from_offset = self.position;
                self.position = last.offset + 1;
                return Ok(Batch {
                    partition: EMBEDDED_PARTITION,
                    from_offset,
                    next_offset: self.position,
                    records,
                });
            }
            self.watch.changed().await?;
        }
    }
}

impl Subscription for Reader {
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Batch> {
        Box::pin(self.next(max, max_bytes))
    }

    fn positions(&self) -> Positions {
        Positions::from([(EMBEDDED_PARTITION, self.position)])
    }
}

/// A topic that is worked on.
#[derive(Debug)]
struct Share {
    reader: Reader,
    done: watch::Sender<Offset>,
}

impl Partition for Share {
    fn topic(&self) -> &str {
        &self.reader.topic
    }

    fn number(&self) -> i32 {
        EMBEDDED_PARTITION
    }

    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Option<Batch>> {
        Box::pin(async move { self.reader.next(max, max_bytes).await.map(Some) })
    }

    fn done(&self, next: Offset) {
        self.done.send_replace(next);
    }
}

/// Keeps what is done of a topic of which the store knows nothing else, until the work on it ends.
async fn commit(store: Arc<dyn Store>, topic: String, mut done: watch::Receiver<Offset>) {
    let mut from_offset = *done.borrow_and_update();
    while done.changed().await.is_ok() {
        let next_offset = *done.borrow_and_update();
        let (topic, partition) = (topic.clone(), EMBEDDED_PARTITION);
        let admit = Admit {
            topic,
            partition,
            proof: None,
            from_offset,
            next_offset,
            received: Vec::new(),
            runs: Vec::new(),
        };
        if let Err(error) = store.admit(admit).await {
            tracing::error!(%error, "what is done of a topic is not kept");
            return;
        }
        from_offset = next_offset;
    }
}

//! The bus inside the store: a topic is a table's worth of records, with one partition.

use std::sync::Arc;

use super::{Answer, Batch, Bus, BusError, EMBEDDED_PARTITION, NewRecord, Offset, Start, Subscription};
use crate::store::{Store, Watch};

/// A bus that needs nothing but the store.
#[derive(Debug, Clone)]
pub struct EmbeddedBus {
    store: Arc<dyn Store>,
}

impl EmbeddedBus {
    /// The bus in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    async fn position(&self, topic: &str, start: Start) -> Result<Offset, BusError> {
        Ok(match start {
            Start::Admitted => self.store.next_offset(topic, EMBEDDED_PARTITION).await?.unwrap_or(0),
            Start::Oldest => 0,
            Start::Offset(offset) => offset,
            Start::End => self.store.end_offset(topic, EMBEDDED_PARTITION).await?,
        })
    }
}

impl Bus for EmbeddedBus {
    fn publish(&self, records: Vec<NewRecord>) -> Answer<'_, Vec<Offset>> {
        Box::pin(async move { Ok(self.store.publish(records).await?) })
    }

    fn subscribe(&self, topic: &str, start: Start) -> Answer<'_, Box<dyn Subscription>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            let position = self.position(&topic, start).await?;
            let watch = self.store.watch_topic(&topic);
            let store = Arc::clone(&self.store);
            Ok(Box::new(Reader { store, topic, position, watch }) as Box<dyn Subscription>)
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

impl Subscription for Reader {
    fn next_batch(&mut self, max: u32, max_bytes: usize) -> Answer<'_, Batch> {
        Box::pin(async move {
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
        })
    }
}

//! The relay: what runs have sent goes from the outbox to the bus, in order per topic and key.
//!
//! A record is sent at least once, always with the same message id. One that the bus will never
//! take stays in the outbox and stops those behind it with its topic and key, and no others.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::outgoing::without_value;
use crate::bus::{BusError, is_dead_letters};
use crate::store::{Home, NewRecord, Outgoing, Settle, StoreError};

/// Records that are sent together.
const PAGE: u32 = 2000;
/// Bytes of them.
const PAGE_BYTES: usize = 8 << 20;
/// Before a bus that is away is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// A topic and a key: what order is kept in.
type Stretch = (String, Vec<u8>);

impl Inner {
    /// Sends what comes until it is told to end and nothing is left.
    pub(super) async fn relay(self: Arc<Self>) {
        if let Err(error) = self.relay_all().await {
            self.fatal(&error.to_string());
        }
    }

    async fn relay_all(&self) -> Result<(), StoreError> {
        let mut watch = self.store.watch_outbox();
        let mut holdings = self.holdings.subscribe();
        let mut stopped: HashSet<Stretch> = HashSet::new();
        let mut after = 0;
        loop {
            watch.mark();
            // What the runs of a partition sent before it became ours is behind what we have sent.
            if holdings.has_changed().unwrap_or(false) {
                after = 0;
            }
            let homes: Vec<Home> = holdings.borrow_and_update().keys().cloned().collect();
            let page = self.ours(&homes, after, PAGE, PAGE_BYTES).await?;
            let Some(last) = page.last() else {
                tokio::select! {
                    biased;
                    changed = watch.changed() => { changed?; }
                    // It lives as long as we do.
                    _ = holdings.changed() => after = 0,
                    () = self.flush.cancelled() => return Ok(()),
                }
                continue;
            };
            after = last.id;
            let settle = self.send_page(page, &homes, &mut stopped).await?;
            self.store.settle(settle).await?;
        }
    }

    /// What is to be sent by this process: all, or what runs of these partitions sent.
    async fn ours(
        &self,
        homes: &[Home],
        after: i64,
        limit: u32,
        max_bytes: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        match self.store.is_shared() {
            true => self.store.outbox_of(homes, after, limit, max_bytes).await,
            false => self.store.outbox(after, limit, max_bytes).await,
        }
    }

    async fn send_page(
        &self,
        page: Vec<Outgoing>,
        homes: &[Home],
        stopped: &mut HashSet<Stretch>,
    ) -> Result<Settle, StoreError> {
        let first = page.first().map_or(0, |each| each.id);
        let length = u32::try_from(page.len()).unwrap_or(u32::MAX);
        let (mut sent, mut records) = (Vec::new(), Vec::with_capacity(page.len()));
        for Outgoing { id, record, refused } in page {
            if refused.is_some() {
                stopped.extend(stretch(&record));
            } else if !stretch(&record).is_some_and(|stretch| stopped.contains(&stretch)) {
                extend(&mut sent, id);
                records.push(record);
            }
        }
        if records.is_empty() {
            return Ok(Settle::default());
        }
        match self.bus.publish(records).await {
            Ok(_) => Ok(Settle { sent, refused: Vec::new() }),
            Err(BusError::Store(error)) => Err(error),
            Err(error) => {
                tracing::debug!(%error, "records are sent again, one by one");
                let page = self.ours(homes, first - 1, length, usize::MAX).await?;
                self.send_each(page, stopped).await
            }
        }
    }

    /// Sends one by one, to learn which of them the bus refuses.
    async fn send_each(
        &self,
        page: Vec<Outgoing>,
        stopped: &mut HashSet<Stretch>,
    ) -> Result<Settle, StoreError> {
        let mut settle = Settle::default();
        for Outgoing { id, record, refused } in page {
            let stretch = stretch(&record);
            if refused.is_some() {
                // Another process has learnt it meanwhile.
                stopped.extend(stretch);
                continue;
            }
            if stretch.as_ref().is_some_and(|stretch| stopped.contains(stretch)) {
                continue;
            }
            let topic = record.topic.clone();
            match self.publish_patiently(record).await? {
                Ok(()) => settle.sent.push((id, id)),
                Err(why) => {
                    tracing::error!(topic, id, why, "a record is kept back: the bus will never take it");
                    stopped.extend(stretch);
                    settle.refused.push((id, why));
                }
            }
        }
        Ok(settle)
    }

    /// Publishes a record, however long the bus is away; the inner error says why it never will be.
    pub(super) async fn publish_patiently(
        &self,
        mut record: NewRecord,
    ) -> Result<Result<(), String>, StoreError> {
        loop {
            match self.bus.publish(vec![record.clone()]).await {
                Ok(_) => return Ok(Ok(())),
                Err(BusError::Store(error)) => return Err(error),
                Err(BusError::TooLarge(_)) if is_dead_letters(&record.topic) && record.value.is_some() => {
                    record = without_value(record);
                }
                Err(BusError::Refused(why) | BusError::TooLarge(why)) => return Ok(Err(why)),
                Err(BusError::Away(why)) => {
                    tracing::warn!(topic = record.topic, why, "a record cannot be sent now; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

/// None for records without a key, which are in no order.
fn stretch(record: &NewRecord) -> Option<Stretch> {
    record.key.clone().map(|key| (record.topic.clone(), key))
}

/// Adds a number to stretches of numbers. What lies between two of ours may be another process's.
fn extend(stretches: &mut Vec<(i64, i64)>, id: i64) {
    match stretches.last_mut() {
        Some((_, last)) if *last + 1 == id => *last = id,
        _ => stretches.push((id, id)),
    }
}

//! What is asked when somebody scrapes or looks on, and the page that comes of it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use super::Requests;
use super::snapshot::{Kept, Snapshot};
use crate::bus::{Bus, Lag};
use crate::clock::Clock;
use crate::runner::Runner;
use crate::store::{Millis, Store, StoreError};

/// How long the bus may take to say how far behind work is; after that the page is without.
const PATIENCE: Duration = Duration::from_secs(3);
/// Messages for runs that are counted.
const MESSAGES: u32 = 1000;

/// Whom to ask.
#[derive(Debug)]
pub struct Scrape {
    /// Runs and what they send.
    pub store: Arc<dyn Store>,
    /// Topics.
    pub bus: Arc<dyn Bus>,
    /// What is under way.
    pub runner: Runner,
    /// What the gateway has answered.
    pub requests: Arc<Requests>,
    /// Tells the time.
    pub clock: Clock,
}

impl Scrape {
    /// The page: OpenMetrics 1.0, text.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn page(&self) -> Result<String, StoreError> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.snapshot().await?));
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ok = text::encode(&mut page, &registry);
        Ok(page)
    }

    /// What is the case now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            runner: self.runner.clone(),
            requests: self.requests.clone(),
            kept: self.kept().await?,
            lags: self.lags().await,
        })
    }

    async fn kept(&self) -> Result<Kept, StoreError> {
        let counts = self.store.unfinished_counts().await?;
        let oldest = self.store.outbox(0, 1, 1).await?;
        let unreceived = self.store.unreceived(MESSAGES).await?;
        Ok(Kept {
            ready: counts.ready,
            parked: counts.parked,
            outbox_age: self.age(oldest.first().map(|first| first.record.time)),
            messages: unreceived.messages,
            inbox_age: self.age(unreceived.oldest),
        })
    }

    /// How old is what was left then; 0 if there is nothing.
    fn age(&self, at: Option<Millis>) -> Duration {
        let millis = at.map_or(0, |at| self.clock.millis().saturating_sub(at));
        Duration::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    async fn lags(&self) -> Vec<Lag> {
        match tokio::time::timeout(PATIENCE, self.bus.lags(self.runner.topics())).await {
            Ok(Ok(lags)) => lags,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the bus does not say how far behind work is");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }
}

//! What every client tells: lines for the log and errors that concern no call.

use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;

use super::reach::Reachability;

/// What a client is told with.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) reach: Arc<Reachability>,
}

impl ClientContext for Context {
    /// The library repeats itself for every attempt: what matters comes as an error, too.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reach.error(&error, reason);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn stats_raw(&self, _statistics: &[u8]) {}
}

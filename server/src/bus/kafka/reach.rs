//! Whether Kafka can be reached and has given out work: what the clients hear, put together. Each
//! change is logged once, however often a client tries in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::watch;

use super::super::Reach;

/// Why no broker answers, before it was heard.
const UNKNOWN: &str = "no broker answers";

/// What is known.
#[derive(Debug)]
pub(super) struct Reachability {
    servers: String,
    known: Mutex<Known>,
    reach: watch::Sender<Reach>,
}

#[derive(Debug, Default)]
struct Known {
    /// Since when, and why.
    away: Option<(Timestamp, Arc<str>)>,
    /// What was last heard of a broker that could not be reached.
    heard: Option<Arc<str>>,
    /// What Kafka refuses this client.
    denied: Option<Arc<str>>,
    /// The group that is being joined.
    joining: Option<Arc<str>>,
    /// Partitions that are left alone, and why.
    halted: BTreeMap<(String, i32), Arc<str>>,
}

impl Reachability {
    /// Nothing was heard yet.
    pub(super) fn new(servers: &str) -> Self {
        let away = (Timestamp::now(), UNKNOWN.into());
        let known = Known { away: Some(away), ..Known::default() };
        let reach = watch::Sender::new(known.reach(servers));
        Self { servers: servers.to_owned(), known: Mutex::new(known), reach }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Reach> {
        self.reach.subscribe()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        change(&mut known);
        let now = known.reach(&self.servers);
        let is_halted = known.is_halted();
        self.reach.send_if_modified(|reach| {
            if *reach == now {
                return false;
            }
            match &now {
                Ok(()) => tracing::info!(servers = self.servers, "Kafka is reached"),
                // What is left alone is told partition by partition.
                Err(_) if is_halted => {}
                Err(why) => tracing::warn!("{why}"),
            }
            *reach = now;
            true
        });
    }

    /// Whether it is worth asking if the brokers are back.
    pub(super) fn is_away(&self) -> bool {
        self.known().away.is_some()
    }

    /// A broker has answered.
    pub(super) fn answered(&self) {
        self.update(|known| {
            known.away = None;
            known.heard = None;
        });
    }

    /// Nobody has answered for long enough: why is what was last heard.
    pub(super) fn answerless(&self) {
        self.error(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), UNKNOWN);
    }

    /// A client tells of an error.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        match code {
            RDKafkaErrorCode::AllBrokersDown => self.update(|known| {
                let (_, why) = known.away.get_or_insert_with(|| (Timestamp::now(), UNKNOWN.into()));
                // The first reason stays: each broker has its own.
                if **why == *UNKNOWN {
                    why.clone_from(known.heard.get_or_insert_with(|| UNKNOWN.into()));
                }
            }),
            RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::Resolve => {
                self.known().heard = Some(plain(reason).into());
            }
            RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::SaslAuthenticationFailed => self.update(|known| {
                let since = known.away.as_ref().map_or_else(Timestamp::now, |(since, _)| *since);
                known.away = Some((since, plain(reason).into()));
            }),
            _ if is_denial(code) => {
                self.denied(&format!("Kafka at {} refuses this client: {reason}", self.servers));
            }
            _ => tracing::debug!(%code, reason, "the Kafka client tells of an error"),
        }
    }

    /// Kafka refuses this client something that it cannot do without.
    pub(super) fn denied(&self, why: &str) {
        self.update(|known| known.denied = Some(why.into()));
    }

    /// A group is being joined.
    pub(super) fn joining(&self, group: &str) {
        self.update(|known| known.joining = Some(group.into()));
    }

    /// Work was given out.
    pub(super) fn assigned(&self) {
        self.update(|known| {
            *known = Known { halted: std::mem::take(&mut known.halted), ..Known::default() };
        });
    }

    /// Nobody works any more.
    pub(super) fn left(&self) {
        self.update(|known| {
            known.joining = None;
            known.halted.clear();
        });
    }

    /// A partition is left alone.
    pub(super) fn halted(&self, topic: &str, partition: i32, why: &str) {
        tracing::error!(topic, partition, "{why}");
        self.update(|known| drop(known.halted.insert((topic.to_owned(), partition), why.into())));
    }

    /// A partition is ours no longer.
    pub(super) fn released(&self, topic: &str, partition: i32) {
        self.update(|known| drop(known.halted.remove(&(topic.to_owned(), partition))));
    }
}

impl Known {
    /// Whether all is well but for partitions that are left alone.
    fn is_halted(&self) -> bool {
        self.denied.is_none() && self.away.is_none() && self.joining.is_none() && !self.halted.is_empty()
    }

    fn reach(&self, servers: &str) -> Reach {
        if let Some(why) = &self.denied {
            return Err(why.clone());
        }
        if let Some((since, why)) = &self.away {
            return Err(format!("Kafka at {servers} cannot be reached since {since:.0}: {why}").into());
        }
        if let Some(group) = &self.joining {
            return Err(format!("Kafka at {servers} has not given out work yet to group `{group}`").into());
        }
        match self.halted.values().next() {
            None => Ok(()),
            Some(why) if self.halted.len() == 1 => Err(why.clone()),
            Some(why) => Err(format!("{why} (and {} more partitions)", self.halted.len() - 1).into()),
        }
    }
}

/// Whether Kafka says that this client may not.
fn is_denial(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::Fatal
    )
}

/// `HOST:PORT/bootstrap: Connect to … failed: Connection refused (after 1ms in state CONNECT, 3
/// identical error(s) suppressed)`, without which connection, how long and how often.
fn plain(reason: &str) -> &str {
    let mut what = reason.split_once(" (after ").map_or(reason, |(what, _)| what);
    while let Some((connection, rest)) = what.split_once(": ")
        && !connection.contains(' ')
    {
        what = rest;
    }
    what
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn reasons_are_told_without_counts() {
        let reason = "GroupCoordinator: 127.0.0.1:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms \
                      in state CONNECT, 3 identical error(s) suppressed)";
        assert_eq!(plain(reason), "Connect to ipv4#127.0.0.1:1 failed: Connection refused");
        assert_eq!(plain("Disconnected"), "Disconnected");
    }
}

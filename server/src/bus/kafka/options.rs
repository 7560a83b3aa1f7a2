//! What the project says of Kafka, as the configurations of the clients: one for the member of the
//! group, one for readers beside it, one for the producer, one for questions about the cluster.
//!
//! Options of the project are passed on as they are, over our defaults. Those that what we promise
//! rests on are refused when the project is read. Values may be secret: no error has one.

use std::fmt;
use std::time::Duration;

use pathway_engine::project::{Kafka, MASK, OnGap, Start};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// Whether this build can talk TLS, and the mechanisms of SASL that need it.
const TLS: bool = cfg!(feature = "kafka-tls");

/// How a revoked partition is waited for, at most.
const LONGEST_REVOKE: Duration = Duration::from_secs(5);

/// Our own for every client: idle connections are noticed, lost ones made anew soon.
const COMMON: [(&str, &str); 4] = [
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.max.ms", "2000"),
    ("topic.metadata.refresh.interval.ms", "5000"),
    // It would name every broker that a client has known.
    ("log.connection.close", "false"),
];

/// For whoever reads. What was read ahead is bounded; a broker that has nothing answers soon, so
/// that a partition that is resumed need not wait for one that is idle.
const READER: [(&str, &str); 9] = [
    ("auto.offset.reset", "error"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.queue.backoff.ms", "10"),
    ("fetch.error.backoff.ms", "200"),
    ("queued.min.messages", "2000"),
    ("queued.max.messages.kbytes", "8192"),
];

/// For the member of the group. The strategies are those that consumers of every kind know: all
/// members of a group must share one, and an older service in it uses its library's default.
const MEMBER: [(&str, &str); 5] = [
    ("allow.auto.create.topics", "true"),
    ("partition.assignment.strategy", "range,roundrobin"),
    // Work goes on elsewhere so long after a crash.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "3000"),
    ("socket.timeout.ms", "20000"),
];

/// What a broker decides where the newer protocol of groups is chosen.
const CLASSIC: [&str; 3] = ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"];

/// For the producer. The keyed go where other clients put them. What waits is bounded before it
/// gets here.
const PRODUCER: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("partitioner", "murmur2_random"),
    ("linger.ms", "0"),
    // How large a record may be is for its topic to say.
    ("message.max.bytes", "100000000"),
    ("message.timeout.ms", "30000"),
    ("queue.buffering.max.messages", "1000000"),
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// Two names of one thing: who sets one does not get our default of the other.
const ALIASES: [(&str, &str); 2] =
    [("linger.ms", "queue.buffering.max.ms"), ("message.timeout.ms", "delivery.timeout.ms")];

/// Why Kafka cannot be used as the project wants.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct OptionsError(String);

/// Configurations of all clients.
#[derive(Clone)]
pub(super) struct Options {
    servers: String,
    is_secret: bool,
    client_id: String,
    pub(super) group: String,
    pub(super) start: Start,
    pub(super) on_gap: OnGap,
    pub(super) take_over: bool,
    /// How long to wait for work on a revoked partition.
    pub(super) revoke: Duration,
    options: Vec<(String, String)>,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Options").field("servers", &self.shown()).finish_non_exhaustive()
    }
}

impl Options {
    pub(super) fn new(kafka: &Kafka) -> Result<Self, OptionsError> {
        let mut options = Self {
            servers: kafka.servers.value.clone(),
            is_secret: kafka.servers.secret,
            client_id: kafka.client_id.value.clone(),
            group: kafka.group.value.clone(),
            start: kafka.start,
            on_gap: kafka.on_gap,
            take_over: kafka.take_over,
            revoke: LONGEST_REVOKE,
            options: kafka.options.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect(),
        };
        options.check_security()?;
        let told = |error| tell(error, kafka);
        let member = options.member().create_native_config().map_err(told)?;
        options.reader().create_native_config().map_err(told)?;
        options.producer().create_native_config().map_err(told)?;
        options.admin().create_native_config().map_err(told)?;
        if let Some(session) = member.get("session.timeout.ms").ok().and_then(|text| text.parse().ok()) {
            options.revoke = LONGEST_REVOKE.min(Duration::from_millis(session) / 2);
        }
        Ok(options)
    }

    /// The servers, as they may be shown.
    pub(super) fn shown(&self) -> &str {
        if self.is_secret { MASK } else { &self.servers }
    }

    pub(super) fn member(&self) -> ClientConfig {
        let is_newer = self.get("group.protocol").is_some_and(|text| text.eq_ignore_ascii_case("consumer"));
        let mut config = self.with(
            COMMON
                .iter()
                .chain(&READER)
                .chain(MEMBER.iter().filter(|(name, _)| !(is_newer && CLASSIC.contains(name)))),
        );
        config.set("group.id", &self.group);
        config
    }

    /// It never joins the group; the client asks for one to read without.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut config = self.with(COMMON.iter().chain(&READER));
        config.set("group.id", &self.group);
        config.remove("group.instance.id");
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        self.with(COMMON.iter().chain(&PRODUCER))
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.with(&COMMON)
    }

    fn with<'a>(&self, defaults: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        for (name, value) in &self.options {
            for (one, other) in ALIASES {
                if name == other {
                    config.remove(one);
                }
            }
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.servers).set("client.id", &self.client_id);
        let is_debugged = self.get("debug").is_some();
        config.set_log_level(if is_debugged { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Says in words what the client would say in riddles.
    fn check_security(&self) -> Result<(), OptionsError> {
        if TLS {
            return Ok(());
        }
        let is = |name: &str, start: &str| {
            self.get(name).is_some_and(|text| text.to_ascii_lowercase().starts_with(start))
        };
        let build = "build it with `--features kafka-tls`";
        if is("security.protocol", "ssl") || is("security.protocol", "sasl_ssl") {
            return Err(OptionsError(format!(
                "`bus.kafka` asks for TLS (`security.protocol`), which this build of pathway cannot: {build}"
            )));
        }
        let needs = ["scram", "oauthbearer"];
        if needs.iter().any(|start| is("sasl.mechanism", start) || is("sasl.mechanisms", start)) {
            return Err(OptionsError(format!(
                "`bus.kafka` asks for a `sasl.mechanism` that this build of pathway cannot, which knows \
                 PLAIN: {build}"
            )));
        }
        Ok(())
    }
}

/// What the client does not like; its own words may have the value in them.
fn tell(error: KafkaError, kafka: &Kafka) -> OptionsError {
    let KafkaError::ClientConfig(_, why, name, _) = error else {
        return OptionsError("the options of `bus.kafka` cannot be used together".to_owned());
    };
    let is_secret = kafka.options.iter().any(|(own, text)| *own == name && text.secret);
    OptionsError(match is_secret {
        true => format!("the value of `bus.kafka.{name}` is not one that the Kafka client takes"),
        false => format!("`bus.kafka.{name}` cannot be used: {why}"),
    })
}

//! Where topics live, and what they are called there.

use indexmap::IndexMap;

use super::reader::Reader;
use super::secret::Resolved;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Fields;
use crate::reference::{Field, Object, Takes, Word};
use crate::source::{Kind, Node, Span, Spanned};

const BAD_TOPIC: Code = Code("PW0614");
const OWN_OPTION: Code = Code("PW0650");

/// Options of the Kafka client that what Pathway promises rests on, and what to do instead.
const OWN: [(&str, &str); 25] = [
    ("bootstrap.servers", "give `servers`"),
    ("metadata.broker.list", "give `servers`"),
    ("client.id", "give `client_id`"),
    ("group.id", "give `group`"),
    ("auto.offset.reset", "say with `start` where a new group begins, and with `on_gap` what a gap means"),
    ("enable.auto.commit", COMMITS),
    ("auto.commit.enable", COMMITS),
    ("auto.commit.interval.ms", COMMITS),
    ("enable.auto.offset.store", COMMITS),
    ("offset.store.method", COMMITS),
    ("offset.store.path", COMMITS),
    ("offset.store.sync.interval.ms", COMMITS),
    ("enable.partition.eof", "leave it out: the ends of partitions are looked up where they matter"),
    ("enable.idempotence", PRODUCER),
    ("enable.gapless.guarantee", PRODUCER),
    ("acks", PRODUCER),
    ("request.required.acks", PRODUCER),
    ("queuing.strategy", PRODUCER),
    ("delivery.report.only.error", PRODUCER),
    ("transactional.id", "leave it out: Kafka's transactions are not used"),
    ("transaction.timeout.ms", "leave it out: Kafka's transactions are not used"),
    ("log.queue", "leave it out: say under `log` what is logged"),
    ("enabled.events", "leave it out"),
    ("test.mock.num.brokers", "leave it out"),
    ("opaque", "leave it out"),
];
const COMMITS: &str =
    "leave it out: an offset is committed when the store has the runs of all records before it";
const PRODUCER: &str =
    "leave it out: every record is acknowledged by all replicas, and sent once and in order";

/// Its fields.
pub(super) static BUS: Object = Object::new(
    "bus",
    &[Field::new("kafka", Takes::Object(&KAFKA), "Apache Kafka; without `servers`: embedded")],
);

static KAFKA: Object = Object {
    title: "kafka",
    fields: &[
        Field::new("servers", Takes::Plain, "servers to begin with: `HOST:PORT`, separated by commas"),
        Field::new("client_id", Takes::Plain, "under which name a process appears there"),
        Field::new("group", Takes::Plain, "the consumer group"),
        Field::new("start", Takes::Words(STARTS), "where a new group begins"),
        Field::new(
            "on_gap",
            Takes::Words(GAPS),
            "what to do where records were deleted before they were read",
        ),
        Field::new(
            "take_over",
            Takes::Flag,
            "whether to go on from offsets that another store has committed",
        ),
    ],
    rules: &[],
    // Options of the Kafka client, with `_` for their dots.
    others: Some(Takes::Scalar),
};

const STARTS: &[Word] =
    &[Word("earliest", "at the oldest record"), Word("latest", "after the newest record")];
const GAPS: &[Word] = &[
    Word("continue", "goes on at the oldest that is kept, and says so"),
    Word("halt", "leaves the partition alone until somebody has looked at it"),
];

/// Where topics live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Bus {
    /// In the store of this process.
    #[default]
    Embedded,
    /// In Apache Kafka.
    Kafka(Kafka),
}

/// How Kafka is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// Servers to begin with: `HOST:PORT`, separated by commas.
    pub servers: Resolved,
    /// Under which name this process appears there.
    pub client_id: Resolved,
    /// The consumer group.
    pub group: Resolved,
    /// Where a group without committed offsets begins.
    pub start: Start,
    /// What to do where records were deleted before they were read.
    pub on_gap: OnGap,
    /// Whether to go on from offsets that another store has committed.
    pub take_over: bool,
    /// Anything else, in the words of the Kafka client.
    pub options: Vec<(String, Resolved)>,
}

/// Where a group begins that has committed nothing yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    #[default]
    Earliest,
    /// After the newest record.
    Latest,
}

/// What to do where records were deleted before they were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnGap {
    /// Go on at the oldest that is kept, and say so.
    #[default]
    Continue,
    /// Leave that partition alone until a human has looked at it.
    Halt,
}

impl Bus {
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        if let Kind::Text(_) = &node.kind
            && reader.filled(node, "`bus`").is_none_or(|text| text.value == "embedded")
        {
            return Self::Embedded;
        }
        let Some(mut fields) = Fields::of(node, "`bus`", reader.diagnostics) else { return Self::Embedded };
        let kafka = fields.take("kafka").and_then(|node| Kafka::read(node, reader));
        fields.finish(reader.diagnostics);
        kafka.map_or(Self::Embedded, Self::Kafka)
    }
}

impl Kafka {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut kafka = Self {
            servers: Resolved::default(),
            client_id: Resolved::open("pathway"),
            group: Resolved::open("pathway"),
            start: Start::default(),
            on_gap: OnGap::default(),
            take_over: false,
            options: Vec::new(),
        };
        for entry in reader.entries(node, "`kafka`") {
            let (key, value) = (entry.key.value.as_str(), &entry.value);
            let what = format!("`{key}`");
            match key {
                "start" => {
                    let words = [("earliest", Start::Earliest), ("latest", Start::Latest)];
                    kafka.start = reader.choice(value, &what, &words).unwrap_or_default();
                }
                "on_gap" => {
                    let words = [("continue", OnGap::Continue), ("halt", OnGap::Halt)];
                    kafka.on_gap = reader.choice(value, &what, &words).unwrap_or_default();
                }
                "take_over" => kafka.take_over = reader.flag(value, &what).unwrap_or_default(),
                "servers" => kafka.servers = reader.filled(value, &what).unwrap_or_default(),
                "client_id" => kafka.client_id = reader.filled(value, &what).unwrap_or(kafka.client_id),
                "group" => kafka.group = reader.filled(value, &what).unwrap_or(kafka.group),
                // The client's own options have dots; `_` may stand for them.
                _ => {
                    let name = key.replace('_', ".");
                    if let Some((_, why)) = OWN.iter().find(|(own, _)| *own == name) {
                        reader.push(
                            Diagnostic::error(OWN_OPTION, format!("`{key}` is not for a project to set"))
                                .at(entry.key.span, "set by Pathway itself")
                                .help(*why),
                        );
                    } else if let Some(text) = option(value, &what, reader) {
                        kafka.options.push((name, text));
                    }
                }
            }
        }
        (!kafka.servers.value.trim().is_empty()).then_some(kafka)
    }
}

fn option(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Resolved> {
    match &node.kind {
        Kind::Bool(value) => Some(Resolved::open(value.to_string())),
        Kind::Int(value) => Some(Resolved::open(value.to_string())),
        Kind::Float(value) => Some(Resolved::open(value.to_string())),
        _ => reader.text(node, what),
    }
}

/// What topics are called on the bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics {
    names: IndexMap<String, String>,
    /// Where each is listed.
    places: Vec<Span>,
}

impl Topics {
    /// What `topic` is called on the bus: as `topics:` says, else the same.
    #[must_use]
    pub fn real<'a>(&'a self, topic: &'a str) -> &'a str {
        self.names.get(topic).map_or(topic, String::as_str)
    }

    /// What pathways call the topic that is `real` on the bus.
    #[must_use]
    pub fn logical<'a>(&'a self, real: &'a str) -> &'a str {
        self.names.iter().find(|(_, name)| *name == real).map_or(real, |(topic, _)| topic)
    }

    /// Whether a file may name `topic`: it is listed, or nothing is.
    #[must_use]
    pub fn admits(&self, topic: &str) -> bool {
        self.names.is_empty() || self.names.contains_key(topic)
    }

    /// The topics listed.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The topics listed, each with its place.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Span)> {
        self.listed().zip(self.places.iter().copied())
    }

    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        let mut places = Vec::new();
        let mut names: IndexMap<String, String> = IndexMap::new();
        for entry in reader.entries(node, "`topics`") {
            check(&entry.key, reader);
            places.push(entry.key.span);
            let what = format!("topic `{}`", entry.key.value);
            let Some(real) = reader.open(&entry.value, &what) else {
                names.insert(entry.key.value.clone(), entry.key.value.clone());
                continue;
            };
            check(&real, reader);
            if let Some((other, _)) = names.iter().find(|(_, name)| **name == real.value) {
                reader.push(
                    Diagnostic::error(BAD_TOPIC, format!("`{other}` and {what} are both `{}`", real.value))
                        .at(real.span, "the same topic again")
                        .help("give each its own, or use one name in all pathways"),
                );
            }
            names.insert(entry.key.value.clone(), real.value);
        }
        Self { names, places }
    }
}

/// Kafka's rule for names of topics.
fn check(name: &Spanned<String>, reader: &mut Reader<'_>) {
    let value = &name.value;
    let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if value.is_empty() || value.len() > 249 || value == "." || value == ".." || !value.bytes().all(letters) {
        reader.push(
            Diagnostic::error(BAD_TOPIC, format!("`{value}` cannot be the name of a topic"))
                .at(name.span, "not such a name")
                .help("use up to 249 letters, digits, `.`, `_` and `-`"),
        );
    }
}

//! The project file `pathway.yaml`, as data for the compiler and the runner.
//!
//! It is read from a tree into which all layers of configuration have been merged. `${NAME}`
//! is filled in here, and whatever holds a secret says so and does not print itself. All
//! problems are reported at once; where a value is missing or wrong the default stands.

mod address;
mod auth;
mod bus;
mod header;
mod http;
mod inherit;
mod interpolate;
mod log;
mod rate;
mod reader;
mod retention;
mod secret;
mod service;
mod store;
mod traces;
mod vars;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use indexmap::IndexMap;

pub use address::{has_password, mask_password};
pub use auth::{Auth, Mode, QueryToken};
pub use bus::{Bus, Kafka, OnGap, Start, Topics};
pub use http::Http;
pub use interpolate::{interpolate, references};
pub use log::{Log, LogFormat, LogLevel};
pub use rate::Rate;
pub use reader::typed;
pub use retention::Retention;
pub use secret::{MASK, Resolved, Secret};
pub use service::{Circuit, NO_URL, Service};
pub use store::Store;
pub use traces::Traces;
pub use vars::Var;

use crate::diagnostic::Diagnostics;
use crate::document::{Fields, RETRY, Retry};
use crate::expression::Variables;
use crate::reference::{Field, Object, Rule, Takes, Word};
use crate::source::{Node, Spanned};
use reader::Reader;

/// What `store.max_run` can be: all of a run is in memory while it goes on.
const MAX_RUN: RangeInclusive<u64> = 1 << 10..=1 << 30;

/// Its keys.
pub(crate) static PROJECT: Object = Object::new(
    "project",
    &[
        Field::new(
            "pathways",
            Takes::OneOf(&[Takes::List(&Takes::Plain), Takes::Plain]),
            "patterns of its files, with `*`, `?` and `**`, relative to this folder",
        ),
        Field::new("listen", Takes::Plain, "address and port of the gateway, such as `127.0.0.1:8000`"),
        Field::new("admin", Takes::Plain, "address and port for operators"),
        Field::new("max_runs", Takes::Count(1, 100_000), "runs at once in a process"),
        Field::new("max_parallel", Takes::Count(1, 100_000), "steps in flight in a process"),
        Field::new(
            "defaults",
            Takes::Object(&DEFAULTS),
            "of pathways and services that do not say it themselves",
        ),
        Field::new(
            "bus",
            Takes::OneOf(&[Takes::Object(&bus::BUS), Takes::Words(EMBEDDED)]),
            "where topics live: in the store, or in Apache Kafka",
        ),
        Field::new("store", Takes::Object(&STORE), "where runs are kept, and for how long"),
        Field::new(
            "topics",
            Takes::Map(&Takes::Plain),
            "what topics are called on the bus, by the name that pathways use",
        ),
        Field::new("auth", Takes::Object(&auth::AUTH), "how the tokens of callers are verified"),
        Field::new("cors", Takes::Object(&CORS), "browsers that may call"),
        Field::new("http", Takes::Object(&http::HTTP), "what one client of the gateway can take"),
        Field::new("log", Takes::Object(&log::LOG), "what is logged, and in which form"),
        Field::new(
            "traces",
            Takes::Object(&traces::TRACES),
            "where spans of requests, runs and calls are sent",
        ),
        Field::new(
            "services",
            Takes::Map(&Takes::Object(&service::SERVICE)),
            "upstreams that `http` steps call by name",
        ),
        Field::new("vars", Takes::Map(&Takes::Data), "constants: `vars.NAME` in pathways"),
    ],
);

const EMBEDDED: &[Word] = &[Word("embedded", "in the store of the process")];

static DEFAULTS: Object = Object::new(
    "defaults",
    &[
        Field::new("pathway", Takes::Object(&PATHWAY_DEFAULTS), "of pathways"),
        Field::new("service", Takes::Object(&SERVICE_DEFAULTS), "of services"),
    ],
);

static PATHWAY_DEFAULTS: Object = Object::new(
    "pathway",
    &[
        Field::new("max_parallel", Takes::Count(1, 10_000), "steps in flight in one run"),
        Field::new(
            "max_queue",
            Takes::Count(1, 100_000),
            "runs that may wait to begin before doors take no more",
        ),
        Field::new("timeout", Takes::Duration, "of a run"),
    ],
);

static SERVICE_DEFAULTS: Object = Object::new(
    "service",
    &[
        Field::new("timeout", Takes::Duration, "of one attempt"),
        Field::new("retry", Takes::Object(&RETRY), "where neither step nor service has one"),
    ],
);

static STORE: Object = Object::with(
    "store",
    &[
        Field::new("path", Takes::Plain, "a folder, relative to this one"),
        Field::new("postgres", Takes::Plain, "the URL of a PostgreSQL database, from a variable"),
        Field::new(
            "keep",
            Takes::OneOf(&[Takes::Duration, Takes::Object(&retention::RETENTION)]),
            "how long what is over is kept",
        ),
        Field::new("max_run", Takes::Size, "how much is kept of one run; more parks it"),
    ],
    &[Rule::AtMostOne(&["path", "postgres"])],
);

static CORS: Object = Object::new(
    "cors",
    &[Field::new(
        "origins",
        Takes::OneOf(&[Takes::List(&Takes::Plain), Takes::Plain]),
        "origins, exactly as browsers send them, such as `https://app.example.com`; or `*`",
    )],
);

/// What the project file says.
#[derive(Debug, Clone)]
pub struct Project {
    /// Patterns of the files that belong to it, relative to its folder.
    pub pathways: Vec<Spanned<String>>,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where operators are served.
    pub admin: SocketAddr,
    /// Runs at once in this process.
    pub max_runs: u32,
    /// Steps in flight in this process.
    pub max_parallel: u32,
    /// What pathways say that do not say it themselves.
    pub pathway: PathwayDefaults,
    /// What services say that do not say it themselves.
    pub service: ServiceDefaults,
    /// Where topics live.
    pub bus: Bus,
    /// Where runs are kept.
    pub store: Store,
    /// How long what is over is kept.
    pub keep: Retention,
    /// Bytes that are kept of one run, but for how it started.
    pub max_run: u64,
    /// What topics are called on the bus.
    pub topics: Topics,
    /// How callers are known; none: only doors without a caller are served.
    pub auth: Option<Auth>,
    /// Origins of browsers that may call.
    pub origins: Vec<String>,
    /// What one client of the gateway can take.
    pub http: Http,
    /// What is logged.
    pub log: Log,
    /// Where spans are sent; none: nowhere.
    pub traces: Option<Traces>,
    /// Upstreams.
    pub services: IndexMap<String, Service>,
    /// Constants.
    pub vars: IndexMap<String, Var>,
}

/// Defaults of pathways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathwayDefaults {
    /// Steps in flight in one run.
    pub max_parallel: u32,
    /// Runs that may wait to begin before doors take no more.
    pub max_queue: u32,
    /// Of a run.
    pub timeout: Duration,
}

/// Defaults of services.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceDefaults {
    /// Of one attempt.
    pub timeout: Duration,
    /// Where neither step nor service has one.
    pub retry: Retry,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            pathways: Vec::new(),
            listen: (Ipv4Addr::LOCALHOST, 8000).into(),
            admin: (Ipv4Addr::LOCALHOST, 8001).into(),
            max_runs: 64,
            max_parallel: 256,
            pathway: PathwayDefaults { max_parallel: 10, max_queue: 1000, timeout: Duration::from_secs(300) },
            service: ServiceDefaults { timeout: Duration::from_secs(120), retry: Retry::default() },
            bus: Bus::Embedded,
            store: Store::Path("./data".to_owned()),
            keep: Retention::default(),
            max_run: 64 << 20,
            topics: Topics::default(),
            auth: None,
            origins: Vec::new(),
            http: Http::default(),
            log: Log::default(),
            traces: None,
            services: IndexMap::new(),
            vars: IndexMap::new(),
        }
    }
}

impl Project {
    /// The keys of the project file.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        PROJECT.fields.iter().map(|field| field.name)
    }

    /// Reads the project from its tree.
    pub fn read(node: &Node, variables: &Variables, diagnostics: &mut Diagnostics) -> Self {
        let mut project = Self::default();
        let Some(mut fields) = Fields::of(node, "the project file", diagnostics) else { return project };
        let reader = &mut Reader { variables, diagnostics };
        // Services take what they do not say from the defaults, so these come first.
        if let Some(node) = fields.take("defaults") {
            project.defaults(node, reader);
        }
        if let Some(list) = fields.take("pathways").and_then(|node| reader.list(node, "`pathways`")) {
            project.pathways = list;
        }
        if let Some(address) = fields.take("listen").and_then(|node| reader.listener(node, "`listen`")) {
            project.listen = address;
        }
        if let Some(address) = fields.take("admin").and_then(|node| reader.listener(node, "`admin`")) {
            project.admin = address;
        }
        if let Some(count) = fields.take("max_runs").and_then(|n| reader.count(n, "`max_runs`", 1..=100_000))
        {
            project.max_runs = count;
        }
        let slots = fields.take("max_parallel");
        if let Some(count) = slots.and_then(|node| reader.count(node, "`max_parallel`", 1..=100_000)) {
            project.max_parallel = count;
        }
        if let Some(node) = fields.take("bus").filter(|node| is_given(node)) {
            project.bus = Bus::read(node, reader);
        }
        if let Some(node) = fields.take("store").filter(|node| is_given(node)) {
            project.store(node, reader);
        }
        if let Some(node) = fields.take("topics") {
            project.topics = Topics::read(node, reader);
        }
        if let Some(node) = fields.take("auth").filter(|node| is_given(node)) {
            project.auth = Auth::read(node, reader);
        }
        if let Some(node) = fields.take("cors").filter(|node| is_given(node)) {
            project.cors(node, reader);
        }
        if let Some(node) = fields.take("http").filter(|node| is_given(node)) {
            project.http = Http::read(node, reader);
        }
        if let Some(node) = fields.take("log").filter(|node| is_given(node)) {
            project.log = Log::read(node, reader);
        }
        if let Some(node) = fields.take("traces").filter(|node| is_given(node)) {
            project.traces = Traces::read(node, reader);
        }
        if let Some(node) = fields.take("services") {
            project.services = service::services(node, &project.service, reader);
        }
        if let Some(node) = fields.take("vars") {
            project.vars = vars::vars(node, reader);
        }
        fields.finish(reader.diagnostics);
        project
    }

    fn defaults(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if !is_given(node) {
            return;
        }
        let Some(mut fields) = Fields::of(node, "`defaults`", reader.diagnostics) else { return };
        if let Some(node) = fields.take("pathway") {
            self.pathway.read(node, reader);
        }
        if let Some(node) = fields.take("service") {
            self.service.read(node, reader);
        }
        fields.finish(reader.diagnostics);
    }

    fn store(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(mut fields) = Fields::of(node, "`store`", reader.diagnostics) else { return };
        if let Some(keep) = fields.take("keep").and_then(|node| Retention::read(node, reader)) {
            self.keep = keep;
        }
        let largest = fields.take("max_run");
        if let Some(size) = largest.and_then(|node| reader.size(node, "`max_run`", MAX_RUN)) {
            self.max_run = size;
        }
        if let Some(store) = Store::read(&mut fields, reader) {
            self.store = store;
        }
        fields.finish(reader.diagnostics);
    }

    fn cors(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(mut fields) = Fields::of(node, "`cors`", reader.diagnostics) else { return };
        if let Some(origins) = fields.take("origins").and_then(|node| reader.origins(node)) {
            self.origins = origins;
        }
        fields.finish(reader.diagnostics);
    }
}

fn is_given(node: &Node) -> bool {
    node.kind != crate::source::Kind::Null
}

impl PathwayDefaults {
    fn read(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(mut fields) = Fields::of(node, "`pathway`", reader.diagnostics) else { return };
        let slots = fields.take("max_parallel");
        if let Some(count) = slots.and_then(|node| reader.count(node, "`max_parallel`", 1..=10_000)) {
            self.max_parallel = count;
        }
        let queue = fields.take("max_queue");
        if let Some(count) = queue.and_then(|node| reader.count(node, "`max_queue`", 1..=100_000)) {
            self.max_queue = count;
        }
        if let Some(time) = fields.take("timeout").and_then(|node| reader.duration(node, "`timeout`")) {
            self.timeout = time;
        }
        fields.finish(reader.diagnostics);
    }
}

impl ServiceDefaults {
    fn read(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(mut fields) = Fields::of(node, "`service`", reader.diagnostics) else { return };
        if let Some(time) = fields.take("timeout").and_then(|node| reader.duration(node, "`timeout`")) {
            self.timeout = time;
        }
        if let Some(node) = fields.take("retry").and_then(|node| reader.plain(node, "`retry`"))
            && let Some(retry) = Retry::parse(&node, &self.retry, reader.diagnostics)
        {
            self.retry = retry;
        }
        fields.finish(reader.diagnostics);
    }
}

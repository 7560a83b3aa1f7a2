//! A real Apache Kafka for tests, and a plain client of it.
//!
//! A test that needs one begins with [`Kafka::shared`], or with [`Kafka::own`] if it restarts it.
//! Where `java` or `mvn` is missing the test says so and is passed over, unless `PATHWAY_REQUIRE`
//! names `kafka`. The broker ends with the process of the test, however that ends.

mod broker;
mod client;
mod jars;
mod member;
mod reader;
mod record;
mod writer;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use broker::Broker;
pub use member::Member;
pub use reader::Reader;
pub use record::{Message, Record};
pub use writer::Writer;

use crate::leash::blocking;

/// A broker.
#[derive(Debug, Clone)]
pub struct Kafka {
    broker: Arc<Mutex<Broker>>,
    servers: String,
}

impl Kafka {
    /// The broker that all tests of this program share: each uses topics and groups of its own.
    /// None where it cannot be had.
    ///
    /// # Panics
    /// If it does not start, or cannot be had and is required.
    pub async fn shared() -> Option<Self> {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        let jars = jars().await?;
        Some(blocking(move || SHARED.get_or_init(|| Self::of(&jars)).clone()).await)
    }

    /// A broker for one test, which stops and starts it; none where it cannot be had.
    ///
    /// # Panics
    /// If it does not start, or cannot be had and is required.
    pub async fn own() -> Option<Self> {
        let jars = jars().await?;
        Some(blocking(move || Self::of(&jars)).await)
    }

    fn of(jars: &std::path::Path) -> Self {
        match Broker::start(jars) {
            Ok(broker) => {
                Self { servers: format!("127.0.0.1:{}", broker.port), broker: Arc::new(Mutex::new(broker)) }
            }
            Err(why) => panic!("no broker: {why}"),
        }
    }

    /// `KAFKA_BOOTSTRAP_SERVERS`
    #[must_use]
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Asks the broker to stop; ready when it has.
    ///
    /// # Panics
    /// If it does not.
    pub async fn stop(&self) {
        self.control(|broker| broker.end("TERM")).await;
    }

    /// Kills the broker, as `kill -9` does.
    ///
    /// # Panics
    /// If it is not killed.
    pub async fn kill(&self) {
        self.control(|broker| broker.end("KILL")).await;
    }

    /// Starts a broker that was stopped or killed, with its data, at its address.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&self) {
        self.control(Broker::run).await;
    }

    async fn control(&self, work: impl FnOnce(&mut Broker) -> Result<(), String> + Send + 'static) {
        let broker = self.broker.clone();
        let done = blocking(move || work(&mut broker.lock().unwrap_or_else(PoisonError::into_inner))).await;
        if let Err(why) = done {
            panic!("the broker: {why}");
        }
    }
}

/// What a broker is made of; none where it cannot be had, which is said.
async fn jars() -> Option<PathBuf> {
    static JARS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let found = blocking(|| JARS.get_or_init(find_jars).clone()).await;
    let why = match found {
        Ok(jars) => return Some(jars),
        Err(why) => why,
    };
    crate::required::pass_over("kafka", &test, &format!("no broker: {why}"));
    None
}

fn find_jars() -> Result<PathBuf, String> {
    for (program, asked) in [("java", "-version"), ("mvn", "--version")] {
        let quiet = || Stdio::null();
        let answered =
            Command::new(program).arg(asked).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
        if !answered.is_ok_and(|status| status.success()) {
            return Err(format!("there is no `{program}`"));
        }
    }
    jars::folder()
}

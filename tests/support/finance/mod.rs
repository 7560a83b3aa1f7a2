//! The finance app: its project in a folder, its `.env`, stand-ins for its upstreams, and a server.

mod answer;
mod draft;
mod fleet;

use std::collections::BTreeMap;
use std::path::Path;

pub use answer::{Answer, JsonBody};
use draft::own;
pub use draft::{Draft, TOPICS};
use fleet::Fleet;
use pathway_server::demo::{Call, Folder, StandIns, data};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::kafka::{Kafka, Message, Reader};
use crate::wire::{Ask, Wire};
use crate::{Log, Server};

/// What a server says, one after the other, when its bus is there and it has work.
pub const REACHED: [&str; 2] = ["work was given out", "Kafka is reached"];

/// The app, as it is served.
#[derive(Debug)]
pub struct Finance {
    /// Its upstreams.
    pub stand_ins: StandIns,
    /// All that its servers have said.
    pub log: Log,
    folder: Folder,
    environment: BTreeMap<String, String>,
    kafka: Option<Kafka>,
    tag: String,
    fleet: Fleet,
    client: reqwest::Client,
}

impl Finance {
    /// Starts the server, which must not run, or all processes that are one; it is ready to take
    /// requests.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&mut self) {
        let has_bus = self.kafka.is_some();
        self.fleet.start(self.folder.path(), &self.environment, &self.log, has_bus).await;
    }

    /// Starts the server, which must not run, whether or not its bus is there.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_without_bus(&mut self) {
        self.fleet.start(self.folder.path(), &self.environment, &self.log, false).await;
    }

    /// How a server ends that does not come to serve, and what it said.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn try_start(&self) -> (std::process::ExitStatus, String) {
        Server::spawn("serve", self.folder.path(), &self.environment, &self.log).end().await
    }

    /// Kills the server as a crash would.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn crash(&mut self) {
        for server in self.fleet.taken() {
            server.crash().await;
        }
    }

    /// Asks the server to stop; ready when it has.
    ///
    /// # Panics
    /// If it ends with an error.
    pub async fn stop(&mut self) {
        let servers = self.fleet.taken();
        for server in &servers {
            server.terminate().await;
        }
        for server in servers {
            let (status, said) = server.end().await;
            assert!(status.success(), "{said}");
        }
    }

    /// The server; of several gateways another one each time.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn server(&self) -> &Server {
        self.fleet.door()
    }

    /// All processes that are the server: workers, then gateways.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        self.fleet.all()
    }

    /// The folder of the project.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An access token of the app's user.
    #[must_use]
    pub fn token(&self) -> String {
        self.stand_ins.token(data::USER)
    }

    /// All calls that runs have made; who verifies tokens has calls of its own.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.stand_ins.calls().into_iter();
        calls.filter(|call| !call.path.starts_with("/auth/")).collect()
    }

    /// A request of the app's user.
    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(self.token())
    }

    /// A request of nobody in particular.
    pub fn bare(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.server().url(path))
    }

    /// What the app's user is answered.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::to(self.request(reqwest::Method::POST, path).json_body(body)).await
    }

    /// What the app's user is answered.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(reqwest::Method::GET, path)).await
    }

    /// Asks, and reads the answer as it is written.
    pub async fn wire(&self, ask: &Ask) -> Wire {
        Wire::open(self.server().authority(), ask).await
    }

    /// What a topic is called on the bus.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        if self.kafka.is_some() { own(&self.tag, name) } else { name.to_owned() }
    }

    /// Its consumer group.
    #[must_use]
    pub fn group(&self) -> String {
        format!("{}-backend-processor", self.tag)
    }

    /// The broker.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        match &self.kafka {
            Some(kafka) => kafka,
            None => panic!("the app is not on Kafka"),
        }
    }

    /// A record for one of its topics.
    #[must_use]
    pub fn message(&self, topic: &str) -> Message {
        Message::to(&self.topic(topic))
    }

    /// Reads one of its topics from the beginning, and what comes.
    pub async fn reader(&self, topic: &str) -> Reader {
        Reader::from_start(self.kafka(), &[&self.topic(topic)]).await
    }
}

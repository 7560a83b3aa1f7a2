//! The finance app: its project in a folder, its `.env`, stand-ins for its upstreams, and a server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pathway_server::demo::{Call, Folder, Settings, StandIns, data};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::kafka::{Kafka, Message, Reader};
use crate::wire::{Ask, Wire};
use crate::{Log, Server, soon};

/// The topics of the app, as its pathways call them.
pub const TOPICS: [&str; 9] = [
    "chat_requests",
    "chat_responses",
    "budget_requests",
    "budget_responses",
    "ocr_requests",
    "ocr_responses",
    "transactions",
    "notifications",
    "analytics",
];
/// The topic of a pathway that names none.
const CREATED: &str = "pathway.create_transaction";
/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// What a server says, one after the other, when its bus is there and it has work.
pub const REACHED: [&str; 2] = ["work was given out", "Kafka is reached"];

/// The app, before it is started.
#[derive(Debug)]
pub struct Draft {
    stand_ins: StandIns,
    folder: Folder,
    dotenv: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    kafka: Option<Kafka>,
    tag: String,
}

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
    server: Option<Server>,
    client: reqwest::Client,
}

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
}

impl Draft {
    /// The app with its environment as an existing deployment has it. Without Kafka the bus is a
    /// part of the server.
    ///
    /// # Panics
    /// If it cannot be laid out.
    pub async fn new(kafka: Option<&Kafka>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let tag = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let settings = Settings { pace: Duration::ZERO, ..Settings::default() };
        let stand_ins = made(StandIns::start(settings).await);
        let folder = made(Folder::temporary());
        made(folder.fill());
        let mut dotenv: BTreeMap<String, String> =
            stand_ins.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        dotenv.insert("KAFKA_BOOTSTRAP_SERVERS".to_owned(), String::new());
        dotenv.insert("KAFKA_CLIENT_ID".to_owned(), "backend".to_owned());
        dotenv.insert("KAFKA_GROUP_ID".to_owned(), "backend-processor".to_owned());
        for topic in TOPICS {
            dotenv.insert(format!("TOPIC_{}", topic.to_uppercase()), topic.to_owned());
        }
        let environment = BTreeMap::new();
        let mut draft = Self { stand_ins, folder, dotenv, environment, kafka: None, tag };
        if let Some(kafka) = kafka {
            draft.move_to(kafka);
            let names: Vec<String> =
                TOPICS.iter().chain(&[CREATED]).map(|topic| draft.topic(topic)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            kafka.make(&names, PARTITIONS).await;
        }
        draft
    }

    /// The app on a Kafka that has none of its topics yet.
    ///
    /// # Panics
    /// If it cannot be laid out.
    pub async fn without_topics(kafka: &Kafka) -> Self {
        let mut draft = Self::new(None).await;
        draft.move_to(kafka);
        draft
    }

    /// Tests share the broker, so each app has topics and a group of its own.
    fn move_to(&mut self, kafka: &Kafka) {
        self.dotenv.insert("KAFKA_BOOTSTRAP_SERVERS".to_owned(), kafka.servers().to_owned());
        self.dotenv.insert("KAFKA_GROUP_ID".to_owned(), format!("{}-backend-processor", self.tag));
        for topic in TOPICS {
            self.dotenv.insert(format!("TOPIC_{}", topic.to_uppercase()), own(&self.tag, topic));
        }
        self.replace(
            "pathway.yaml",
            "\ntopics:\n",
            &format!("\ntopics:\n  {CREATED}: {}\n", own(&self.tag, CREATED)),
        );
        self.kafka = Some(kafka.clone());
    }

    /// With another value of a variable in `.env`; without it where there is none.
    #[must_use]
    pub fn variable(mut self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.dotenv.insert(name.to_owned(), value.to_owned()),
            None => self.dotenv.remove(name),
        };
        self
    }

    /// With a setting of the project, such as `PATHWAY_MAX_RUNS`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With another text in a file of the project.
    ///
    /// # Panics
    /// If `from` does not stand there.
    #[must_use]
    pub fn change(self, file: &str, from: &str, to: &str) -> Self {
        self.replace(file, from, to);
        self
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = made(std::fs::read_to_string(self.folder.path().join(file)));
        assert!(text.contains(from), "no `{from}` in {file}");
        made(self.folder.write(file, &text.replacen(from, to, 1)));
    }

    /// Its upstreams, to order faults before it starts.
    #[must_use]
    pub fn stand_ins(&self) -> &StandIns {
        &self.stand_ins
    }

    /// What a topic is called on the bus.
    #[must_use]
    pub fn topic(&self, name: &str) -> String {
        if self.kafka.is_some() { own(&self.tag, name) } else { name.to_owned() }
    }

    /// Its consumer group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.dotenv.get("KAFKA_GROUP_ID").map_or("", String::as_str)
    }

    /// Writes `.env` and serves the app.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(self) -> Finance {
        let mut finance = self.stopped();
        finance.start().await;
        finance
    }

    /// Writes `.env`.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn stopped(self) -> Finance {
        let dotenv: String = self.dotenv.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        made(self.folder.write(".env", &dotenv));
        Finance {
            stand_ins: self.stand_ins,
            log: Log::default(),
            folder: self.folder,
            environment: self.environment,
            kafka: self.kafka,
            tag: self.tag,
            server: None,
            client: made(reqwest::Client::builder().no_proxy().build()),
        }
    }
}

impl Finance {
    /// The app on the bus that is a part of its server.
    pub async fn embedded() -> Self {
        Draft::new(None).await.start().await
    }

    /// The app on Kafka.
    pub async fn over(kafka: &Kafka) -> Self {
        Draft::new(Some(kafka)).await.start().await
    }

    /// Starts the server, which must not run; it is ready to take requests.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(&mut self) {
        let from = self.log.here();
        self.start_without_bus().await;
        if self.kafka.is_some() {
            self.log.says_all(from, &REACHED).await;
        }
    }

    /// Starts the server, which must not run, whether or not its bus is there.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_without_bus(&mut self) {
        assert!(self.server.is_none(), "the server runs");
        self.server = Some(Server::launch(self.folder.path(), &self.environment, &self.log).await);
    }

    /// How a server ends that does not come to serve, and what it said.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn try_start(&self) -> (std::process::ExitStatus, String) {
        Server::spawn(self.folder.path(), &self.environment, &self.log).end().await
    }

    /// Kills the server as a crash would.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn crash(&mut self) {
        self.taken().crash().await;
    }

    /// Asks the server to stop; ready when it has.
    ///
    /// # Panics
    /// If it ends with an error.
    pub async fn stop(&mut self) {
        let server = self.taken();
        server.terminate().await;
        let (status, said) = server.end().await;
        assert!(status.success(), "{said}");
    }

    fn taken(&mut self) -> Server {
        match self.server.take() {
            Some(server) => server,
            None => panic!("the server does not run"),
        }
    }

    /// The server.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn server(&self) -> &Server {
        match &self.server {
            Some(server) => server,
            None => panic!("the server does not run"),
        }
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

impl Answer {
    /// What `request` is answered.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let answered = async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Ok::<_, reqwest::Error>(Self { status, headers, text: answer.text().await? })
        };
        match soon("an answer", answered).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error:?}"),
        }
    }

    /// Its body.
    ///
    /// # Panics
    /// If that is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("{} with `{}`: {error}", self.status, self.text),
        }
    }

    /// A header of it; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A body of JSON, in one word.
pub trait JsonBody {
    /// With this body.
    #[must_use]
    fn json_body(self, body: &Value) -> Self;
}

impl JsonBody for RequestBuilder {
    fn json_body(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

fn own(tag: &str, topic: &str) -> String {
    format!("{tag}.{topic}")
}

fn made<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(made) => made,
        Err(error) => panic!("the app cannot be laid out: {error}"),
    }
}

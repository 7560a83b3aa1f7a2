//! The app before it is started: its project in a folder, its `.env`, its topics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pathway_server::demo::{Folder, Settings, StandIns};

use super::Finance;
use super::fleet::Fleet;
use crate::Log;
use crate::kafka::Kafka;

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

/// The app, before it is started.
#[derive(Debug)]
pub struct Draft {
    stand_ins: StandIns,
    folder: Folder,
    dotenv: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    kafka: Option<Kafka>,
    fleet: Fleet,
    tag: String,
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
        let mut draft =
            Self { stand_ins, folder, dotenv, environment, kafka: None, fleet: Fleet::default(), tag };
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

    /// As gateways and workers apart, which share the store in this PostgreSQL.
    #[must_use]
    pub fn split(mut self, store: &str) -> Self {
        self.fleet = Fleet::split();
        // 32 bytes, as good as any.
        let keys = "c".repeat(43);
        self.setting("PATHWAY_STORE__POSTGRES", store).setting("PATHWAY_SEAL_KEYS", &keys)
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
            fleet: self.fleet,
            client: made(reqwest::Client::builder().no_proxy().build()),
        }
    }
}

pub(super) fn own(tag: &str, topic: &str) -> String {
    format!("{tag}.{topic}")
}

fn made<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(made) => made,
        Err(error) => panic!("the app cannot be laid out: {error}"),
    }
}

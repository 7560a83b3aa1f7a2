//! The finance app over Kafka: a burst of transactions, each of which takes its month past its
//! budget, and budgets that are asked for at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pathway_server::demo::{Folder, Settings, StandIns};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::Check;
use crate::kafka::cluster::{self, Cluster, Filling, PATIENCE};
use crate::load::{self, Ask};
use crate::server::{Server, Target};

/// The topics of the app, as its pathways call them.
const TOPICS: [&str; 9] = [
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
/// Users who spend.
const USERS: u64 = 10;
/// Transactions of each of them, every one in a month of its own.
const EACH: u64 = 50;
/// How often it is looked how many alerts there are.
const LOOK: Duration = Duration::from_millis(5);
/// What somebody has who asks for a budget.
const INCOME: u64 = 60_000;

/// The app, served.
pub(super) struct Finance {
    stand_ins: StandIns,
    server: Server,
    client: Client,
    check: Check,
    /// Names on the brokers.
    topics: BTreeMap<&'static str, String>,
    cluster: Cluster,
    _folder: Folder,
}

impl Finance {
    pub(super) async fn start(target: &Target, cluster: &Cluster, check: Check) -> Result<Self, String> {
        let stand_ins = StandIns::start(Settings { pace: Duration::ZERO, ..Settings::default() });
        let stand_ins = stand_ins.await.map_err(text)?;
        let folder = Folder::temporary().map_err(text)?;
        folder.fill().map_err(text)?;
        let topics: BTreeMap<_, _> = TOPICS.map(|topic| (topic, cluster::name(topic))).into();
        let cluster = cluster.clone();
        let mut environment: Vec<(String, String)> =
            stand_ins.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        environment.push(("KAFKA_BOOTSTRAP_SERVERS".to_owned(), cluster.servers.clone()));
        environment.push(("KAFKA_GROUP_ID".to_owned(), cluster::name("group")));
        environment.push(("PATHWAY_LOG".to_owned(), "warn".to_owned()));
        environment.extend(
            topics.iter().map(|(topic, name)| (format!("TOPIC_{}", topic.to_uppercase()), name.clone())),
        );
        let (target, file) = (target.clone(), folder.path().join("pathway.yaml"));
        let made = topics.clone();
        let starting = tokio::task::spawn_blocking(move || {
            let names: Vec<&str> = made.values().map(String::as_str).collect();
            cluster.make(&names, &[])?;
            let server = target.start_with(Some(&file), &environment)?;
            server.wait_for_work()?;
            Ok::<_, String>((server, cluster))
        });
        let (server, cluster) = starting.await.map_err(text)??;
        Ok(Self { stand_ins, server, client: load::client()?, check, topics, cluster, _folder: folder })
    }

    /// Publishes transactions, after as many that do not count: neither the server nor whoever
    /// publishes has just begun. How long it takes until each has its alert.
    pub(super) async fn burst(&self) -> Result<Duration, String> {
        for user in 0..USERS {
            let budget = json!({
                "user_id": user_id(user), "period": "monthly", "is_active": true,
                "total_income": 1000, "dining": 100,
            });
            self.stand_ins.insert("budgets", budget)?;
        }
        let topic = self.topics.get("transactions").ok_or("no topic of transactions")?;
        let filling = Arc::new(self.cluster.filling(topic)?);
        self.burst_of(&filling, 0..EACH).await?;
        let took = self.burst_of(&filling, EACH..2 * EACH).await?;
        let found = self.stand_ins.rows("alerts");
        for user in 0..USERS {
            let id = user_id(user);
            let is_theirs = |row: &&Value| row.get("user_id").and_then(Value::as_str) == Some(id.as_str());
            let of_user = found.iter().filter(is_theirs).count();
            self.check.same("alerts of a user", &of_user.to_string(), &(2 * EACH).to_string())?;
        }
        Ok(took)
    }

    /// Publishes these transactions of every user.
    async fn burst_of(&self, filling: &Arc<Filling>, which: Range<u64>) -> Result<Duration, String> {
        let mut records = Vec::new();
        for user in 0..USERS {
            let id = user_id(user);
            for n in which.clone() {
                let row = transaction(user, n);
                self.stand_ins.insert("transactions", row.clone())?;
                records.push((id.clone(), row.to_string()));
            }
        }
        let before = self.stand_ins.row_count("alerts");
        let wanted = before + records.len();
        let (filling, began) = (filling.clone(), Instant::now());
        let writing = move || records.iter().try_for_each(|(key, value)| filling.write(key, value));
        tokio::task::spawn_blocking(writing).await.map_err(text)??;
        let mut alerts = self.stand_ins.row_count("alerts");
        while alerts < wanted {
            if began.elapsed() > PATIENCE {
                return Err(format!("{} of {} alerts", alerts - before, wanted - before));
            }
            tokio::time::sleep(LOOK).await;
            alerts = self.stand_ins.row_count("alerts");
        }
        Ok(began.elapsed())
    }
}

impl Ask for Finance {
    fn request(&self, n: u64) -> RequestBuilder {
        let id = user_id(n);
        let url = format!("http://{}/api/budget/suggest", self.server.address);
        let request = self.client.post(url).bearer_auth(self.stand_ins.token(&id));
        let body = json!({"userId": id, "totalIncome": INCOME + n, "period": "monthly"});
        request.header("content-type", "application/json").body(body.to_string())
    }

    fn check(&self, n: u64, status: StatusCode, body: &str) -> Result<(), String> {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let income = answer.get("totalIncome").cloned().unwrap_or_default();
        let found = format!("{status} {income}");
        self.check
            .same("a budget", &found, &format!("200 OK {}", INCOME + n))
            .map_err(|why| format!("{why}: {body}"))
    }
}

fn user_id(user: u64) -> String {
    format!("00000000-0000-7000-8000-{user:012}")
}

/// The `n`th transaction of a user, which takes its month, long ago, past its budget.
fn transaction(user: u64, n: u64) -> Value {
    let (year, month) = (2000 + n / 12, n % 12 + 1);
    json!({
        "id": format!("{user:08}-0000-7000-9000-{n:012}"),
        "user_id": user_id(user),
        "document_id": null,
        "amount": 150 + n,
        "transaction_date": format!("{year}-{month:02}-15"),
        "merchant": format!("Corner shop {n}"),
        "category": "dining",
        "description": "dinner for the whole family, with friends from abroad",
        "created_at": format!("{year}-{month:02}-15T20:{:02}:00Z", n % 60),
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! The project as it is served: doors, topics and lanes, against the stand-ins.

use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::vm::Class;
use pathway_server::app::{App, Settings};
use pathway_server::bus::{Bus, EMBEDDED_PARTITION, EmbeddedBus, NewRecord};
use pathway_server::config::{Config, Request};
use pathway_server::demo::{self, Folder, StandIns, data};
use pathway_server::loading;
use pathway_server::runner::Observed;
use pathway_server::store::{Filter, Status};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast::Receiver;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The project, served.
struct Live {
    app: App,
    stand_ins: StandIns,
    observed: Receiver<Observed>,
    _folder: Folder,
}

impl Live {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these variables over those of the stand-ins.
    async fn start_with(over: &[(&'static str, &str)]) -> Self {
        let settings = demo::Settings { pace: Duration::ZERO, ..demo::Settings::default() };
        let stand_ins = StandIns::start(settings).await.unwrap();
        let folder = Folder::temporary().unwrap();
        folder.fill().unwrap();
        let over = over.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let environment = stand_ins.environment().into_iter().chain(over);
        let request = Request {
            project: Some(folder.path().to_owned()),
            directory: folder.path().to_owned(),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Request::default()
        };
        let mut config = Config::load(&request).unwrap();
        let paths = config.pathway_files();
        let program = loading::load(&mut config, &paths);
        assert!(config.diagnostics.is_empty());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings { listener: Some(listener), ..Settings::new(config, program) };
        let app = App::start(settings).await.unwrap();
        Self { observed: app.runner.observe(), app, stand_ins, _folder: folder }
    }

    /// What a request of the user is answered: status and text.
    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.post_with(&self.stand_ins.token(data::USER), path, body).await
    }

    /// The same, of whoever has the token.
    async fn post_with(&self, token: &str, path: &str, body: &Value) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(format!("http://{}{path}", self.app.address))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answered = async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap()
    }

    /// What a request of the user streams.
    async fn stream(&self, path: &str) -> Stream {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .get(format!("http://{}{path}", self.app.address))
            .bearer_auth(self.stand_ins.token(data::USER));
        let answer = tokio::time::timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        Stream(answer, String::new())
    }

    async fn publish(&self, topic: &str, values: impl IntoIterator<Item = Option<Vec<u8>>>) {
        let record = |value: Option<Vec<u8>>| NewRecord {
            topic: topic.into(),
            key: Some(data::USER.into()),
            value: value.map(Into::into),
            headers: Vec::new().into(),
            time: Timestamp::now().as_millisecond(),
        };
        let bus = EmbeddedBus::new(self.app.store.clone());
        bus.publish(values.into_iter().map(record).collect()).await.unwrap();
    }

    /// How the next runs end, by pathway, whatever order they end in.
    async fn ended(&mut self, mut expected: Vec<&str>) -> Vec<(String, Result<Value, Class>)> {
        let mut names = std::collections::HashMap::new();
        let mut ended = Vec::new();
        while !expected.is_empty() {
            match tokio::time::timeout(PATIENCE, self.observed.recv()).await.unwrap().unwrap() {
                Observed::Began { run, pathway } => {
                    names.insert(run, pathway.to_string());
                }
                Observed::Ended { run, outcome, .. } => {
                    let name = names.remove(&run).unwrap();
                    let at = expected.iter().position(|expected| *expected == name);
                    expected.remove(at.unwrap_or_else(|| panic!("`{name}` was not expected to run")));
                    let outcome = outcome.map(|value| pathway_engine::value::to_serde(&value));
                    ended.push((name, outcome.map_err(|failure| failure.class)));
                }
                _ => {}
            }
        }
        ended
    }

    async fn records(&self, topic: &str) -> Vec<Value> {
        let records = self.app.store.records(topic, EMBEDDED_PARTITION, 0, 1000, usize::MAX);
        let records = records.await.unwrap().into_iter();
        records.map(|record| serde_json::from_slice(&record.value.unwrap()).unwrap()).collect()
    }
}

/// A stream as an `EventSource` reads it: events without a name.
struct Stream(reqwest::Response, String);

impl Stream {
    /// The next data.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|data| serde_json::from_str(data).unwrap());
                assert!(!event.contains("event:"), "{event}");
                self.1 = rest.to_owned();
                if data.is_some() {
                    return data;
                }
                continue;
            }
            let part = tokio::time::timeout(PATIENCE, self.0.chunk()).await.unwrap().unwrap()?;
            self.1.push_str(std::str::from_utf8(&part).unwrap());
        }
    }
}

fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    Some(value.to_string().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_arrives_in_order_and_is_remembered() {
    let live = Live::start().await;
    let words: Vec<String> = (0..300).map(|n| format!("{n} ")).collect();
    live.stand_ins.say(words.concat());
    let body = json!({"message": "Count!", "userId": data::USER});
    let (status, text) = live.post("/api/chat/stream", &body).await;
    let mut expected: Vec<Value> = words.iter().map(|word| json!({"text": word})).collect();
    expected.push(json!({"done": true}));
    assert_eq!((status, events(&text)), (200, expected));

    let said: Vec<_> = live.stand_ins.rows("chat_history");
    let said: Vec<_> = said.iter().map(|row| (&row["role"], &row["message"])).collect();
    assert_eq!(said, [(&json!("user"), &json!("Count!")), (&json!("model"), &json!(words.concat()))]);

    let told = live.records("chat_responses").await;
    let id = &told[0]["correlation_id"];
    let mut expected: Vec<Value> =
        words.iter().map(|word| json!({"event": "chunk", "text": word, "correlation_id": id})).collect();
    expected.push(json!({"event": "done", "correlation_id": id}));
    assert!(id.is_string() && told == expected, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_can_be_joined_as_it_is_on_its_topic() {
    let live = Live::start().await;
    live.stand_ins.say("One two three");
    let body = json!({"message": "Count!", "userId": data::USER});
    let (status, _) = live.post("/api/chat/stream", &body).await;
    assert_eq!(status, 200);
    let mut told = live.records("chat_responses").await;
    let id = told[0]["correlation_id"].as_str().unwrap().to_owned();
    let mut joined = live.stream(&format!("/api/chat/stream?correlation_id={id}")).await;
    for record in &mut told {
        // What was told on the topic, but for the id.
        record.as_object_mut().unwrap().remove("correlation_id");
        assert_eq!(joined.next().await.as_ref(), Some(&*record));
    }
    assert_eq!(told.last(), Some(&json!({"event": "done"})));
    assert!(told.len() > 1 && told[0]["event"] == "chunk", "{told:?}");
    assert_eq!(joined.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_transaction_is_told_to_its_user() {
    let live = Live::start().await;
    let mut told = live.stream(&format!("/api/transactions/stream?user_id={}", data::USER)).await;
    let others = json!({"id": "x", "user_id": "somebody else", "amount": 1});
    live.publish("transactions", [bytes(&others)]).await;
    let row = json!({
        "user_id": data::USER, "amount": 5, "transaction_date": "2024-05-20", "merchant": "Corner Café",
        "category": "dining",
    });
    let (status, text) = live.post("/api/transactions/create", &row).await;
    assert_eq!(status, 200, "{text}");
    let row: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told.next().await, Some(json!({"data": row})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_fails_says_so_in_its_stream() {
    let live = Live::start().await;
    live.stand_ins.fail(demo::Service::Gemini, "", usize::MAX, demo::Fault::Status(403));
    let body = json!({"message": "Hello?", "userId": data::USER});
    let (status, text) = live.post("/api/chat/stream", &body).await;
    assert_eq!((status, events(&text)), (200, vec![json!({"error": "`gemini` answered 403"})]));
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_refuse_what_is_wrong_or_somebody_elses() {
    let live = Live::start().await;
    let body = json!({"userId": data::USER, "totalIncome": 0, "period": "weekly"});
    let (status, text) = live.post("/api/budget/suggest", &body).await;
    let problem: Value = serde_json::from_str(&text).unwrap();
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<_> = errors.map(|error| error["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!((status, pointers), (422, vec!["/period", "/totalIncome"]));

    let body = json!({"userId": "somebody else", "totalIncome": 5, "period": "monthly"});
    assert_eq!(live.post("/api/budget/suggest", &body).await.0, 403);
    let row = json!({"user_id": "somebody else", "amount": 5, "transaction_date": "2024-05-20"});
    assert_eq!(live.post("/api/transactions/create", &row).await.0, 403);
    let of_auth = live.stand_ins.count(demo::Service::Supabase, "GET", "/auth/v1/");
    assert_eq!(live.stand_ins.calls().len(), of_auth);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_those_of_supabase() {
    // With the shared secret, and by asking Supabase where there is none.
    for (secret, asked) in [(None, 0), (Some(("SUPABASE_JWT_SECRET", "")), 2)] {
        let live = Live::start_with(secret.as_slice()).await;
        let row = json!({"amount": 5, "transaction_date": "2024-05-20"});
        let create = "/api/transactions/create";
        // The same one twice: that is known the second time.
        let good = live.stand_ins.token(data::USER);
        assert_eq!(live.post_with(&good, create, &row).await.0, 200);
        assert_eq!(live.post_with(&good, create, &row).await.0, 200);
        let (message, _) = good.rsplit_once('.').unwrap();
        let long_ago = Timestamp::now() - Duration::from_secs(7200);
        let keys = live.stand_ins.keys();
        for bad in [
            format!("{message}.c2lnbmF0dXJl"),
            live.stand_ins.token_at(data::USER, long_ago),
            keys.anon.clone(),
            keys.service.clone(),
        ] {
            assert_eq!(live.post_with(&bad, create, &row).await.0, 401, "{bad}");
        }
        assert_eq!(live.stand_ins.count(demo::Service::Supabase, "GET", "/auth/v1/user"), asked);
        assert_eq!(live.stand_ins.count(demo::Service::Supabase, "POST", "/transactions"), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_answered_here_and_on_its_topic() {
    let live = Live::start().await;
    live.stand_ins.say(r#"{"rent": 6, "savings": 5}"#);
    live.stand_ins.say(r#"{"rent": 5, "savings": 5}"#);
    let body = json!({"user_id": data::USER, "total_income": 10, "period": "yearly"});
    let (status, text) = live.post("/api/budget/suggest", &body).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "success": true, "suggestion": {"rent": 5, "savings": 5}, "totalIncome": 10, "period": "yearly",
        "correlation_id": answer["correlation_id"],
    });
    assert_eq!((status, &answer), (200, &expected));
    assert!(answer["correlation_id"].is_string());
    assert_eq!(live.records("budget_responses").await, [expected]);

    live.stand_ins.say("I would rather not.");
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "yearly"});
    let (status, text) = live.post("/api/budget/suggest", &body).await;
    assert_eq!(status, 502);
    assert!(text.contains("failed to parse budget suggestion"), "{text}");
    let told = live.records("budget_responses").await;
    assert_eq!(told[1]["success"], false);
    assert_eq!(told[1]["error"], "failed to parse budget suggestion");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_ends_in_alerts_and_sums() {
    let mut live = Live::start().await;
    let body = json!({
        "documentId": data::DOCUMENT, "fileUrl": "https://files.example.com/a.jpg", "userId": data::USER,
    });
    let (status, text) = live.post("/api/ocr/process", &body).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &answer["transactionCount"]), (200, &json!(2)));
    let ended =
        live.ended(vec!["ocr", "transaction", "transaction", "notification", "analytics", "analytics"]).await;
    assert!(ended.iter().all(|(_, outcome)| outcome.is_ok()), "{ended:?}");
    // 7000 and 1250.50 of 10000 are past 80 %.
    let alerts = live.stand_ins.rows("alerts");
    let alerts: Vec<_> = alerts.iter().map(|row| (&row["alert_type"], &row["category"])).collect();
    assert_eq!(alerts, [(&json!("budget_80"), &json!("groceries"))]);
    assert_eq!(live.stand_ins.rows("total_spending")[0]["total_spent"], 1730.5);
    let document = &live.stand_ins.rows("documents")[0];
    assert_eq!(document["processed"], true);

    live.stand_ins.say("other");
    let (status, text) = live.post("/api/ocr/process", &body).await;
    assert_eq!(status, 200);
    assert!(text.contains("unsupported_document"), "{text}");

    let blank = json!({"image_url": "https://files.example.com/blank.jpg", "user_id": data::USER});
    let (status, text) = live.post("/api/ocr/process", &blank).await;
    assert_eq!(status, 422);
    assert!(text.contains("no text found in the document"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_it_is_delivered_a_transaction_counts_once() {
    let mut live = Live::start().await;
    let mut row = data::purchases(Timestamp::now())[0].clone();
    row["id"] = json!("t1");
    live.stand_ins.insert("transactions", row.clone()).unwrap();
    live.publish("transactions", [bytes(&row), bytes(&row), bytes(&row)]).await;
    let ended = live.ended(vec!["transaction", "notification", "analytics"]).await;
    assert!(ended.iter().all(|(_, outcome)| outcome.is_ok()), "{ended:?}");

    // Another one is past the same threshold only because both are in the sum already.
    let mut other = row.clone();
    other["id"] = json!("t2");
    other["amount"] = json!(1600);
    live.publish("transactions", [bytes(&row), bytes(&other)]).await;
    let ended = live.ended(vec!["transaction", "analytics"]).await;
    assert_eq!(ended[0].1.as_ref().unwrap()["status"], "duplicate_suppressed");

    assert_eq!(live.stand_ins.rows("alerts").len(), 1);
    assert_eq!(live.stand_ins.rows("notifications").len(), 1);
    assert_eq!(live.stand_ins.rows("total_spending")[0]["total_spent"], 3100);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_give_one_alert() {
    let mut live = Live::start().await;
    let [first, second] = data::purchases(Timestamp::now());
    let rows = [("t1", first), ("t2", second)].map(|(id, mut row)| {
        row["id"] = json!(id);
        live.stand_ins.insert("transactions", row.clone()).unwrap();
        row
    });
    // Both are in the sum, 10500 of 10000, when either is looked at: each crosses 100 %.
    live.publish("transactions", rows.iter().map(bytes)).await;
    let expected = vec!["transaction", "transaction", "notification", "analytics", "analytics"];
    let ended = live.ended(expected).await;
    let mut statuses: Vec<_> = ended
        .iter()
        .filter(|(name, _)| name == "transaction")
        .map(|(_, outcome)| outcome.as_ref().unwrap()["status"].as_str().unwrap())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["alert_created", "duplicate_suppressed"]);
    assert_eq!(live.stand_ins.rows("alerts").len(), 1);
    assert_eq!(live.stand_ins.rows("total_spending")[0]["total_spent"], 3500);
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_right_whatever_comes_at_once() {
    let mut live = Live::start().await;
    let event = |n: usize| {
        let data = json!({"id": n, "amount": n, "category": "rent", "transaction_date": "2024-05-20"});
        json!({"user_id": data::USER, "event_type": "transaction_added", "data": data})
    };
    live.publish("analytics", (1..=20).map(|n| bytes(&event(n)))).await;
    live.ended(vec!["analytics"; 20]).await;
    assert_eq!(live.stand_ins.rows("total_spending")[0]["total_spent"], 210);
    assert_eq!(live.stand_ins.rows("category_spending")[0]["total_spent"], 210);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_kept_and_stops_nothing() {
    let mut live = Live::start().await;
    let good = json!({"user_id": data::USER, "type": "reminder"});
    let without_user = json!({"type": "reminder"});
    let records = [Some(b"{".to_vec()), Some(vec![0xff, 0xfe]), None, bytes(&without_user), bytes(&good)];
    live.publish("notifications", records).await;
    live.ended(vec!["notification"; 5]).await;
    assert_eq!(live.stand_ins.rows("notifications").len(), 1);
    let filter = Filter { status: Some(Status::Parked), pathway: None, before: None, limit: 10 };
    assert_eq!(live.app.store.runs(filter).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_for_which_nobody_vouches_is_denied() {
    let mut live = Live::start().await;
    let ask = json!({"userId": data::USER, "totalIncome": 5, "period": "monthly", "correlation_id": "c1",
        "supabase_access_token": "forged"});
    live.publish("budget_requests", [bytes(&ask)]).await;
    let ended = live.ended(vec!["budget"]).await;
    assert_eq!(ended[0].1, Err(Class::Denied));
    let told = live.records("budget_responses").await;
    assert_eq!((&told[0]["success"], &told[0]["correlation_id"]), (&json!(false), &json!("c1")));
    let of_auth = live.stand_ins.count(demo::Service::Supabase, "GET", "/auth/v1/");
    assert_eq!(live.stand_ins.calls().len(), of_auth);
}

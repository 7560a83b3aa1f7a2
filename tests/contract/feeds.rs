//! Streams that a browser opens by itself: new transactions, and the messages of a conversation.

use std::time::Duration;

use pathway_server::demo::data;
use pathway_tests::browser::EventSource;
use pathway_tests::events::Event;
use pathway_tests::finance::{Answer, Finance, JsonBody as _};
use pathway_tests::kafka::Message;
use pathway_tests::model::Model;
use pathway_tests::soon;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shape;

const TRANSACTIONS: &str = "/api/transactions/stream";

/// Opens the user's transactions as the frontend does.
async fn transactions(app: &Finance) -> EventSource {
    let path = format!("{TRANSACTIONS}?user_id={}&access_token={}", data::USER, app.token());
    let source = EventSource::open(app.server().authority(), &path).await;
    assert_eq!(source.ended, None, "{}", app.log.text());
    source
}

fn row(id: &str, user: &str) -> Value {
    json!({"id": id, "user_id": user, "amount": 5, "transaction_date": "2024-05-06", "category": "dining"})
}

/// What somebody else tells of a row.
fn told(app: &Finance, row: &Value) -> Message {
    app.message("transactions").key(row["user_id"].as_str().unwrap()).json(row)
}

/// The row that an event tells of, in the form that the frontend reads.
fn row_of(event: &Event) -> Value {
    assert!(event.name == "message" && !event.id.is_empty(), "{event:?}");
    let said = event.json();
    assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
    said["data"].clone()
}

#[tokio::test]
async fn new_transactions_of_the_user_and_nobody_elses() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    kafka.write([told(&app, &row("before", data::USER))]).await;
    soon("the one before", app.stand_ins.until(|it| !it.rows("total_spending").is_empty())).await;
    let mut source = transactions(&app).await;
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    let created = app.post("/api/transactions/create", &purchase).await.json();
    assert_eq!(row_of(&source.message().await), created);
    let theirs = row("theirs", "somebody else");
    kafka.write([told(&app, &theirs), told(&app, &row("mine", data::USER)), told(&app, &theirs)]).await;
    assert_eq!(row_of(&source.message().await), row("mine", data::USER));
    // What is no transaction at all reaches nobody, and stops nothing.
    let message = || app.message("transactions").key(data::USER);
    kafka
        .write([message().bytes("{"), message(), message().json(&json!([1])), message().json(&json!({}))])
        .await;
    kafka.write([told(&app, &row("last", data::USER))]).await;
    assert_eq!(row_of(&source.message().await), row("last", data::USER));
}

#[tokio::test]
async fn whose_transactions_follows_from_the_token() {
    let Some(app) = shape::served().await else { return };
    let open = |path: String| app.bare(Method::GET, &path);
    let token = app.token();
    let mut expired = pathway_tests::issuer::claims("", data::USER);
    expired["iss"] = json!(format!("{}/auth/v1", app.stand_ins.supabase_url));
    expired["exp"] = json!(1_700_000_000);
    let secret = app.stand_ins.keys().jwt_secret.clone();
    let expired = pathway_tests::issuer::hs256(&secret, &json!({"alg": "HS256", "typ": "JWT"}), &expired);
    for (path, status) in [
        (TRANSACTIONS.to_owned(), 401),
        (format!("{TRANSACTIONS}?user_id={}", data::USER), 401),
        (format!("{TRANSACTIONS}?access_token={}", app.stand_ins.keys().anon), 401),
        (format!("{TRANSACTIONS}?access_token={expired}"), 401),
        (format!("{TRANSACTIONS}?user_id=somebody&access_token={token}"), 403),
        (format!("{TRANSACTIONS}?ticket=abc"), 401),
    ] {
        let answer = Answer::to(open(path.clone())).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{path}"
        );
    }
    // Without a name it is the caller's own.
    let mut source =
        EventSource::open(app.server().authority(), &format!("{TRANSACTIONS}?access_token={token}")).await;
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    let created = app.post("/api/transactions/create", &purchase).await.json();
    assert_eq!(row_of(&source.message().await), created);
    assert!(!app.log.text().contains(&token), "a token in the query is not logged");
}

#[tokio::test]
async fn a_ticket_opens_a_stream_in_place_of_a_token() {
    let Some(app) = shape::served().await else { return };
    let given = app.post("/api/stream-tickets", &json!({ "path": TRANSACTIONS })).await;
    assert_eq!((given.status, given.header("cache-control")), (200, "no-store"), "{given:?}");
    let ticket = given.json()["ticket"].as_str().unwrap().to_owned();
    assert!(given.json()["expires_in"].as_u64().is_some_and(|seconds| (1..=60).contains(&seconds)));
    let path = format!("{TRANSACTIONS}?ticket={ticket}");
    let mut source = EventSource::open(app.server().authority(), &path).await;
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    let created = app.post("/api/transactions/create", &purchase).await.json();
    assert_eq!(row_of(&source.message().await), created);

    // For nothing else, and for nobody who has changed it.
    let elsewhere = format!("/api/chat/stream?correlation_id=c1&ticket={ticket}");
    assert_eq!(Answer::to(app.bare(Method::GET, &elsewhere)).await.status, 401);
    let (begin, end) = ticket.split_at(ticket.len() / 2);
    let flipped = end.chars().rev().collect::<String>();
    let forged = format!("{TRANSACTIONS}?ticket={begin}{flipped}");
    assert_eq!(Answer::to(app.bare(Method::GET, &forged)).await.status, 401);
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let request = app.bare(Method::POST, &format!("/api/budget/suggest?ticket={ticket}")).json_body(&body);
    assert_eq!(Answer::to(request).await.status, 401, "a ticket is for streams alone");
    assert_eq!(
        Answer::to(app.bare(Method::POST, "/api/stream-tickets").json_body(&json!({}))).await.status,
        401
    );
}

#[tokio::test]
async fn a_reader_that_comes_again_misses_nothing() {
    let Some(kafka) = shape::kafka().await else { return };
    let mut app = shape::over(&kafka).await;
    let mut source = transactions(&app).await;
    let tell = |names: &'static [&'static str]| {
        let messages: Vec<_> = names.iter().map(|name| told(&app, &row(name, data::USER))).collect();
        kafka.write(messages)
    };
    tell(&["a", "b", "c"]).await;
    for name in ["a", "b", "c"] {
        assert_eq!(row_of(&source.message().await)["id"], name);
    }
    source.disconnect();
    tell(&["d", "e"]).await;
    source.reconnect().await;
    for name in ["d", "e"] {
        assert_eq!(row_of(&source.message().await)["id"], name);
    }
    // A server that was killed is another one's affair; the stream is the same.
    let more = ["f", "g"].map(|name| told(&app, &row(name, data::USER)));
    app.crash().await;
    kafka.write(more).await;
    app.start().await;
    source.moved(app.server().authority());
    source.reconnect().await;
    let mut seen = Vec::new();
    while seen.last().is_none_or(|name| name != "g") {
        seen.push(row_of(&source.message().await)["id"].as_str().unwrap().to_owned());
    }
    // After a restart one may come twice; none is left out.
    seen.dedup();
    assert!(seen.ends_with(&["f".to_owned(), "g".to_owned()]), "{seen:?}");
}

#[tokio::test]
async fn an_id_that_was_never_given_begins_at_the_end() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let mut source = transactions(&app).await;
    let rows = ["a", "b"].map(|name| told(&app, &row(name, data::USER)));
    kafka.write(rows).await;
    let first = source.message().await;
    assert_eq!(row_of(&first)["id"], "a");
    assert_eq!(row_of(&source.message().await)["id"], "b");

    let mut readers = Vec::new();
    for id in ["", "abc", "1.3", "0:999999,1:999999,2:999999,3:999999", "-1:2", "~"] {
        let mut source = transactions(&app).await;
        source.disconnect();
        source.pretend(id);
        source.reconnect().await;
        assert_eq!(source.ended, None, "{id:?}");
        readers.push((id, source));
    }
    let mut old = transactions(&app).await;
    old.disconnect();
    old.pretend(&first.id);
    old.reconnect().await;
    assert_eq!(row_of(&old.message().await)["id"], "b");
    kafka.write([told(&app, &row("c", data::USER))]).await;
    for (id, source) in &mut readers {
        assert_eq!(row_of(&source.message().await)["id"], "c", "{id:?}");
    }
    assert_eq!(row_of(&old.message().await)["id"], "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_readers_and_a_slow_one() {
    const READERS: usize = 500;
    const ROWS: usize = 30;
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let path = format!("{TRANSACTIONS}?access_token={}", app.token());
    let mut slow = app.wire(&pathway_tests::wire::Ask::get(&path)).await;
    // Its pace is what is tested here, not a wait for anything.
    let reading = tokio::spawn(async move {
        while slow.raw().await.is_some() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let open = |_| EventSource::open(app.server().authority(), &path);
    let mut readers = futures_util::future::join_all((0..READERS).map(open)).await;
    let names: Vec<String> = (0..ROWS).map(|n| format!("row-{n}")).collect();
    let rows: Vec<_> = names.iter().map(|name| told(&app, &row(name, data::USER))).collect();
    kafka.write(rows).await;
    let read = readers.iter_mut().map(async |source| {
        let mut seen = Vec::new();
        while seen.len() < ROWS {
            seen.push(row_of(&source.message().await)["id"].as_str().unwrap().to_owned());
        }
        seen
    });
    for seen in soon("all readers", futures_util::future::join_all(read)).await {
        assert_eq!(seen, names);
    }
    assert!(!reading.is_finished(), "the slow one still reads");
    reading.abort();
}

#[tokio::test]
async fn a_conversation_is_joined_by_its_correlation_id() {
    let Some(kafka) = shape::kafka().await else { return };
    let mut model = Model::start().await;
    let app = shape::draft(&kafka).await.variable("GEMINI_URL", Some(&model.url)).start().await;
    // Of an older gateway, which has told its browser the id before anybody took the question up.
    let path = format!("/api/chat/stream?correlation_id=c-77&access_token={}", app.token());
    let opening = EventSource::open(app.server().authority(), &path);
    let ask = json!({
        "message": "Hello?", "userId": data::USER, "correlation_id": "c-77", "supabase_access_token": app.token(),
    });
    let asking = kafka.write([app.message("chat_requests").key("c-77").json(&ask)]);
    let (mut source, ()) = tokio::join!(opening, asking);
    assert_eq!(source.ended, None);
    let mut answer = model.asked().await;
    for word in ["one ", "two"] {
        answer.say(word).await;
        assert_eq!(source.message().await.json(), json!({"event": "chunk", "text": word}));
    }
    // Another joins in the middle, and the first comes again after what it saw.
    let mut late = EventSource::open(app.server().authority(), &path).await;
    for word in ["one ", "two"] {
        assert_eq!(late.message().await.json(), json!({"event": "chunk", "text": word}));
    }
    source.disconnect();
    answer.say("three").await;
    answer.end();
    source.reconnect().await;
    for source in [&mut source, &mut late] {
        assert_eq!(source.message().await.json(), json!({"event": "chunk", "text": "three"}));
        assert_eq!(source.message().await.json(), json!({"event": "done"}));
        // What is over is not asked for again: a browser that comes back is told so.
        assert_eq!((source.next().await, source.ended), (None, Some(204)));
    }
    let theirs = app.stand_ins.token("somebody else");
    let path = format!("/api/chat/stream?correlation_id=c-77&access_token={theirs}");
    let answer = Answer::to(app.bare(Method::GET, &path).timeout(Duration::from_secs(30)));
    // Whether there is one is not told: it is waited for as one that may still come.
    let waiting = tokio::time::timeout(Duration::from_secs(2), answer).await;
    assert!(waiting.is_err() || waiting.is_ok_and(|answer| answer.status == 404));
}

#[tokio::test]
async fn a_conversation_of_our_own_gateway_is_joined_too() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"message": "Hello?", "userId": data::USER});
    app.stand_ins.say("Good morning.");
    let answer = app.post("/api/chat/stream", &body).await;
    let run = answer.header("pathway-run").to_owned();
    let path = format!("/api/chat/stream?correlation_id={run}&access_token={}", app.token());
    let mut source = EventSource::open(app.server().authority(), &path).await;
    for word in ["Good ", "morning."] {
        assert_eq!(source.message().await.json(), json!({"event": "chunk", "text": word}));
    }
    assert_eq!(source.message().await.json(), json!({"event": "done"}));
}

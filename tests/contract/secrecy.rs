//! A caller's token is nowhere but in calls in their name: not in Kafka, not in the store, not in
//! a log, not in an answer.

use std::path::Path;

use base64::Engine as _;
use pathway_server::demo::{Fault, Service, data};
use pathway_tests::finance::{Answer, JsonBody as _};
use pathway_tests::issuer::{claims, hs256};
use pathway_tests::kafka::{Kafka, Record};
use pathway_tests::wire::Ask;
use reqwest::Method;
use serde_json::json;

use crate::shape;

/// What must not be found of a token: itself and its parts.
fn needles(token: &str) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = token.split('.').skip(1).map(Into::into).collect();
    parts.push(token.into());
    // However it may be wrapped again.
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    parts.extend((0..3).map(|n| {
        let mut encoded = base64.encode(&token.as_bytes()[n..]).into_bytes();
        // The last characters depend on what follows.
        encoded.truncate(encoded.len() - 2);
        encoded
    }));
    parts
}

fn assert_absent(bytes: &[u8], needles: &[Vec<u8>], place: &str) {
    for needle in needles {
        let found = bytes.windows(needle.len()).any(|window| window == needle.as_slice());
        assert!(!found, "`{}` stands in {place}", String::from_utf8_lossy(needle));
    }
}

fn is_in_files(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file() && std::fs::read(&path).unwrap().windows(needle.len()).any(|it| it == needle)
    })
}

fn assert_absent_in_files(folder: &Path, needles: &[Vec<u8>]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_absent_in_files(&path, needles);
        } else {
            assert_absent(&std::fs::read(&path).unwrap(), needles, &path.display().to_string());
            files += 1;
        }
    }
    files
}

fn assert_absent_in_topics(records: &[Record], needles: &[Vec<u8>]) {
    for record in records {
        let place = format!("{}/{}/{}", record.topic, record.partition, record.offset);
        let headers = record.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value]);
        let parts = [record.key.as_deref(), record.value.as_deref()].into_iter().flatten().chain(headers);
        parts.for_each(|part| assert_absent(part, needles, &place));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_nowhere() {
    let Some(kafka) = Kafka::own().await else { return };
    let draft = shape::draft(&kafka).await;
    let mut app = draft.setting("PATHWAY_LOG", "trace").start().await;
    let planted = "planted-7f3a9c51e2";
    let mut claims = claims(&format!("{}/auth/v1", app.stand_ins.supabase_url), data::USER);
    claims["session_id"] = json!(planted);
    let secret = app.stand_ins.keys().jwt_secret.clone();
    let token = hs256(&secret, &json!({"alg": "HS256", "typ": "JWT"}), &claims);
    let needles = needles(&token);
    // What it claims is kept with the run, which may ask for it, and told to nobody.
    let claimed: Vec<Vec<u8>> = needles.iter().cloned().chain([planted.into()]).collect();

    let mut answers = String::new();
    let budget = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let ocr = json!({"fileUrl": "https://files.example.com/a.jpg", "userId": data::USER});
    let [row, _] = data::purchases(jiff::Timestamp::now());
    let post = |path: &'static str, body: serde_json::Value| {
        let request = app.bare(Method::POST, path).json_body(&body).bearer_auth(&token);
        async move { Answer::to(request).await }
    };
    // Served, refused by the schema, refused by an upstream, cut off, for somebody else.
    for (path, body, status) in [
        ("/api/budget/suggest", budget.clone(), 200),
        ("/api/ocr/process", ocr, 200),
        ("/api/transactions/create", row, 200),
        ("/api/budget/suggest", json!({"supabase_access_token": token, "period": 7}), 422),
        ("/api/budget/suggest", json!({"userId": "x", "totalIncome": 10, "period": "monthly"}), 403),
        ("/api/nothing", json!({"token": token}), 404),
    ] {
        let answer = post(path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answers.push_str(&answer.text);
    }
    for fault in [Fault::Status(401), Fault::Status(500), Fault::Cut] {
        app.stand_ins.fail(Service::Supabase, "/transactions", 3, fault);
        answers.push_str(&post("/api/budget/suggest", budget.clone()).await.text);
        app.stand_ins.heal();
    }
    let mut with_token = budget.clone();
    with_token["supabase_access_token"] = json!(token);
    answers.push_str(&post("/api/budget/suggest", with_token).await.text);
    let chat = json!({"message": "Hello?", "userId": data::USER});
    let mut wire = app.wire(&Ask::post("/api/chat/stream", &chat).bearer(&token)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    while let Some(chunk) = wire.chunk().await {
        answers.push_str(&chunk);
    }
    for path in [format!("/api/runs/{run}"), format!("/api/runs/{run}/events?access_token={token}")] {
        answers.push_str(&Answer::to(app.bare(Method::GET, &path).bearer_auth(&token)).await.text);
    }
    let called = |name: &str| app.calls().iter().filter(|call| call.headers.contains_key(name)).count();
    assert!(called("authorization") > 10);

    // An older gateway writes the token into its record; there it is, and is nowhere copied to.
    let older = json!({
        "userId": data::USER, "totalIncome": 10, "period": "monthly", "correlation_id": "c1",
        "supabase_access_token": token,
    });
    let mut wrong = older.clone();
    wrong["totalIncome"] = json!(-1);
    let broken = format!("{{\"supabase_access_token\": \"{token}\", ");
    let message = || app.message("budget_requests").key("c1");
    kafka.write([message().json(&older), message().json(&wrong), message().bytes(broken)]).await;
    let mut replies = app.reader("budget_responses").await;
    for _ in 0..3 {
        replies.find(|reply| reply.key() == "c1").await;
    }
    let dead = format!("{}.dlq", app.topic("budget_requests"));
    kafka.make(&[&dead], 4).await;
    let mut letters = pathway_tests::kafka::Reader::from_start(&kafka, &[&dead]).await;
    letters.find(|letter| letter.value.as_deref().is_none_or(<[u8]>::is_empty)).await;

    // While it runs, as after a crash, and after it has stopped.
    let folder = app.folder().join("data");
    assert!(is_in_files(&folder, run.as_bytes()), "what is kept is found");
    assert!(app.log.text().contains(" - DEBUG - "), "all is logged");
    assert!(assert_absent_in_files(&folder, &needles) > 2);
    app.crash().await;
    assert_absent_in_files(&folder, &needles);
    app.start().await;
    app.stop().await;
    assert_absent_in_files(&folder, &needles);
    assert_absent(app.log.text().as_bytes(), &claimed, "the log");
    assert_absent(answers.as_bytes(), &claimed, "an answer");
    let theirs = |record: &Record| record.topic == app.topic("budget_requests") && record.key() == "c1";
    let records = kafka.dump().await;
    let ours: Vec<Record> = records.into_iter().filter(|record| !theirs(record)).collect();
    assert!(ours.len() > 20);
    assert_absent_in_topics(&ours, &claimed);
}

#[tokio::test]
async fn keys_of_the_project_are_found_nowhere() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 200);
    app.stand_ins.fail(Service::Supabase, "", 1, Fault::Status(400));
    let failed = app.post("/api/budget/suggest", &body).await;
    let keys = app.stand_ins.keys();
    let keys = [&keys.anon, &keys.service, &keys.integrations, &keys.jwt_secret];
    let needles: Vec<Vec<u8>> = keys.into_iter().map(|key| key.as_bytes().to_vec()).collect();
    assert_absent(app.log.text().as_bytes(), &needles, "the log");
    assert_absent(failed.text.as_bytes(), &needles, "an answer");
    assert_absent_in_files(&app.folder().join("data"), &needles);
}

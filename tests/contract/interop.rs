//! A partner who runs the older Python API in front of our worker: its messages have the token in
//! the body, the correlation id for a key, and no headers.

use pathway_server::demo::{Service, data};
use pathway_tests::finance::Finance;
use pathway_tests::issuer::{claims, hs256};
use pathway_tests::kafka::{Message, Record};
use serde_json::{Value, json};

use crate::shape;

const FILE: &str = "https://files.example.com/receipt.jpg";

/// A message as the older API writes it.
fn message(app: &Finance, topic: &str, id: &str, mut body: Value, token: Option<&str>) -> Message {
    body["correlation_id"] = json!(id);
    if let Some(token) = token {
        body["supabase_access_token"] = json!(token);
    }
    app.message(topic).key(id).json(&body)
}

fn budget() -> Value {
    json!({"userId": data::USER, "totalIncome": 50000, "period": "monthly"})
}

/// The keys with which the database was called: apikey, and whose token.
fn roles(app: &Finance) -> Vec<&'static str> {
    let keys = app.stand_ins.keys();
    let of = |name: &str, headers: &reqwest::header::HeaderMap| headers[name].to_str().unwrap().to_owned();
    let calls = app.calls().into_iter().filter(|call| call.service == Service::Supabase);
    let role = calls.map(|call| {
        let (key, bearer) = (of("apikey", &call.headers), of("authorization", &call.headers));
        match (key == keys.service, bearer == format!("Bearer {}", keys.service)) {
            (true, true) => "service",
            (false, false) if key == keys.anon => "user",
            _ => "confused",
        }
    });
    role.collect()
}

#[tokio::test]
async fn a_message_with_a_token_is_served_as_its_user() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let token = app.token();
    let chat = json!({"message": "Hello?", "userId": data::USER});
    let ocr = json!({"documentId": data::DOCUMENT, "fileUrl": FILE, "userId": data::USER});
    app.stand_ins.say("Good morning.");
    kafka.write([message(&app, "chat_requests", "c3", chat, Some(&token))]).await;
    let mut told = app.reader("chat_responses").await;
    for expected in [
        json!({"correlation_id": "c3", "event": "chunk", "text": "Good "}),
        json!({"correlation_id": "c3", "event": "chunk", "text": "morning."}),
        json!({"correlation_id": "c3", "event": "done"}),
    ] {
        let record = told.next().await;
        assert_eq!((record.key().as_str(), record.json()), ("c3", expected));
    }
    assert_eq!(app.stand_ins.rows("chat_history").len(), 2);

    kafka.write([message(&app, "budget_requests", "c1", budget(), Some(&token))]).await;
    let told = app.reader("budget_responses").await.next().await;
    let said = told.json();
    assert_eq!(
        (told.key().as_str(), &said["correlation_id"], &said["success"]),
        ("c1", &json!("c1"), &json!(true))
    );
    assert!(said["suggestion"]["rent"].is_number());
    assert_eq!((&said["totalIncome"], &said["period"]), (&json!(50000), &json!("monthly")));

    kafka.write([message(&app, "ocr_requests", "c2", ocr, Some(&token))]).await;
    let told = app.reader("ocr_responses").await.next().await;
    let expected = json!({"success": true, "transactionCount": 2, "correlation_id": "c2"});
    assert_eq!((told.key().as_str(), told.json()), ("c2", expected));
    // What follows from the rows is the service's; all else was the user's.
    let users = roles(&app);
    assert!(!users.contains(&"confused") && users[..11].iter().all(|role| *role == "user"), "{users:?}");
}

#[tokio::test]
async fn a_message_without_a_token_is_served_as_the_service_for_its_user_alone() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let spent = |user: &str, amount: u32| json!({"user_id": user, "amount": amount, "transaction_date": "2024-05-06", "category": "dining"});
    app.stand_ins.insert("transactions", spent("u7", 111)).unwrap();
    app.stand_ins.insert("transactions", spent("u8", 999_999)).unwrap();
    let ask = json!({"user_id": "u7", "total_income": 1000, "period": "yearly"});
    let null =
        json!({"user_id": "u7", "total_income": 1000, "period": "yearly", "supabase_access_token": null});
    kafka.write([message(&app, "budget_requests", "c1", ask, None)]).await;
    kafka.write([message(&app, "budget_requests", "c1", null, None)]).await;
    for told in app.reader("budget_responses").await.take(2).await {
        assert_eq!((told.key().as_str(), &told.json()["success"]), ("c1", &json!(true)), "{told:?}");
    }
    assert_eq!(roles(&app), ["service", "service"]);
    let calls = app.calls();
    let read: Vec<_> = calls.iter().filter(|call| call.service == Service::Supabase).collect();
    assert!(read.iter().all(|call| call.query.contains("user_id=eq.u7")), "{read:?}");
    let prompt = &calls.iter().find(|call| call.service == Service::Gemini).unwrap().body;
    assert!(prompt.contains("111") && !prompt.contains("999999"), "{prompt}");

    // Whoever it is about must be said.
    let ask = json!({"total_income": 1000, "period": "yearly"});
    kafka.write([message(&app, "budget_requests", "c2", ask, None)]).await;
    let told = app.reader("budget_responses").await.find(|told| told.key() == "c2").await;
    assert_eq!(told.json()["success"], false);
}

#[tokio::test]
async fn what_a_partner_knows_stands_in_for_the_database() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let history: Vec<Value> = (0..12).map(|n| json!({"role": "user", "message": format!("m{n}.")})).collect();
    let ask = json!({
        "message": "And now?", "userId": "u9",
        "localContext": {"mode": "offline", "total_income": 4711}, "localHistory": history,
    });
    app.stand_ins.say("Now, yes.");
    kafka.write([message(&app, "chat_requests", "c1", ask, None)]).await;
    let mut told = app.reader("chat_responses").await;
    let events: Vec<_> = told.take(3).await.iter().map(|told| told.json()["event"].clone()).collect();
    assert_eq!(events, ["chunk", "chunk", "done"]);
    let calls = app.calls();
    assert_eq!(calls.len(), 1, "the model was asked, and nobody else: {calls:?}");
    for (text, is_told) in [("4711", true), ("m11.", true), ("m2.", true), ("m1.", false), ("And now?", true)]
    {
        assert_eq!(calls[0].body.contains(text), is_told, "{text} in {}", calls[0].body);
    }
}

#[tokio::test]
async fn a_token_that_is_no_good_is_denied_and_never_served_as_the_service() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let keys = app.stand_ins.keys();
    let issuer = format!("{}/auth/v1", app.stand_ins.supabase_url);
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let good = claims(&issuer, data::USER);
    let mut expired = good.clone();
    expired["exp"] = json!(1_700_000_000);
    let bad = [
        ("forged", hs256("another secret that is long enough to sign", &header, &good)),
        ("expired", hs256(&keys.jwt_secret, &header, &expired)),
        ("anon", keys.anon.clone()),
        ("service", keys.service.clone()),
        ("foreign", app.stand_ins.token("somebody else")),
        ("text", "abc".to_owned()),
    ];
    for (id, token) in &bad {
        kafka.write([message(&app, "budget_requests", id, budget(), Some(token))]).await;
    }
    let odd = json!({"userId": data::USER, "totalIncome": 1, "period": "monthly", "supabase_access_token": {"a": 1}});
    kafka.write([message(&app, "budget_requests", "odd", odd, None)]).await;
    let mut told = app.reader("budget_responses").await.take(bad.len() + 1).await;
    told.sort_by_key(Record::key);
    let ids: Vec<_> = told.iter().map(Record::key).collect();
    assert_eq!(ids, ["anon", "expired", "foreign", "forged", "odd", "service", "text"]);
    for told in &told {
        let said = told.json();
        assert!(said["success"] == false && said["error"].is_string(), "{said}");
    }
    assert!(app.calls().is_empty(), "nobody was called");

    // They are kept, and without their tokens.
    let dead = format!("{}.dlq", app.topic("budget_requests"));
    kafka.make(&[&dead], 4).await;
    let letters = pathway_tests::kafka::Reader::from_start(&kafka, &[&dead]).await.take(bad.len() + 1).await;
    for letter in &letters {
        assert!(letter.json().get("supabase_access_token").is_none(), "{letter:?}");
        assert!(
            matches!(letter.header("pathway-class").as_deref(), Some("denied" | "invalid")),
            "{letter:?}"
        );
    }
}

#[tokio::test]
async fn the_older_services_group_goes_on_where_it_was() {
    let Some(kafka) = shape::kafka().await else { return };
    let draft = shape::draft(&kafka).await;
    let (group, topic) = (draft.group().to_owned(), draft.topic("notifications"));
    let mut app = draft.stopped();
    let note = |title: &str| json!({"user_id": "u1", "type": "reminder", "title": title});
    let record = |title: &str| app.message("notifications").key("u1").json(&note(title));
    kafka.write([record("old 1"), record("old 2"), record("new 1")]).await;
    let mut offsets = vec![0; 4];
    let written = kafka.collect(&topic).await;
    offsets[usize::try_from(written[0].partition).unwrap()] = 2;
    kafka.commit(&group, &topic, &offsets).await;
    app.start().await;
    kafka.write([app.message("notifications").key("u1").json(&note("new 2"))]).await;
    let both = app.stand_ins.until(|it| it.rows("notifications").len() == 2);
    pathway_tests::soon("both new notifications", both).await;
    let rows = app.stand_ins.rows("notifications");
    let titles: Vec<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["new 1", "new 2"]);
    app.stop().await;
    // What was done is committed for whoever comes next.
    let committed = kafka.committed(&group, &topic).await;
    assert_eq!(committed.iter().flatten().max(), Some(&4), "{committed:?}");
}

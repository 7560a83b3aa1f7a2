//! The table of Kafka messages: what is written where, under which key, in which form.

use pathway_server::demo::{Fault, Service, data};
use pathway_tests::finance::{Answer, Draft, JsonBody as _};
use pathway_tests::kafka::Record;
use serde_json::{Value, json};

use crate::shape;

/// What is written for a request, and what is answered to it.
fn pair(id: &str, request: &Record, response: &Record) {
    for record in [request, response] {
        assert_eq!((record.key().as_str(), &record.json()["correlation_id"]), (id, &json!(id)), "{record:?}");
    }
}

#[tokio::test]
async fn a_budget() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let body = json!({"userId": data::USER, "totalIncome": 50000, "period": "monthly"});
    let answer = app.post("/api/budget/suggest", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let id = answer["correlation_id"].as_str().unwrap();
    let (mut requests, mut responses) =
        (app.reader("budget_requests").await, app.reader("budget_responses").await);
    let (request, response) = (requests.next().await, responses.next().await);
    pair(id, &request, &response);
    let mut expected = body;
    expected["correlation_id"] = json!(id);
    assert_eq!(request.json(), expected, "the body, and nothing of the token");
    assert_eq!(response.json(), answer, "the answer");

    app.stand_ins.say("I would rather not.");
    let body = json!({"user_id": data::USER, "total_income": 5, "period": "yearly"});
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 502);
    let (request, response) = (requests.next().await, responses.next().await);
    let id = request.key();
    pair(&id, &request, &response);
    let expected =
        json!({"success": false, "error": "failed to parse budget suggestion", "correlation_id": id});
    assert_eq!(response.json(), expected);
}

#[tokio::test]
async fn a_document() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let body = json!({"fileUrl": "https://files.example.com/a.jpg", "userId": data::USER});
    let answer = app.post("/api/ocr/process", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let id = answer["correlation_id"].as_str().unwrap();
    let (mut requests, mut responses) = (app.reader("ocr_requests").await, app.reader("ocr_responses").await);
    let (request, response) = (requests.next().await, responses.next().await);
    pair(id, &request, &response);
    assert_eq!(response.json(), answer);

    // Every row that was booked is told, under the id of its user.
    let mut transactions = app.reader("transactions").await;
    let mut told: Vec<_> = transactions.take(2).await.iter().map(Record::json).collect();
    let amount = |row: &Value| row["amount"].as_f64().unwrap();
    told.sort_by(|a, b| amount(b).total_cmp(&amount(a)));
    let rows = app.stand_ins.rows("transactions");
    assert_eq!(told, rows[rows.len() - 2..]);

    let blank = json!({"fileUrl": "https://files.example.com/blank.jpg", "userId": data::USER});
    assert_eq!(app.post("/api/ocr/process", &blank).await.status, 422);
    let (request, response) = (requests.next().await, responses.next().await);
    pair(&request.key(), &request, &response);
    let said = response.json();
    assert_eq!(said["success"], false);
    assert!(said["error"].is_string() && said.as_object().unwrap().len() == 3, "{said}");
}

#[tokio::test]
async fn a_chat() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let words: Vec<String> = (0..200).map(|n| format!("{n} ")).collect();
    app.stand_ins.say(words.concat());
    let body = json!({"message": "Count!", "userId": data::USER});
    let answer = app.post("/api/chat/stream", &body).await;
    assert_eq!(answer.status, 200);
    let request = app.reader("chat_requests").await.next().await;
    let id = request.key();
    assert_eq!(
        (&request.json()["message"], &request.json()["correlation_id"]),
        (&json!("Count!"), &json!(id))
    );
    let mut responses = app.reader("chat_responses").await;
    for word in &words {
        let record = responses.next().await;
        assert_eq!(record.key(), id);
        assert_eq!(record.json(), json!({"correlation_id": id, "event": "chunk", "text": word}));
    }
    let last = responses.next().await;
    assert_eq!((last.key(), last.json()), (id.clone(), json!({"correlation_id": id, "event": "done"})));

    app.stand_ins.fail(Service::Gemini, "", 1, Fault::Status(403));
    app.post("/api/chat/stream", &body).await;
    let record = responses.next().await;
    let said = record.json();
    assert_eq!(
        (said["event"].as_str(), said["correlation_id"].as_str()),
        (Some("error"), Some(&*record.key()))
    );
    assert!(said["error"].is_string() && record.key() != id, "{said}");
}

#[tokio::test]
async fn what_follows_from_a_transaction() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    let row = app.post("/api/transactions/create", &purchase).await.json();
    let told = app.reader("transactions").await.next().await;
    assert_eq!((told.key().as_str(), told.json()), (data::USER, row.clone()));

    let told = app.reader("notifications").await.next().await;
    let said = told.json();
    assert_eq!(
        (told.key().as_str(), &said["user_id"], &said["type"]),
        (data::USER, &json!(data::USER), &json!("budget_warning"))
    );
    assert_eq!(
        (&said["metadata"]["category"], &said["metadata"]["percent"]),
        (&json!("groceries"), &json!(85.0))
    );

    let told = app.reader("analytics").await.next().await;
    let said = told.json();
    assert_eq!((told.key().as_str(), &said["user_id"]), (data::USER, &json!(data::USER)));
    assert_eq!((&said["event_type"], &said["data"]["id"]), (&json!("transaction_added"), &row["id"]));
}

#[tokio::test]
async fn partners_write_rows_as_they_have_them() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    // Amounts as text, no id, no category; a message that says little; events of all types.
    let row = json!({"user_id": "u1", "amount": "19.99", "transaction_date": "2024-05-06"});
    let event = |kind: &str, data: Value| json!({"user_id": "u1", "event_type": kind, "data": data});
    let goal = json!({"id": "g1", "user_id": "u1", "target_amount": 200, "current_amount": 0});
    app.stand_ins.insert("savings_goals", goal).unwrap();
    let keyed = |topic: &str, value: &Value| app.message(topic).key("u1").json(value);
    kafka
        .write([
            keyed("transactions", &row),
            keyed("notifications", &json!({"user_id": "u1", "type": "reminder"})),
            keyed("notifications", &json!({"user_id": "u1", "type": "budget_exceeded", "title": "Mind!", "message": "m", "metadata": {"category": "dining"}})),
            keyed("analytics", &event("category_spending", json!({"amount": 5, "category": "rent", "period": "2024-06"}))),
            keyed("analytics", &event("savings_goal", json!({"goal_id": "g1", "current_amount": 50, "target_amount": 200}))),
            keyed("analytics", &event("budget_updated", json!({}))),
            keyed("analytics", &event("something_new", json!({}))),
            keyed("analytics", &event("monthly_summary", json!({"month": "2024-05"}))),
        ])
        .await;
    let written = |it: &pathway_server::demo::StandIns| {
        let count = |table: &str| it.rows(table).len();
        count("notifications") == 2
            && count("category_spending") == 2
            && count("monthly_summaries") == 1
            && count("total_spending") == 1
            && count("alerts") == 1
    };
    pathway_tests::soon("all rows", app.stand_ins.until(written)).await;
    let rows = app.stand_ins.rows("notifications");
    let shown = |row: &Value| json!([row["type"], row["title"], row["channel"], row["metadata"]]);
    assert_eq!(shown(&rows[0]), json!(["reminder", "📅 Reminder", "in_app", {}]));
    assert_eq!(shown(&rows[1]), json!(["budget_exceeded", "Mind!", "in_app", {"category": "dining"}]));
    let alert = &app.stand_ins.rows("alerts")[0];
    assert_eq!((&alert["alert_type"], &alert["category"]), (&json!("budget_exceeded"), &json!("dining")));
    let total = &app.stand_ins.rows("total_spending")[0];
    assert_eq!((&total["period"], &total["total_spent"]), (&json!("2024-05"), &json!(19.99)));
    let goal = &app.stand_ins.rows("savings_goals")[0];
    assert_eq!((&goal["current_amount"], &goal["progress"]), (&json!(50), &json!(25.0)));
}

#[tokio::test]
async fn cloud_events_are_messages_too() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let ask = |id: &str| json!({"userId": data::USER, "totalIncome": 10, "period": "monthly", "correlation_id": id});
    let attributes = json!({
        "specversion": "1.0", "id": "e2", "source": "/partner", "type": "budget.asked",
        "datacontenttype": "application/json",
    });
    let mut structured = attributes.clone();
    structured["data"] = ask("structured");
    let mut binary = app.message("budget_requests").key("binary").json(&ask("binary"));
    binary = binary.header("content-type", "application/json");
    for (name, value) in attributes.as_object().unwrap() {
        if name != "datacontenttype" {
            binary = binary.header(&format!("ce_{name}"), value.as_str().unwrap());
        }
    }
    let structured = app.message("budget_requests").key("structured").json(&structured);
    let structured = structured.header("content-type", "application/cloudevents+json; charset=UTF-8");
    kafka.write([binary, structured]).await;
    let mut responses = app.reader("budget_responses").await;
    let mut answered: Vec<_> = responses.take(2).await;
    answered.sort_by_key(Record::key);
    for (record, id) in answered.iter().zip(["binary", "structured"]) {
        assert_eq!((record.key().as_str(), &record.json()["success"]), (id, &json!(true)), "{record:?}");
    }
}

#[tokio::test]
async fn an_estate_without_topics_gets_them() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = Draft::without_topics(&kafka).await.start().await;
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 200);
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    assert_eq!(app.post("/api/transactions/create", &purchase).await.status, 200);
    let told =
        app.stand_ins.until(|it| it.rows("notifications").len() == 1 && it.rows("total_spending").len() == 1);
    pathway_tests::soon("all that follows", told).await;
}

#[tokio::test]
async fn a_request_that_is_repeated_is_asked_once() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let ask = |income: u32| {
        let body = json!({"userId": data::USER, "totalIncome": income, "period": "monthly"});
        let request = app.request(reqwest::Method::POST, "/api/budget/suggest").json_body(&body);
        Answer::to(request.header("idempotency-key", "\"k1\""))
    };
    let (first, second) = tokio::join!(ask(10), ask(10));
    assert_eq!((first.status, second.status), (200, 200), "{first:?} {second:?}");
    assert_eq!(first.json(), second.json());
    assert_eq!(ask(10).await.json(), first.json());
    assert_eq!(ask(11).await.status, 422, "the same key for something else");
    assert_eq!(app.stand_ins.count(Service::Gemini, "POST", ""), 1);
}

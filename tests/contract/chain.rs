//! What follows from a transaction: alerts, notifications and sums, once each, in order.

use std::collections::BTreeMap;

use pathway_server::demo::{Service, StandIns, data};
use pathway_tests::finance::Finance;
use pathway_tests::kafka::Record;
use pathway_tests::soon;
use serde_json::{Value, json};

use crate::shape;

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Books a row as somebody else would, and tells of it.
async fn tell(app: &Finance, row: &Value) {
    app.stand_ins.insert("transactions", row.clone()).unwrap();
    app.kafka().write([app.message("transactions").key(row["user_id"].as_str().unwrap()).json(row)]).await;
}

fn sums(stand_ins: &StandIns, table: &str) -> Vec<f64> {
    stand_ins.rows(table).iter().map(|row| row["total_spent"].as_f64().unwrap()).collect()
}

/// Waits until everything that was told is in the sums, which come to `total`.
async fn booked(app: &Finance, total: f64) {
    let is_booked = |it: &StandIns| {
        let of_categories: f64 = sums(it, "category_spending").iter().sum();
        sums(it, "total_spending") == [total] && (of_categories - total).abs() < 0.001
    };
    soon("the sums", app.stand_ins.until(is_booked)).await;
}

#[tokio::test]
async fn a_budget_is_crossed_at_80_and_100_percent_once_each() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let row = |id: &str, amount: Value, category: &str| json!({"id": id, "user_id": data::USER, "amount": amount, "transaction_date": today(), "category": category});
    // 7000 of 10000 were spent on groceries this month.
    let steps = [
        ("t1", json!(500), "groceries"),
        ("t2", json!("500.00"), "groceries"),
        ("t3", json!(100), "groceries"),
        ("t4", json!(1900.5), "groceries"),
        ("t5", json!(5), "groceries"),
        ("t6", json!(5), "dining"),
        ("t7", json!(4000), "dining"),
    ];
    let mut total = 0.0;
    for (id, amount, category) in steps {
        tell(&app, &row(id, amount.clone(), category)).await;
        total += amount.as_f64().unwrap_or(500.0);
        booked(&app, total).await;
    }
    let alerts = app.stand_ins.rows("alerts");
    let told: Vec<_> = alerts
        .iter()
        .map(|row| json!([row["alert_type"], row["category"], row["is_read"], row["message"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["budget_80", "groceries", false, "groceries: ₹8000.00 of ₹10000.00 spent"]),
            json!(["budget_exceeded", "groceries", false, "groceries: ₹10000.50 of ₹10000.00 spent"]),
            json!(["budget_exceeded", "dining", false, "dining: ₹4905.00 of ₹4000.00 spent"]),
        ]
    );
    let notes = |it: &StandIns| it.rows("notifications").len() == 3;
    soon("the notifications", app.stand_ins.until(notes)).await;
    let notes = app.stand_ins.rows("notifications");
    let told: Vec<_> =
        notes.iter().map(|row| json!([row["type"], row["title"], row["metadata"]["percent"]])).collect();
    assert_eq!(
        told,
        [
            json!(["budget_warning", "⚠️ Budget Warning", 80.0]),
            json!(["budget_exceeded", "🔴 Budget Exceeded", 100.0]),
            json!(["budget_exceeded", "🔴 Budget Exceeded", 122.6]),
        ]
    );
    assert_eq!(app.stand_ins.rows("alerts").len(), 3, "a notification of an alert writes no other");
}

#[tokio::test]
async fn however_often_it_is_delivered_it_counts_once() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let row = |id: &str, amount: u32| json!({"id": id, "user_id": data::USER, "amount": amount, "transaction_date": today(), "category": "groceries"});
    let (first, second) = (row("t1", 1500), row("t2", 1600));
    for row in [&first, &second] {
        app.stand_ins.insert("transactions", row.clone()).unwrap();
    }
    // Both are in the sum, 10100 of 10000, when either is looked at.
    let message = |row: &Value| app.message("transactions").key(data::USER).json(row);
    kafka.write([&first, &first, &second, &first, &second, &second].map(message)).await;
    booked(&app, 3100.0).await;
    let event = json!({"user_id": data::USER, "event_type": "transaction_added", "data": first});
    let analytics = |value: &Value| app.message("analytics").key(data::USER).json(value);
    // Another of the same day, to know that what came before it was looked at.
    let last = json!({"user_id": data::USER, "event_type": "transaction_added", "data": row("t3", 1)});
    kafka.write([&event, &event, &last].map(analytics)).await;
    booked(&app, 3101.0).await;
    assert_eq!(sums(&app.stand_ins, "category_spending"), [3101.0]);
    let alerts = app.stand_ins.rows("alerts");
    assert_eq!(alerts.iter().map(|row| &row["alert_type"]).collect::<Vec<_>>(), ["budget_exceeded"]);
    assert_eq!(app.stand_ins.rows("notifications").len(), 1);
}

#[tokio::test]
async fn what_is_not_looked_at_is_booked_all_the_same() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let row = |id: &str, user: &str, category: Value| json!({"id": id, "user_id": user, "amount": 10_000, "transaction_date": today(), "category": category});
    // Nobody's budget, no category, none of the budget's.
    tell(&app, &row("t1", "u1", json!("rent"))).await;
    booked(&app, 10_000.0).await;
    tell(&app, &row("t2", "u1", json!(null))).await;
    booked(&app, 20_000.0).await;
    let mut categories: Vec<_> =
        app.stand_ins.rows("category_spending").iter().map(|row| row["category"].clone()).collect();
    categories.sort_by_key(Value::to_string);
    assert_eq!(categories, ["other", "rent"]);
    assert!(app.stand_ins.rows("alerts").is_empty() && app.stand_ins.rows("notifications").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_processed_once_and_in_order_per_user() {
    const USERS: u32 = 10;
    const EACH: u32 = 50;
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let mut messages = Vec::new();
    for n in 1..=EACH {
        for user in 0..USERS {
            let user = format!("u{user}");
            let row = json!({
                "id": format!("{user}-{n}"), "user_id": user, "amount": n, "transaction_date": today(),
                "category": "rent",
            });
            messages.push(app.message("transactions").key(&user).json(&row));
        }
    }
    kafka.write(messages).await;
    let sum = f64::from(EACH * (EACH + 1) / 2);
    let all = |it: &StandIns| sums(it, "total_spending") == vec![sum; USERS as usize];
    soon("all of the burst", app.stand_ins.until(all)).await;

    // Each sum that was written is that of the amounts so far, in their order.
    let mut written: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for call in app.calls() {
        if call.method == "POST" && call.path.ends_with("/total_spending") {
            let row: Value = serde_json::from_str(&call.body).unwrap();
            let user = row["user_id"].as_str().unwrap().to_owned();
            written.entry(user).or_default().push(row["total_spent"].as_f64().unwrap() as u64);
        }
    }
    let expected: Vec<u64> = (1..=u64::from(EACH)).map(|n| n * (n + 1) / 2).collect();
    assert_eq!(written.len(), USERS as usize);
    for (user, sums) in &written {
        assert_eq!(sums, &expected, "{user}");
    }
    let looked_at = app.stand_ins.count(Service::Supabase, "GET", "/budgets");
    assert_eq!(looked_at, (USERS * EACH) as usize, "each is looked at once");
    let events = kafka.collect(&app.topic("analytics")).await;
    let mut ids: Vec<String> =
        events.iter().map(Record::json).map(|it| it["data"]["id"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((events.len(), ids.len()), ((USERS * EACH) as usize, (USERS * EACH) as usize));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_budgets_at_once() {
    let Some(kafka) = shape::kafka().await else { return };
    let app = shape::over(&kafka).await;
    let ask = |n: u32| {
        let body = json!({"userId": data::USER, "totalIncome": 1000 + n, "period": "monthly"});
        let app = &app;
        async move { (n, app.post("/api/budget/suggest", &body).await) }
    };
    for (n, answer) in futures_util::future::join_all((0..50).map(ask)).await {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["totalIncome"], 1000 + n, "each has its own answer");
    }
    assert_eq!(app.stand_ins.count(Service::Gemini, "POST", ""), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_chats_delay_no_budgets() {
    let Some(kafka) = shape::kafka().await else { return };
    let mut model = pathway_tests::model::Model::start().await;
    let draft = shape::draft(&kafka).await;
    let app = draft.variable("GEMINI_URL", Some(&model.url)).start().await;
    let chat = json!({"message": "Take your time.", "userId": data::USER});
    let chat = pathway_tests::wire::Ask::post("/api/chat/stream", &chat).bearer(&app.token());
    let mut held = Vec::new();
    for _ in 0..10 {
        let wire = app.wire(&chat).await;
        let mut answer = model.asked().await;
        answer.say("Well …").await;
        held.push((wire, answer));
    }
    let body = json!({"userId": data::USER, "totalIncome": 100, "period": "monthly"});
    let asked = app.post("/api/budget/suggest", &body);
    let answered = async {
        let question = model.asked().await;
        assert!(question.prompt.contains("JSON object"), "{}", question.prompt);
        question.answer(r#"{"savings": 100}"#).await;
    };
    let (answer, ()) = tokio::join!(asked, answered);
    assert_eq!((answer.status, &answer.json()["suggestion"]), (200, &json!({"savings": 100})));
    for (wire, answer) in held {
        answer.end();
        let told = pathway_tests::browser::Fetch::of(wire).rest().await;
        assert_eq!(told, [json!({"text": "Well …"}), json!({"done": true})]);
    }
}

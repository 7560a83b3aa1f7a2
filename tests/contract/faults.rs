//! Brokers, consumers and servers that come and go under load: no record is lost, and nothing that
//! is finished is done again.

use std::collections::{BTreeMap, BTreeSet};

use pathway_server::demo::{Call, StandIns, data};
use pathway_tests::finance::{Finance, REACHED};
use pathway_tests::kafka::{Kafka, Member, Message};
use pathway_tests::soon;
use serde_json::json;

use crate::shape;

/// The topics that the group works on.
const WORK: [&str; 6] =
    ["chat_requests", "budget_requests", "ocr_requests", "transactions", "notifications", "analytics"];

fn notes(app: &Finance, numbers: std::ops::Range<usize>) -> Vec<Message> {
    let note = |n: usize| {
        let user = format!("u{}", n % 7);
        let note = json!({"user_id": user, "type": "reminder", "title": format!("n{n}")});
        app.message("notifications").key(&user).json(&note)
    };
    numbers.map(note).collect()
}

/// Waits until so many notifications are in the inbox.
async fn noted(app: &Finance, count: usize) {
    let enough = |it: &StandIns| it.rows("notifications").len() >= count;
    soon(&format!("notification {count}"), app.stand_ins.until(enough)).await;
}

/// Each was written, and once.
fn assert_once(app: &Finance, count: usize) {
    let rows = app.stand_ins.rows("notifications");
    let titles: BTreeSet<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), titles.len()), (count, count));
}

/// How often each step of a run called, by its key.
fn by_key(app: &Finance) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for Call { method, path, headers, .. } in app.calls() {
        let key = headers.get("idempotency-key").unwrap_or_else(|| panic!("{method} {path} has no key"));
        *counts.entry(key.to_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// Asks for a budget, again and again as long as the bus is said to be away.
async fn ask_patiently(app: &Finance) {
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    loop {
        let before = app.log.here();
        let answer = app.post("/api/budget/suggest", &body).await;
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        app.log.says(before, "Kafka is reached").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_member_of_the_group_comes_and_goes() {
    let Some(kafka) = shape::kafka().await else { return };
    share_work(&shape::over(&kafka).await, "range").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_member_takes_partitions_one_by_one() {
    let Some(kafka) = shape::kafka().await else { return };
    let option = "  kafka:\n    partition.assignment.strategy: cooperative-sticky\n";
    let draft = shape::draft(&kafka).await.change("pathway.yaml", "  kafka:\n", option);
    share_work(&draft.start().await, "cooperative-sticky").await;
}

/// Another member of this strategy joins and leaves while records come; nothing is lost.
async fn share_work(app: &Finance, strategy: &str) {
    const EACH: usize = 60;
    let kafka = app.kafka();
    let topics = WORK.map(|topic| app.topic(topic));
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut sent = 0;
    let more = |sent: &mut usize| {
        let notes = notes(app, *sent..*sent + EACH);
        *sent += EACH;
        kafka.write(notes)
    };
    for _ in 0..2 {
        more(&mut sent).await;
        let mut member = Member::join(kafka, &app.group(), &topics, strategy);
        member.owns().await;
        // What it is given of these it leaves undone.
        more(&mut sent).await;
        member.leave().await;
        more(&mut sent).await;
    }
    noted(app, sent).await;
    assert_once(app, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_restarted_under_load() {
    const ALL: usize = 300;
    let Some(kafka) = Kafka::own().await else { return };
    let app = shape::over(&kafka).await;
    kafka.write(notes(&app, 0..50)).await;
    noted(&app, 10).await;
    // Records go on coming while it is away; their client waits for it, as every client does.
    let coming = kafka.write(notes(&app, 50..ALL));
    let away_and_back = ["cannot be reached", "Kafka is reached"];
    let restarting = async {
        let before = app.log.here();
        kafka.stop().await;
        kafka.start().await;
        app.log.says_all(before, &away_and_back).await;
        noted(&app, 100).await;
        let before = app.log.here();
        kafka.kill().await;
        kafka.start().await;
        app.log.says_all(before, &away_and_back).await;
    };
    tokio::join!(coming, restarting);
    ask_patiently(&app).await;
    noted(&app, ALL).await;
    assert_once(&app, ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_at_the_start_comes_later() {
    let Some(kafka) = Kafka::own().await else { return };
    let mut app = shape::draft(&kafka).await.stopped();
    kafka.stop().await;
    app.start_without_bus().await;
    assert_eq!((app.get("/health").await.status, app.get("/readyz").await.status), (200, 503));
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let answer = app.post("/api/budget/suggest", &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (503, "application/problem+json"));
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:?}");
    assert!(!answer.text.contains(kafka.servers()), "{}", answer.text);

    kafka.start().await;
    app.log.says_all(0, &REACHED).await;
    assert_eq!(app.get("/readyz").await.status, 200);
    kafka.write(notes(&app, 0..20)).await;
    noted(&app, 20).await;
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 200);
    assert_once(&app, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_under_load_it_leaves_the_rest_to_the_next() {
    const ALL: usize = 400;
    let Some(kafka) = shape::kafka().await else { return };
    let mut app = shape::over(&kafka).await;
    kafka.write(notes(&app, 0..ALL)).await;
    for count in [30, 120, 250] {
        noted(&app, count).await;
        app.stop().await;
        app.start().await;
    }
    noted(&app, ALL).await;
    assert_once(&app, ALL);
    let repeated: Vec<_> = by_key(&app).into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_loses_nothing_and_repeats_only_what_was_under_way() {
    const USERS: usize = 6;
    const EACH: usize = 12;
    let Some(kafka) = shape::kafka().await else { return };
    // A group takes a member for dead so long after it was killed.
    let soon_dead = "  kafka:\n    session.timeout.ms: 2000\n    heartbeat.interval.ms: 500\n";
    let draft = shape::draft(&kafka).await.change("pathway.yaml", "  kafka:\n", soon_dead);
    let mut app = draft.start().await;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let row = |n: usize| {
        let user = format!("u{}", n % USERS);
        let row = json!({"id": format!("t{n}"), "user_id": user, "amount": 1 + n / USERS, "transaction_date": today, "category": "rent"});
        app.message("transactions").key(&user).json(&row)
    };
    let rows: Vec<_> = (0..USERS * EACH).map(row).collect();
    kafka.write(rows).await;
    // Each makes five calls, so all of these moments come.
    let moments = [20, 70, 130, 200, 280];
    for moment in moments {
        soon("more calls", app.stand_ins.until(|_| app.calls().len() >= moment)).await;
        app.crash().await;
        app.start().await;
    }
    let sum = json!(EACH * (EACH + 1) / 2);
    let all = |it: &StandIns| {
        let rows = it.rows("total_spending");
        rows.len() == USERS && rows.iter().all(|row| row["total_spent"] == sum)
    };
    soon("all sums", app.stand_ins.until(all)).await;
    app.stop().await;
    assert!(all(&app.stand_ins), "one was booked twice");
    let counts = by_key(&app);
    assert_eq!(counts.len(), USERS * EACH * 5, "each step of each run, and no other");
    // A user has one run of each of two pathways under way, with one call.
    let repeated: usize = counts.values().map(|count| count - 1).sum();
    assert!(repeated <= moments.len() * USERS * 2, "{repeated} calls were repeated");
}

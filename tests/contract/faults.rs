//! Brokers, consumers, upstreams and processes that come and go: nothing is lost, and nothing that
//! is finished is done again.

use std::collections::{BTreeMap, BTreeSet};

use pathway_server::demo::{Call, Fault, Service, StandIns, data};
use pathway_tests::browser::Fetch;
use pathway_tests::finance::{Draft, Finance};
use pathway_tests::kafka::{Kafka, Member, Message};
use pathway_tests::model::Model;
use pathway_tests::soon;
use pathway_tests::wire::Ask;
use serde_json::{Value, json};

/// The topics that the group works on.
const WORK: [&str; 6] =
    ["chat_requests", "budget_requests", "ocr_requests", "transactions", "notifications", "analytics"];

fn note(app: &Finance, n: usize) -> Message {
    let note = json!({"user_id": format!("u{}", n % 7), "type": "reminder", "title": format!("n{n}")});
    app.message("notifications").key(&format!("u{}", n % 7)).json(&note)
}

/// Waits until so many notifications are in the inbox.
async fn noted(app: &Finance, count: usize) {
    let enough = |it: &StandIns| it.rows("notifications").len() >= count;
    soon(&format!("notification {count}"), app.stand_ins.until(enough)).await;
}

/// Each was written, and once.
fn check(app: &Finance, count: usize) {
    let rows = app.stand_ins.rows("notifications");
    let titles: BTreeSet<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), titles.len()), (count, count), "{}", app.log.text());
}

fn client() -> Draft2 {
    Draft2
}
struct Draft2;

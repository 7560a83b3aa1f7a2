//! What a server promises when it is killed, or asked to stop, in the middle of its work.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use pathway_server::demo::{Call, Fault, Folder, Service, Settings, StandIns, data};
use pathway_tests::postgres::Postgres;
use pathway_tests::{Server, binary, soon};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// Where each run was cut off.
const CRASHES: usize = 3;
/// How many crashes in a row a run may be at work at without getting any further.
const MOST_CRASHES: usize = 5;

async fn stand_ins() -> StandIns {
    StandIns::start(Settings { pace: Duration::from_millis(5), ..Settings::default() }).await.unwrap()
}

fn project() -> Folder {
    let folder = Folder::temporary().unwrap();
    folder.fill().unwrap();
    folder
}

fn post(server: &Server, stand_ins: &StandIns, path: &str, body: &Value) -> RequestBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(server.url(path))
        .bearer_auth(stand_ins.token(data::USER))
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// Waits until so many calls went to a table.
async fn called(stand_ins: &StandIns, table: &str, times: usize) {
    let calls = |it: &StandIns| it.calls().iter().filter(|call| call.path.ends_with(table)).count();
    soon(&format!("call {times} of {table}"), stand_ins.until(|it| calls(it) >= times)).await;
}

/// How often each step called: by method, table and key.
fn by_key(stand_ins: &StandIns) -> BTreeMap<(String, String, String), usize> {
    let mut counts = BTreeMap::new();
    for Call { method, path, headers, .. } in stand_ins.calls() {
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
        assert!(!key.is_empty(), "{method} {path} has no key");
        *counts.entry((method, path, key.to_owned())).or_default() += 1;
    }
    counts
}

/// How often each step of that method and table called.
fn calls(counts: &BTreeMap<(String, String, String), usize>, method: &str, table: &str) -> Vec<usize> {
    let meant = |key: &&(String, String, String)| key.0 == method && key.1.ends_with(table);
    counts.keys().filter(meant).filter_map(|key| counts.get(key).copied()).collect()
}

#[tokio::test]
async fn after_a_crash_every_run_ends_and_no_finished_step_is_repeated() {
    every_run_ends(&project()).await;
}

#[tokio::test]
async fn so_it_is_with_a_store_in_postgresql() {
    let Some(postgres) = Postgres::shared().await else { return };
    let folder = project();
    let store = format!("PATHWAY_STORE__POSTGRES={}\n", postgres.schema().await);
    std::fs::write(folder.path().join(".env"), store).unwrap();
    every_run_ends(&folder).await;
    assert!(!folder.path().join("data/pathway.db").exists());
}

async fn every_run_ends(folder: &Folder) {
    let stand_ins = stand_ins().await;
    let [purchase, _] = data::purchases(Settings::default().now);
    let hang = |table: &str| stand_ins.fail(Service::Supabase, table, 1, Fault::Hang);

    // `transaction` is cut off in its first call …
    hang("/budgets");
    let server = Server::start(folder.path(), &stand_ins).await;
    let answer = post(&server, &stand_ins, "/api/transactions/create", &purchase).send();
    let answer = soon("the answer", answer).await.unwrap();
    assert_eq!(answer.status(), 200);
    called(&stand_ins, "/budgets", 1).await;
    server.crash().await;

    // … then in the middle …
    hang("/alerts");
    let server = Server::start(folder.path(), &stand_ins).await;
    called(&stand_ins, "/alerts", 1).await;
    server.crash().await;

    // … then `notification` and `analytics` are, which follow from it.
    hang("/notifications");
    hang("/total_spending");
    let server = Server::start(folder.path(), &stand_ins).await;
    called(&stand_ins, "/notifications", 1).await;
    called(&stand_ins, "/total_spending", 1).await;
    server.crash().await;

    let server = Server::start(folder.path(), &stand_ins).await;
    let all_booked = |it: &StandIns| {
        ["notifications", "category_spending", "total_spending"]
            .iter()
            .all(|table| !it.rows(table).is_empty())
    };
    soon("the end of all runs", stand_ins.until(all_booked)).await;
    server.terminate().await;
    let (status, said) = server.end().await;
    assert!(status.success(), "{said}");

    let counts = by_key(&stand_ins);
    for (step, count) in &counts {
        assert!(*count <= 1 + CRASHES, "{step:?} called {count} times");
    }
    // What was finished was called once, what was cut off twice, each with one key.
    for (method, table, expected) in [
        ("POST", "/transactions", 1),
        ("GET", "/budgets", 2),
        ("GET", "/transactions", 1),
        ("GET", "/alerts", 2),
        ("POST", "/alerts", 1),
        ("POST", "/notifications", 2),
        ("GET", "/total_spending", 2),
        ("POST", "/total_spending", 1),
    ] {
        assert_eq!(calls(&counts, method, table), [expected], "{method} {table}: {counts:#?}");
    }
    assert_eq!(stand_ins.rows("alerts").len(), 1);
    assert_eq!(stand_ins.rows("notifications").len(), 1);
    for table in ["category_spending", "total_spending"] {
        let rows = stand_ins.rows(table);
        let sums: Vec<_> = rows.iter().filter_map(|row| row.get("total_spent")).collect();
        assert_eq!(sums, [&json!(1500)], "{table}");
    }

    // Nothing is left to be done, and nothing is done again.
    let before = stand_ins.calls().len();
    let server = Server::start(folder.path(), &stand_ins).await;
    server.terminate().await;
    assert!(server.end().await.0.success());
    assert_eq!(stand_ins.calls().len(), before);
}

#[tokio::test]
async fn wherever_it_is_killed_sums_are_right_in_the_end() {
    const PURCHASES: u32 = 8;
    let (stand_ins, folder) = (stand_ins().await, project());
    let server = Server::start(folder.path(), &stand_ins).await;
    let [mut purchase, _] = data::purchases(Settings::default().now);
    for amount in 1..=PURCHASES {
        purchase["amount"] = json!(amount);
        let answer = post(&server, &stand_ins, "/api/transactions/create", &purchase).send();
        assert_eq!(soon("the answer", answer).await.unwrap().status(), 200);
    }
    // Each purchase makes at least seven calls, so all of these moments come. On a slow disk a run may
    // get no further between them: one more crash, and it would be parked for that.
    let moments: [usize; MOST_CRASHES] = [20, 27, 33, 38, 44];
    let mut server = server;
    for moment in moments {
        soon("more calls", stand_ins.until(|it| it.calls().len() >= moment)).await;
        server.crash().await;
        server = Server::start(folder.path(), &stand_ins).await;
    }
    let expected = json!(PURCHASES * (PURCHASES + 1) / 2);
    let is_sum = |it: &StandIns, table: &str| it.rows(table).iter().all(|row| row["total_spent"] == expected);
    let is_booked = |it: &StandIns, table: &str| it.rows(table).len() == 1 && is_sum(it, table);
    let all = |it: &StandIns| is_booked(it, "total_spending") && is_booked(it, "category_spending");
    soon("the end of all runs", stand_ins.until(all)).await;
    server.terminate().await;
    let (status, said) = server.end().await;
    assert!(status.success(), "{said}");
    assert!(all(&stand_ins), "a purchase was booked twice");

    let counts = by_key(&stand_ins);
    assert_eq!(calls(&counts, "POST", "/transactions"), [1; PURCHASES as usize]);
    assert_eq!(calls(&counts, "GET", "/budgets").len(), PURCHASES as usize);
    assert_eq!(calls(&counts, "POST", "/total_spending").len(), PURCHASES as usize);
    // One run of each of three pathways was under way at a time, with at most two calls.
    let repeated: usize = counts.values().map(|count| count - 1).sum();
    assert!(repeated <= moments.len() * 4, "{repeated} calls were repeated: {counts:#?}");
}

/// What the command line says, as JSON.
async fn says(folder: &Folder, stand_ins: &StandIns, arguments: &[&str]) -> Value {
    let mut command = tokio::process::Command::new(binary());
    command.args(arguments).current_dir(folder.path()).env_clear().envs(stand_ins.environment());
    command.env("PATHWAY_AUTH__MODE", "unverified");
    let output = soon("the answer of the command line", command.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[tokio::test]
async fn killed_again_and_again_in_the_middle_of_a_run_it_parks_that() {
    let (stand_ins, folder) = (stand_ins().await, project());
    let [purchase, _] = data::purchases(Settings::default().now);
    for crash in 1..=1 + MOST_CRASHES {
        stand_ins.fail(Service::Supabase, "/budgets", 1, Fault::Hang);
        let server = Server::start(folder.path(), &stand_ins).await;
        if crash == 1 {
            let answer = post(&server, &stand_ins, "/api/transactions/create", &purchase).send();
            assert_eq!(soon("the answer", answer).await.unwrap().status(), 200);
        }
        called(&stand_ins, "/budgets", crash).await;
        server.crash().await;
    }
    let server = Server::start(folder.path(), &stand_ins).await;
    let parked = async {
        loop {
            let parked = says(&folder, &stand_ins, &["dlq", "list", "--json"]).await;
            if parked[0].is_object() {
                return parked;
            }
        }
    };
    let parked = soon("the run to be parked", parked).await;
    let failure = &parked[0]["failure"];
    let said = (&parked[0]["pathway"], &failure["class"], &failure["code"]);
    assert_eq!(said, (&json!("transaction"), &json!("bug"), &json!("crash_loop")), "{parked}");
    let counts = by_key(&stand_ins);
    assert_eq!(calls(&counts, "GET", "/budgets"), [1 + MOST_CRASHES], "it was left alone");

    // Nothing else is held up, and it goes on when somebody says so.
    let id = parked[0]["id"].as_str().unwrap();
    says(&folder, &stand_ins, &["dlq", "redrive", id]).await;
    soon("its alert", stand_ins.until(|it| it.rows("alerts").len() == 1)).await;
    server.terminate().await;
    let (status, said) = server.end().await;
    assert!(status.success(), "{said}");
    let counts = by_key(&stand_ins);
    assert_eq!(calls(&counts, "GET", "/budgets"), [2 + MOST_CRASHES], "each time under the same key");
}

#[tokio::test]
async fn asked_to_stop_it_ends_what_is_under_way() {
    let (stand_ins, folder) = (stand_ins().await, project());
    let server = Server::start(folder.path(), &stand_ins).await;
    let body = json!({"userId": data::USER, "totalIncome": 1000, "period": "monthly"});
    let asked = tokio::spawn(post(&server, &stand_ins, "/api/budget/suggest", &body).send());
    let asks = stand_ins.until(|it| it.count(Service::Gemini, "POST", "") == 1);
    soon("the question to the model", asks).await;
    server.terminate().await;
    let answer = soon("the answer", asked).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let (status, said) = server.end().await;
    assert!(status.success(), "{said}");
    assert_eq!(stand_ins.count(Service::Gemini, "POST", ""), 1);
}

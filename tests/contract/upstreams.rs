//! Upstreams that are slow, silent, cut off or out of order, and the circuits before them.

use pathway_server::demo::{Fault, Service, data};
use pathway_tests::finance::{Answer, Draft, Finance};
use pathway_tests::soon;
use serde_json::{Value, json};

use crate::shape;

fn budget() -> Value {
    json!({"userId": data::USER, "totalIncome": 1000, "period": "monthly"})
}

async fn ask(app: &Finance) -> Answer {
    app.post("/api/budget/suggest", &budget()).await
}

fn questions(app: &Finance) -> usize {
    app.stand_ins.count(Service::Gemini, "POST", "")
}

/// The app, which waits only a moment before it tries again.
async fn hasty() -> Draft {
    Draft::new(None).await.change("pathway.yaml", "delay: 1s", "delay: 5ms")
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() {
    let app = hasty().await.start().await;
    for fault in [Fault::Status(500), Fault::Status(503), Fault::Status(429), Fault::Cut] {
        let before = questions(&app);
        app.stand_ins.fail(Service::Gemini, "", 2, fault);
        let answer = ask(&app).await;
        assert_eq!((answer.status, questions(&app) - before), (200, 3), "{fault:?}: {answer:?}");
    }
    let keys: std::collections::BTreeSet<_> = app
        .calls()
        .iter()
        .filter(|call| call.service == Service::Gemini)
        .map(|call| call.headers["idempotency-key"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 4, "attempts of a step have one key");
}

#[tokio::test]
async fn what_fails_for_good_is_told_without_its_words() {
    let app = hasty().await.start().await;
    for (fault, times, status) in [
        (Fault::Status(500), 3, vec![502, 503]),
        (Fault::Status(404), 1, vec![502]),
        (Fault::Status(401), 1, vec![502]),
        (Fault::Cut, 3, vec![502, 503]),
    ] {
        let before = questions(&app);
        app.stand_ins.fail(Service::Gemini, "", times, fault);
        let answer = ask(&app).await;
        assert!(status.contains(&answer.status), "{fault:?}: {answer:?}");
        assert_eq!(questions(&app) - before, times, "{fault:?}");
        assert!(!answer.text.contains("told to fail"), "{}", answer.text);
        // Only outages in a row open a circuit.
        assert_eq!(ask(&app).await.status, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn a_silent_upstream_is_given_up() {
    let draft = hasty().await.setting("PATHWAY_SERVICES__GEMINI__TIMEOUT", "200ms");
    let app = draft.start().await;
    app.stand_ins.fail(Service::Gemini, "", 3, Fault::Hang);
    let answer = ask(&app).await;
    assert_eq!((answer.status, questions(&app)), (504, 3), "{answer:?}");
    assert_eq!(ask(&app).await.status, 200);
}

#[tokio::test]
async fn a_circuit_opens_at_outages_and_closes_again() {
    let draft = hasty().await.change("pathway.yaml", "failures: 5, open: 30s", "failures: 5, open: 2s");
    let app = draft.start().await;
    app.stand_ins.fail(Service::Gemini, "", usize::MAX, Fault::Status(503));
    // Three attempts, then two: the third of them finds the circuit open.
    let first = ask(&app).await;
    assert!(matches!(first.status, 502 | 503), "{first:?}");
    assert_eq!(questions(&app), 3);
    let second = ask(&app);
    let healed = async {
        soon("the fifth outage", app.stand_ins.until(|_| questions(&app) == 5)).await;
        app.log.says(0, "circuit").await;
        app.stand_ins.heal();
    };
    let (second, ()) = tokio::join!(second, healed);
    // It waited for the circuit, or was told to come again: in no case was the model asked.
    match second.status {
        200 => assert_eq!(questions(&app), 6),
        503 => {
            assert_eq!(questions(&app), 5);
            assert!(second.header("retry-after").parse::<u64>().is_ok(), "{second:?}");
        }
        _ => panic!("{second:?}"),
    }
}

#[tokio::test]
async fn a_callers_own_mistakes_open_no_circuit() {
    let app = hasty().await.start().await;
    app.stand_ins.fail(Service::Gemini, "", 12, Fault::Status(400));
    for _ in 0..12 {
        assert_eq!(ask(&app).await.status, 502);
    }
    assert_eq!((ask(&app).await.status, questions(&app)), (200, 13));
}

#[tokio::test]
async fn a_row_that_clashes_is_its_users_to_hear() {
    let Some(app) = shape::served().await else { return };
    let [mut row, _] = data::purchases(jiff::Timestamp::now());
    row["transaction_date"] = json!("2024-02-30");
    assert_eq!(app.post("/api/transactions/create", &row).await.status, 422);
    row["transaction_date"] = json!("2024-02-29");
    app.stand_ins.fail(Service::Supabase, "/transactions", 1, Fault::Status(409));
    let answer = app.post("/api/transactions/create", &row).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(app.post("/api/transactions/create", &row).await.status, 200);
}

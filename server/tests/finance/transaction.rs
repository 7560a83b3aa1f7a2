//! `transaction`: update → notify → analyze.

use pathway_engine::vm::Class;
use serde_json::{Value, json};

use crate::play::{Play, Played};

fn row() -> Value {
    json!({
        "id": "t1", "user_id": "u1", "amount": 300, "transaction_date": "2024-05-20", "category": "dining"
    })
}

/// A purchase of 300 in a month in which `spent`, it included, was spent of 1000.
fn purchase(row: Value, spent: &Value) -> Play {
    Play::of("transaction", row)
        .on("update.budget", json!([{"period": "monthly", "dining": 1000, "total_income": 5000}]))
        .on("update.spending", spent.clone())
        .on("update.earlier", json!([]))
        .on("update.alert", json!([{"id": "a1"}]))
}

fn spent(amount: u32) -> Played {
    purchase(row(), &json!([{ "amount": amount }])).play()
}

fn status(played: &Played) -> &str {
    played.returned()["status"].as_str().unwrap()
}

#[test]
fn past_80_percent_there_is_an_alert_and_both_topics_are_told() {
    let played = purchase(row(), &json!([{"amount": "600.00"}, {"amount": 300}])).play();
    assert_eq!(
        played.returned(),
        &json!({
            "ok": true, "status": "alert_created",
            "alert": {"id": "a1", "type": "budget_80", "category": "dining", "percent": 90.0},
        })
    );
    assert_eq!(
        played.query("update.spending", "and"),
        "(transaction_date.gte.2024-05-01,transaction_date.lt.2024-06-01)"
    );
    assert_eq!(played.query("update.spending", "category"), "eq.dining");
    assert_eq!(played.query("update.earlier", "and"), "(created_at.gte.2024-05-01,created_at.lt.2024-06-01)");
    assert_eq!(played.query("update.earlier", "alert_type"), "eq.budget_80");
    assert_eq!(
        played.json("update.alert"),
        json!({
            "user_id": "u1", "alert_type": "budget_80", "category": "dining", "is_read": false,
            "message": "dining: ₹900.00 of ₹1000.00 spent",
        })
    );
    assert_eq!(
        played.published,
        [
            (
                "notifications".to_owned(),
                "u1".to_owned(),
                json!({
                    "user_id": "u1", "type": "budget_warning",
                    "metadata": {"category": "dining", "percent": 90.0, "alert_id": "a1"},
                })
            ),
            (
                "analytics".to_owned(),
                "u1".to_owned(),
                json!({"user_id": "u1", "event_type": "transaction_added", "data": row()})
            ),
        ]
    );
}

#[test]
fn what_crosses_which_threshold() {
    for (total, expected) in [
        (799, None),
        (800, Some("budget_80")),
        (999, Some("budget_80")),
        (1000, Some("budget_exceeded")),
        (1299, Some("budget_exceeded")),
        // It was past 100 % before.
        (1300, None),
        (5000, None),
    ] {
        let played = spent(total);
        match expected {
            Some(alert) => assert_eq!(played.returned()["alert"]["type"], alert, "{total}"),
            None => {
                assert_eq!(status(&played), "within_budget", "{total}");
                assert_eq!(played.calls(), ["update.budget", "update.spending"], "{total}");
                assert!(played.records("notifications").is_empty());
                assert_eq!(played.records("analytics").len(), 1);
            }
        }
    }
}

#[test]
fn past_both_thresholds_at_once_it_is_exceeded() {
    let mut row = row();
    row["amount"] = json!("1200");
    let played = purchase(row, &json!([{"amount": 1200}])).play();
    assert_eq!(played.returned()["alert"]["type"], "budget_exceeded");
    assert_eq!(played.records("notifications")[0]["type"], "budget_exceeded");
}

#[test]
fn what_the_sum_does_not_know_yet_is_not_below_nothing() {
    // The row is not visible yet: before is 0, not -200.
    let played = spent(100);
    assert_eq!(status(&played), "within_budget");
}

#[test]
fn a_year_is_counted_for_a_yearly_budget() {
    let played = Play::of("transaction", row())
        .on("update.budget", json!([{"period": "yearly", "dining": 1000}]))
        .on("update.spending", json!([]))
        .play();
    assert_eq!(
        played.query("update.spending", "and"),
        "(transaction_date.gte.2024-01-01,transaction_date.lt.2025-01-01)"
    );
}

#[test]
fn an_alert_of_the_period_suppresses_another() {
    let played = Play::of("transaction", row())
        .on("update.budget", json!([{"period": "monthly", "dining": 1000}]))
        .on("update.spending", json!([{"amount": 900}]))
        .on("update.earlier", json!([{"id": "a0"}]))
        .play();
    assert_eq!(status(&played), "duplicate_suppressed");
    assert!(played.records("notifications").is_empty());
    assert_eq!(played.records("analytics").len(), 1);
}

#[test]
fn an_alert_that_another_run_of_the_transaction_has_raised_is_not_raised_again() {
    let spent = json!([{ "amount": 900 }]);
    let played = purchase(row(), &spent).done("update.alert", "t1/budget_80").play();
    assert_eq!(status(&played), "duplicate_suppressed");
    assert!(!played.calls().contains(&"update.alert") && played.records("notifications").is_empty());
    for other in ["t1/budget_exceeded", "t2/budget_80"] {
        let played = purchase(row(), &spent).done("update.alert", other).play();
        assert_eq!(status(&played), "alert_created", "{other}");
    }
}

#[test]
fn without_a_service_key_nothing_is_done() {
    let played = Play::of("transaction", row()).with("SUPABASE_SERVICE_ROLE_KEY", "").play();
    assert_eq!(played.returned(), &json!({"ok": true, "skipped": "missing_service_role_key"}));
    assert!(played.sent.is_empty() && played.published.is_empty());
}

#[test]
fn without_a_budget_nothing_is_compared() {
    let played = Play::of("transaction", row()).on("update.budget", json!([])).play();
    assert_eq!(played.returned(), &json!({"ok": true, "skipped": "no_active_budget"}));
    for (category, row_of_budget) in [
        (json!("dining"), json!({"period": "monthly", "rent": 5})),
        (json!("dining"), json!({"period": "monthly", "dining": 0})),
        (json!("dining"), json!({"period": "monthly", "dining": null})),
        (json!("period"), json!({"period": "monthly", "dining": 5})),
        (json!(null), json!({"period": "monthly", "dining": 5})),
    ] {
        let mut row = row();
        row["category"] = category;
        let played = Play::of("transaction", row).on("update.budget", json!([row_of_budget])).play();
        assert_eq!(played.returned(), &json!({"ok": true, "skipped": "no_budget_for_category"}));
        assert_eq!(played.records("analytics").len(), 1);
    }
}

#[test]
fn a_partner_may_leave_out_id_and_category() {
    let row = json!({"user_id": "u1", "amount": "5.5", "transaction_date": "2024-05-20"});
    let played = Play::of("transaction", row)
        .on("update.budget", json!([{"period": "monthly", "other": 5}]))
        .on("update.spending", json!([{"amount": 5.5}]))
        .on("update.earlier", json!([]))
        .on("update.alert", json!([{"id": "a1"}]))
        .play();
    assert_eq!(played.returned()["alert"]["category"], "other");
}

#[test]
fn outages_are_waited_out() {
    let played = Play::of("transaction", row())
        .fails("update.budget", Class::Outage)
        .fails("update.budget", Class::Timeout)
        .on("update.budget", json!([]))
        .play();
    assert_eq!(played.calls().len(), 3);
    assert_eq!(played.returned()["skipped"], "no_active_budget");
    let played = Play::of("transaction", row()).fails("update.budget", Class::Outage).play();
    assert_eq!((played.failure().class, played.calls().len()), (Class::Outage, 3));
    assert!(played.published.is_empty());
}

#[test]
fn what_is_missing_is_pointed_at() {
    for (name, pointer) in
        [("user_id", "/user_id"), ("amount", "/amount"), ("transaction_date", "/transaction_date")]
    {
        let mut row = row();
        row.as_object_mut().unwrap().remove(name);
        let played = Play::of("transaction", row).play();
        assert_eq!(played.failure().class, Class::Invalid);
        assert!(
            played.failure().violations.iter().any(|violation| violation.pointer == pointer),
            "{:?}",
            played.failure()
        );
    }
}

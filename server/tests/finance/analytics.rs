//! `analytics`, by the type of the event.

use pathway_engine::vm::{HttpRequest, Method};
use serde_json::{Value, json};

use crate::play::Play;

fn event(kind: &str, data: Value) -> Play {
    Play::of("analytics", json!({"user_id": "u1", "event_type": kind, "data": data}))
}

fn prefers(request: &HttpRequest) -> &str {
    &request.headers.iter().find(|(name, _)| name == "Prefer").unwrap().1
}

fn added() -> Play {
    event(
        "transaction_added",
        json!({"id": "t1", "amount": "12.5", "category": "dining", "transaction_date": "2024-04-30"}),
    )
    .on("count.in_category", json!([]))
    .on("count.in_total", json!([{"total_spent": "100.5"}]))
    .on("count.write_category", json!(null))
    .on("count.write_total", json!(null))
}

#[test]
fn a_transaction_is_added_to_its_category_and_to_the_whole() {
    let played = added().play();
    assert_eq!(played.returned(), &json!({"success": true, "message": "spending updated"}));
    assert_eq!(played.query("count.in_category", "category"), "eq.dining");
    assert_eq!(played.query("count.in_category", "period"), "eq.2024-04");
    assert_eq!(played.query("count.in_total", "user_id"), "eq.u1");
    assert_eq!(
        played.json("count.write_category"),
        json!({"user_id": "u1", "category": "dining", "period": "2024-04", "total_spent": 12.5})
    );
    assert_eq!(
        played.json("count.write_total"),
        json!({"user_id": "u1", "period": "2024-04", "total_spent": 113.0})
    );
    assert_eq!(played.query("count.write_category", "on_conflict"), "user_id,category,period");
    assert_eq!(played.query("count.write_total", "on_conflict"), "user_id,period");
    assert_eq!(prefers(played.call("count.write_total")), "resolution=merge-duplicates,return=minimal");
}

#[test]
fn what_is_missing_counts_as_other_nothing_and_this_month() {
    let played = event("transaction_added", json!({"category": null, "amount": "much"}))
        .on("count.in_category", json!([{"total_spent": 3}]))
        .on("count.in_total", json!([]))
        .on("count.write_category", json!(null))
        .on("count.write_total", json!(null))
        .play();
    assert_eq!(
        played.json("count.write_category"),
        json!({"user_id": "u1", "category": "other", "period": "2024-05", "total_spent": 3})
    );
}

#[test]
fn category_spending_leaves_the_whole_alone() {
    let played = event("category_spending", json!({"amount": 5, "category": "rent", "period": "2024-03"}))
        .on("count.in_category", json!([{"total_spent": 1}]))
        .on("count.write_category", json!(null))
        .play();
    assert_eq!(played.calls(), ["count.in_category", "count.write_category"]);
    assert_eq!(played.json("count.write_category")["total_spent"], 6);
    assert_eq!(played.json("count.write_category")["period"], "2024-03");
}

#[test]
fn a_savings_goal_gets_its_progress() {
    for (current, target, progress) in [
        (json!(50), json!(200), json!(25.0)),
        (json!("50"), json!("100"), json!(50.0)),
        (json!(5), json!(0), json!(0)),
    ] {
        let data = json!({"goal_id": "g1", "current_amount": current, "target_amount": target});
        let played = event("savings_goal", data).on("count.write_goal", json!(null)).play();
        let request = played.call("count.write_goal");
        assert_eq!((request.method, &*request.path), (Method::Patch, "/savings_goals"));
        assert_eq!(played.query("count.write_goal", "id"), "eq.g1");
        assert_eq!(played.query("count.write_goal", "user_id"), "eq.u1");
        assert_eq!(played.json("count.write_goal")["progress"], progress);
    }
}

#[test]
fn a_month_is_summed_up() {
    let played = event("monthly_summary", json!({"month": "2024-02"}))
        .on(
            "count.spent",
            json!([
                {"amount": 10, "category": "rent"}, {"amount": "2.5", "category": "dining"},
                {"amount": 1, "category": "rent"},
            ]),
        )
        .on("count.write_summary", json!(null))
        .play();
    assert_eq!(
        played.query("count.spent", "and"),
        "(transaction_date.gte.2024-02-01,transaction_date.lt.2024-03-01)"
    );
    assert_eq!(
        played.json("count.write_summary"),
        json!({
            "user_id": "u1", "month": "2024-02", "total_spent": 13.5,
            "category_breakdown": {"rent": 11, "dining": 2.5}, "transaction_count": 3,
        })
    );
    assert_eq!(played.query("count.write_summary", "on_conflict"), "user_id,month");
    assert_eq!(prefers(played.call("count.write_summary")), "resolution=merge-duplicates,return=minimal");
}

#[test]
fn the_rest_is_noted() {
    let played = event("budget_updated", json!({})).play();
    assert_eq!(played.returned(), &json!({"success": true, "message": "budget update noted"}));
    let played = event("birthday", json!({})).play();
    assert_eq!(played.returned(), &json!({"success": true, "message": "nothing to do for birthday"}));
    assert!(played.sent.is_empty());
    let played = Play::of("analytics", json!({"user_id": "u1", "event_type": "birthday"})).play();
    assert_eq!(played.returned()["success"], true);
}

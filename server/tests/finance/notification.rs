//! `notification`: the inbox, and an alert beside it unless there is one.

use serde_json::{Value, json};

use crate::play::{Play, Played};

fn told(input: Value) -> Played {
    Play::of("notification", input).on("inbox", json!([{"id": "n1"}])).on("alert", json!(null)).play()
}

#[test]
fn each_type_has_a_title() {
    for (kind, title) in [
        ("budget_warning", "⚠️ Budget Warning"),
        ("budget_exceeded", "🔴 Budget Exceeded"),
        ("transaction_alert", "🔔 Transaction Alert"),
        ("document_ready", "✅ Document Ready"),
        ("system_alert", "ℹ️ System Alert"),
        ("reminder", "📅 Reminder"),
        ("anything", "📢 Notification"),
    ] {
        let played = told(json!({"user_id": "u1", "type": kind}));
        assert_eq!(
            played.json("inbox"),
            json!({
                "user_id": "u1", "type": kind, "title": title, "message": null, "channel": "in_app",
                "metadata": {},
            })
        );
        assert_eq!(
            played.returned(),
            &json!({"success": true, "notification_id": "n1", "type": kind, "channel": "in_app"})
        );
    }
    let played = told(json!({
        "user_id": "u1", "type": "reminder", "title": "Rent", "message": "It is due.", "channel": "email",
        "metadata": {"day": 1},
    }));
    let row = played.json("inbox");
    assert_eq!((&row["title"], &row["message"]), (&json!("Rent"), &json!("It is due.")));
    assert_eq!((&row["channel"], &row["metadata"]), (&json!("email"), &json!({"day": 1})));
}

#[test]
fn an_alert_is_written_beside_it_unless_there_is_one() {
    let warn =
        |kind: &str, metadata: Value| told(json!({"user_id": "u1", "type": kind, "metadata": metadata}));
    let played = warn("budget_warning", json!({"category": "dining"}));
    assert_eq!(
        played.json("alert"),
        json!({
            "user_id": "u1", "alert_type": "budget_80", "category": "dining",
            "message": "⚠️ Budget Warning", "is_read": false,
        })
    );
    let played = warn("budget_exceeded", json!({}));
    let row = played.json("alert");
    assert_eq!((&row["alert_type"], &row["category"]), (&json!("budget_exceeded"), &json!(null)));
    assert_eq!(warn("budget_exceeded", json!({"category": "cars"})).json("alert")["category"], json!(null));

    assert_eq!(warn("budget_warning", json!({"category": "dining", "alert_id": "a1"})).calls(), ["inbox"]);
    assert_eq!(warn("reminder", json!({})).calls(), ["inbox"]);
}

//! `chat`: what is known, the answer, and what is kept of both.

use serde_json::{Value, json};

use crate::play::{Play, USER};

fn asked() -> Play {
    Play::of("chat", json!({"message": "Can I afford a bicycle?", "userId": USER}))
        .on("stored.profile", json!([{"id": USER, "mode": "family"}]))
        .on("stored.income", json!([{"amount": 800}, {"amount": "200"}]))
        .on("stored.budget", json!([{"period": "monthly", "rent": 300}]))
        .on(
            "stored.spent",
            json!([
                {"transaction_date": "2024-05-19", "category": "dining", "amount": 20},
                {"transaction_date": "2024-05-01", "category": "dining", "amount": "5"},
                {"transaction_date": "2024-04-30", "category": "rent", "amount": 300},
            ]),
        )
        .on(
            "stored.history",
            json!([{"role": "model", "message": "Hello!"}, {"role": "user", "message": "Hi."}]),
        )
        .on("stored.documents", json!([{"id": "d1"}, {"id": "d2"}]))
        .on("question", json!(null))
        .on("remember", json!(null))
        .says("answer", "Yes, a small one.")
}

/// The line of the prompt that is JSON and follows `after`.
fn told(prompt: &str, after: &str) -> Value {
    let (_, rest) = prompt.split_once(after).unwrap();
    serde_json::from_str(rest.lines().find(|line| !line.is_empty()).unwrap()).unwrap()
}

#[test]
fn all_that_is_known_is_told() {
    let played = asked().play();
    let prompt = &played.prompts("answer")[0];
    assert_eq!(
        told(prompt, "as JSON:\n"),
        json!({
            "mode": "family",
            "total_income": 1000,
            "income_records": [{"amount": 800}, {"amount": "200"}],
            "active_budget": {"period": "monthly", "rent": 300},
            "latest_transactions": [
                {"transaction_date": "2024-05-19", "category": "dining", "amount": 20},
                {"transaction_date": "2024-05-01", "category": "dining", "amount": "5"},
                {"transaction_date": "2024-04-30", "category": "rent", "amount": 300},
            ],
            "spending_this_month": {"dining": 25},
            "spent_this_month": 25,
            "documents": 2,
        })
    );
    assert_eq!(
        told(prompt, "oldest first, as JSON:\n"),
        json!([{"role": "user", "message": "Hi."}, {"role": "model", "message": "Hello!"}])
    );
    assert!(prompt.contains("rupees") && prompt.contains("personal finance only"));
    assert!(prompt.trim_end().ends_with("Can I afford a bicycle?"), "{prompt}");
    for words in ["JSON object", "JSON array", "classify"] {
        assert!(!prompt.contains(words), "a recorded answer to another question would match");
    }
}

#[test]
fn six_reads_at_once_then_the_question_the_answer_and_the_answer_again() {
    let played = asked().play();
    let mut calls = played.calls();
    calls[..6].sort_unstable();
    assert_eq!(
        calls,
        [
            "stored.budget",
            "stored.documents",
            "stored.history",
            "stored.income",
            "stored.profile",
            "stored.spent",
            "question",
            "answer",
            "remember",
        ]
    );
    for (step, limit) in [("budget", "1"), ("spent", "50"), ("history", "20"), ("documents", "10")] {
        assert_eq!(played.query(&format!("stored.{step}"), "limit"), limit);
    }
    for step in ["income", "budget", "spent", "history", "documents"] {
        assert_eq!(played.query(&format!("stored.{step}"), "user_id"), "eq.u1");
    }
    assert_eq!(played.query("stored.profile", "id"), "eq.u1");
    assert_eq!(
        played.json("question"),
        json!({"user_id": USER, "role": "user", "message": "Can I afford a bicycle?"})
    );
    assert_eq!(
        played.json("remember"),
        json!({"user_id": USER, "role": "model", "message": "Yes, a small one."})
    );
    assert!(played.call("answer").stream.emit && played.call("answer").stream.pick.is_some());
}

#[test]
fn a_new_user_can_ask_too() {
    let mut play = asked();
    for step in ["profile", "income", "budget", "spent", "history", "documents"] {
        play = play.instead(&format!("stored.{step}"), json!([]));
    }
    let played = play.play();
    let prompt = &played.prompts("answer")[0];
    let known = told(prompt, "as JSON:\n");
    assert_eq!((&known["mode"], &known["active_budget"]), (&json!("personal"), &json!(null)));
    assert!(!prompt.contains("oldest first"));
}

#[test]
fn of_a_long_history_the_last_ten_are_told_and_of_many_transactions_fifteen() {
    let history: Vec<_> = (0..20).map(|n| json!({"role": "user", "message": n.to_string()})).collect();
    let spent = json!({"transaction_date": "2024-05-19", "category": "dining", "amount": 1});
    let played = asked()
        .instead("stored.history", json!(history))
        .instead("stored.spent", json!(vec![spent; 50]))
        .play();
    let prompt = &played.prompts("answer")[0];
    let told_history = told(prompt, "oldest first, as JSON:\n");
    let messages: Vec<_> =
        told_history.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]);
    let known = told(prompt, "as JSON:\n");
    assert_eq!(known["latest_transactions"].as_array().unwrap().len(), 15);
    assert_eq!(known["spent_this_month"], 50);
}

#[test]
fn without_a_token_what_came_along_stands_in_for_the_database() {
    let history: Vec<_> = (0..12).map(|n| json!({"role": "user", "message": n.to_string()})).collect();
    let input = json!({
        "message": "And now?", "userId": USER, "localContext": {"mode": "offline"}, "localHistory": history,
    });
    let played = Play::of("chat", input).without_token().says("answer", "Now, yes.").play();
    assert_eq!(played.calls(), ["answer"]);
    let prompt = &played.prompts("answer")[0];
    assert_eq!(told(prompt, "as JSON:\n"), json!({"mode": "offline"}));
    let told_history = told(prompt, "oldest first, as JSON:\n");
    let told_history = told_history.as_array().unwrap();
    assert_eq!((told_history.len(), &told_history[0]["message"]), (10, &json!("2")));
}

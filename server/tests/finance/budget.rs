//! `budget`: validate → process.

use pathway_engine::vm::Class;
use serde_json::{Value, json};

use crate::play::{Play, USER};

fn ask() -> Play {
    asked(json!({"userId": USER, "totalIncome": 1000, "period": "monthly"}))
}

fn asked(input: Value) -> Play {
    Play::of("budget", input).on("validate.spent", json!([]))
}

#[test]
fn the_income_is_divided() {
    let played = ask()
        .instead(
            "validate.spent",
            json!([
                {"category": "rent", "amount": 300}, {"category": "rent", "amount": "500.5"},
                {"category": null, "amount": 10}, {"amount": 20}, {"category": "dining", "amount": "a lot"},
            ]),
        )
        .says("process.ask", "Sure!\n```json\n{\"rent\": 500, \"savings\": 500.0}\n``` Enjoy.")
        .play();
    assert_eq!(
        played.returned(),
        &json!({
            "success": true, "suggestion": {"rent": 500, "savings": 500.0},
            "totalIncome": 1000, "period": "monthly",
        })
    );
    assert_eq!(played.query("validate.spent", "user_id"), "eq.u1");
    assert_eq!(played.query("validate.spent", "order"), "transaction_date.desc");
    assert_eq!(played.query("validate.spent", "limit"), "100");
    assert_eq!(&*played.call("validate.spent").service, "supabase_user");
    let prompt = &played.prompts("process.ask")[0];
    for said in [
        "budget",
        "JSON object",
        "rent, groceries, transport, entertainment, savings, emergency_fund, utilities, healthcare, \
         education, dining, shopping, other",
        "income of ₹1000 ",
        "20 % goes to savings",
        "10 % to emergency_fund",
        r#"{"rent":400.25,"other":15.0,"dining":0.0}"#,
    ] {
        assert!(prompt.contains(said), "{said} is not in {prompt}");
    }
    assert!(!prompt.contains("refused"));
    assert!(played.published.is_empty());
}

#[test]
fn a_bad_suggestion_is_sent_back_once() {
    for (bad, why) in [
        (r#"{"rent": -1}"#, "0"),
        (r#"{"rent": "500"}"#, "number"),
        (r#"{"cars": 500}"#, "cars"),
        (r#"{"rent": 600, "savings": 500}"#, "the total is above the income"),
    ] {
        let played = ask().says("process.ask", bad).says("process.ask", r#"{"rent": 1000}"#).play();
        assert_eq!(played.returned()["suggestion"], json!({"rent": 1000}), "{bad}");
        let prompts = played.prompts("process.ask");
        assert_eq!(prompts.len(), 2, "{bad}");
        assert!(prompts[1].contains("Your last answer was refused: "), "{}", prompts[1]);
        assert!(prompts[1].contains(why), "{why} is not in {}", prompts[1]);
        assert_eq!(played.calls().iter().filter(|step| **step == "validate.spent").count(), 1);
    }
    let played = ask().says("process.ask", r#"{"rent": 1001}"#).play();
    let failure = played.failure();
    assert_eq!((failure.class, &*failure.message), (Class::Upstream, "the total is above the income"));
    assert_eq!(played.prompts("process.ask").len(), 2);
}

#[test]
fn without_a_json_object_it_fails() {
    for text in ["I cannot do that.", "", "{rent: 5}", "[1, 2]", "{}"] {
        let failure = ask().says("process.ask", text).play().failure().clone();
        assert_eq!(
            (failure.class, &*failure.message),
            (Class::Upstream, "failed to parse budget suggestion"),
            "{text}"
        );
    }
}

#[test]
fn an_outage_stays_an_outage() {
    let played = ask().fails("process.ask", Class::Outage).play();
    assert_eq!((played.failure().class, played.calls().len()), (Class::Outage, 4));
}

#[test]
fn both_spellings_are_understood() {
    let input = json!({"user_id": USER, "total_income": 12.5, "period": "yearly"});
    let played = asked(input).says("process.ask", r#"{"rent": 12.5}"#).play();
    assert_eq!(played.returned()["totalIncome"], 12.5);
    assert!(played.prompts("process.ask")[0].contains("yearly budget"));
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (input, pointer) in [
        (json!({"userId": "u1", "totalIncome": 0, "period": "monthly"}), "/totalIncome"),
        (json!({"userId": "u1", "totalIncome": "5", "period": "monthly"}), "/totalIncome"),
        (json!({"userId": "u1", "totalIncome": 5, "period": "weekly"}), "/period"),
        (json!({"userId": "u1", "totalIncome": 5}), "/period"),
        (json!({"userId": "u1", "period": "monthly"}), ""),
        (json!({"totalIncome": 5, "period": "monthly"}), ""),
    ] {
        let played = asked(input.clone()).play();
        let failure = played.failure();
        assert_eq!(failure.class, Class::Invalid, "{input}");
        let pointers: Vec<_> = failure.violations.iter().map(|violation| &*violation.pointer).collect();
        assert!(pointers.contains(&pointer), "{input}: {pointers:?}");
        assert!(played.sent.is_empty());
    }
}

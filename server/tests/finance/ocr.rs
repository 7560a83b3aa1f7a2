//! `ocr`: extract → transform.

use pathway_engine::vm::{Body, Class};
use serde_json::{Value, json};

use crate::play::{Play, USER};

const FILE: &str = "https://files.example.com/receipt.jpg";

fn text(text: &str) -> Value {
    json!({"ParsedResults": [{"ParsedText": text}, {}, {"ParsedText": null}]})
}

fn read(input: Value) -> Play {
    Play::of("ocr", input).on("extract.read", text("TOTAL 480")).on("extract.keep", json!(null))
}

fn classified(word: &str) -> Play {
    read(json!({"documentId": "d1", "fileUrl": FILE, "userId": USER})).says("classify", word)
}

fn document() -> Play {
    classified("receipt\n")
}

#[test]
fn a_receipt_is_read_and_booked_at_once() {
    let listed = r#"Here: [
        {"amount": 480, "date": "2024-05-19", "merchant": "Cafe Aroma", "category": "dining", "description": "Thali"},
        {"amount": "12.5"},
        {"amount": "lots", "date": null, "merchant": null, "category": "cars", "description": null}
    ]"#;
    let booked = json!([
        {"id": "t1", "user_id": USER, "amount": 480},
        {"id": "t2", "user_id": USER, "amount": 12.5},
        {"id": "t3", "user_id": USER, "amount": 0},
    ]);
    let played = document().says("transform.ask", listed).on("transform.book", booked.clone()).play();
    assert_eq!(played.returned(), &json!({"success": true, "transactionCount": 3}));

    let form = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let fields = vec![form("url", FILE), form("language", "eng"), form("isTable", "true")];
    assert_eq!(played.call("extract.read").body, Body::Form(fields));
    assert_eq!(played.query("extract.keep", "id"), "eq.d1");
    assert_eq!(played.query("extract.keep", "user_id"), "eq.u1");
    assert_eq!(played.json("extract.keep"), json!({"ocr_text": "TOTAL 480", "processed": true}));
    assert!(played.prompts("classify")[0].contains("classify"));
    assert!(played.prompts("transform.ask")[0].contains("JSON array"));

    let rest = |date: &str| {
        json!({
            "user_id": USER, "document_id": "d1", "transaction_date": date,
            "merchant": "Unknown", "category": "other", "description": null,
        })
    };
    let (mut second, mut third) = (rest("2024-05-20"), rest("2024-05-20"));
    second["amount"] = json!(12.5);
    third["amount"] = json!(0);
    let first = json!({
        "user_id": USER, "document_id": "d1", "transaction_date": "2024-05-19", "amount": 480,
        "merchant": "Cafe Aroma", "category": "dining", "description": "Thali",
    });
    assert_eq!(played.json("transform.book"), json!([first, second, third]));

    let rows = booked.as_array().unwrap().iter();
    let records: Vec<_> = rows.map(|row| ("transactions".to_owned(), USER.to_owned(), row.clone())).collect();
    assert_eq!(played.published, records);
}

#[test]
fn other_documents_are_told_of() {
    for word in ["other", "I think: Other.", "an invoice"] {
        let played = classified(word).on("transform.tell", json!(null)).play();
        assert_eq!(
            played.returned(),
            &json!({"success": true, "transactionCount": 0, "skipped": "unsupported_document"})
        );
        assert_eq!(
            played.json("transform.tell"),
            json!({
                "user_id": USER, "alert_type": "info",
                "message": "Only receipts and bank statements can be read.",
            })
        );
        assert!(played.published.is_empty());
    }
}

#[test]
fn a_bank_statement_is_read_too() {
    let played = read(json!({"image_url": FILE, "user_id": USER}))
        .says("classify", "Bank_Statement")
        .says("transform.ask", "[]")
        .play();
    assert_eq!(played.returned(), &json!({"success": true, "transactionCount": 0}));
    assert_eq!(played.calls(), ["extract.read", "classify", "transform.ask"]);
}

#[test]
fn a_file_without_text_fails() {
    for answer in
        [text(""), text(" \n"), json!({"ParsedResults": []}), json!({"ParsedResults": null}), json!({})]
    {
        let failure = document().instead("extract.read", answer).play().failure().clone();
        assert_eq!((failure.class, &*failure.message), (Class::Invalid, "no text found in the document"));
    }
}

#[test]
fn the_beginning_of_a_long_text_is_classified_and_all_of_it_is_read() {
    let long = "₹".repeat(13_000);
    let played = document().instead("extract.read", text(&long)).says("transform.ask", "[]").play();
    let count = |step: &str| played.prompts(step)[0].matches('₹').count();
    assert_eq!((count("classify"), count("transform.ask")), (12_000, 13_000));
}

#[test]
fn an_answer_without_an_array_is_the_upstreams_failure() {
    let failure = document().says("transform.ask", "none, sorry").play().failure().clone();
    assert_eq!(failure.class, Class::Upstream);
}

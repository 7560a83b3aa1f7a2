//! The table of HTTP requests: each is asked for, and answered to the letter.

use pathway_server::demo::{Service, data};
use pathway_tests::finance::{Answer, Draft, Finance, JsonBody as _};
use pathway_tests::wire::Ask;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shape;

const CATEGORIES: [&str; 12] = [
    "rent",
    "groceries",
    "transport",
    "entertainment",
    "savings",
    "emergency_fund",
    "utilities",
    "healthcare",
    "education",
    "dining",
    "shopping",
    "other",
];
const FILE: &str = "https://files.example.com/receipt.jpg";

/// The pointers of a 422, in order.
fn pointers(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.header("content-type")), (422, "application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], 422);
    let errors = problem["errors"].as_array().unwrap();
    for error in errors {
        assert!(error["detail"].is_string() && error["code"].is_string(), "{error}");
    }
    let mut pointers: Vec<_> =
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
    pointers.sort_unstable();
    pointers
}

#[tokio::test]
async fn health() {
    let Some(app) = shape::served().await else { return };
    let answer = Answer::to(app.bare(Method::GET, "/health")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"ok":true}"#));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_budget_is_suggested() {
    let Some(app) = shape::served().await else { return };
    for (body, income, period) in [
        (json!({"userId": data::USER, "totalIncome": 50000, "period": "monthly"}), 50000.0, "monthly"),
        (json!({"user_id": data::USER, "total_income": 1200.5, "period": "yearly"}), 1200.5, "yearly"),
    ] {
        let answer = app.post("/api/budget/suggest", &body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
        let mut said = answer.json();
        let names: Vec<_> = said.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["success", "suggestion", "totalIncome", "period", "correlation_id"]);
        assert!(said["correlation_id"].as_str().is_some_and(|id| !id.is_empty()));
        let suggestion = said["suggestion"].take();
        assert_eq!(suggestion.as_object().unwrap().keys().collect::<Vec<_>>(), CATEGORIES);
        let amount = |category: &str| suggestion[category].as_f64().unwrap();
        assert!(amount("savings") >= 0.2 * income && amount("emergency_fund") >= 0.1 * income);
        assert!(CATEGORIES.iter().map(|category| amount(category)).sum::<f64>() <= income);
        assert_eq!((&said["success"], &said["period"]), (&json!(true), &json!(period)));
        assert_eq!(said["totalIncome"].as_f64(), Some(income));
    }
}

#[tokio::test]
async fn a_budget_is_asked_for_in_the_name_of_the_user() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"userId": data::USER, "totalIncome": 50000, "period": "monthly"});
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 200);
    let calls = app.calls();
    let header = |call: usize, name: &str| calls[call].headers[name].to_str().unwrap().to_owned();
    let keys = app.stand_ins.keys();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].service, calls[0].path.as_str()), (Service::Supabase, "/rest/v1/transactions"));
    assert_eq!(header(0, "apikey"), keys.anon);
    let subject = |token: &str| {
        use base64::Engine as _;
        let payload = token.split('.').nth(1).unwrap().to_owned();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
        serde_json::from_slice::<Value>(&json).unwrap()["sub"].clone()
    };
    assert_eq!(subject(header(0, "authorization").strip_prefix("Bearer ").unwrap()), data::USER);
    for wanted in ["order=transaction_date.desc", "limit=100"] {
        assert!(calls[0].query.contains(wanted), "{}", calls[0].query);
    }
    assert_eq!((calls[1].service, calls[1].query.as_str()), (Service::Gemini, "alt=sse"));
    assert_eq!(header(1, "x-gateway-authorization"), format!("Bearer {}", keys.integrations));
    let asked: Value = serde_json::from_str(&calls[1].body).unwrap();
    let prompt = asked["contents"][0]["parts"][0]["text"].as_str().unwrap();
    assert!(prompt.contains("budget") && prompt.contains("JSON object"), "{prompt}");
    // What the user has spent on average: 25000 for rent, 4400 and 2600 for groceries, 900 for dining.
    assert!(prompt.contains(r#""groceries":3500"#) && prompt.contains(r#""rent":25000"#), "{prompt}");
}

#[tokio::test]
async fn a_model_without_an_object_is_asked_no_more_and_one_that_is_wrong_once_more() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let model = |app: &Finance| app.stand_ins.count(Service::Gemini, "POST", "");

    app.stand_ins.say("I would rather not.");
    let answer = app.post("/api/budget/suggest", &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, "application/problem+json"));
    assert_eq!(answer.json()["detail"], "failed to parse budget suggestion");
    assert_eq!(model(&app), 1);

    app.stand_ins.say(r#"{"rent": 11}"#);
    app.stand_ins.say(r#"So be it: {"rent": 9.5}, and no more {"rent": 1}."#);
    let answer = app.post("/api/budget/suggest", &body).await;
    assert_eq!((answer.status, &answer.json()["suggestion"]), (200, &json!({"rent": 9.5})));
    assert_eq!(model(&app), 3);

    app.stand_ins.say(r#"{"rent": -1}"#);
    app.stand_ins.say(r#"{"yacht": 1}"#);
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 502);
    assert_eq!(model(&app), 5);
}

#[tokio::test]
async fn a_document_is_read() {
    let Some(app) = shape::served().await else { return };
    let first = json!({"documentId": data::DOCUMENT, "fileUrl": FILE, "userId": data::USER});
    let answer = app.post("/api/ocr/process", &first).await;
    let said = answer.json();
    let id = &said["correlation_id"];
    let expected = json!({"success": true, "transactionCount": 2, "correlation_id": id});
    assert_eq!((answer.status, &said), (200, &expected));
    assert!(id.as_str().is_some_and(|id| !id.is_empty()));

    let read: Vec<_> = app.calls().into_iter().filter(|call| call.service == Service::Ocr).collect();
    let form = format!("url={}&language=eng&isTable=true", FILE.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!((read.len(), read[0].body.as_str()), (1, form.as_str()));
    let document = &app.stand_ins.rows("documents")[0];
    assert_eq!(document["processed"], true);
    assert!(document["ocr_text"].as_str().is_some_and(|text| text.contains("FRESH MART")));
    let rows = app.stand_ins.rows("transactions");
    let booked: Vec<_> = rows.iter().filter(|row| row["document_id"] == data::DOCUMENT).collect();
    let amounts: Vec<_> = booked.iter().map(|row| (&row["amount"], &row["category"])).collect();
    assert_eq!(amounts, [(&json!(1250.5), &json!("groceries")), (&json!(480), &json!("dining"))]);
    assert_eq!(app.stand_ins.count(Service::Supabase, "POST", "/rest/v1/transactions"), 1, "one insert");
}

#[tokio::test]
async fn a_document_has_many_names() {
    let Some(app) = shape::served().await else { return };
    for name in ["fileUrl", "file_url", "imageUrl", "image_url"] {
        for (user, document) in [("userId", "documentId"), ("user_id", "document_id")] {
            app.stand_ins.say("receipt");
            app.stand_ins.say("[]");
            let body = json!({name: FILE, user: data::USER, document: data::DOCUMENT});
            let answer = app.post("/api/ocr/process", &body).await;
            assert_eq!((answer.status, &answer.json()["transactionCount"]), (200, &json!(0)), "{body}");
        }
    }
    assert_eq!(app.stand_ins.count(Service::Supabase, "PATCH", "/rest/v1/documents"), 8);
    app.stand_ins.say("receipt");
    app.stand_ins.say("[]");
    let without = json!({"fileUrl": FILE, "userId": data::USER});
    assert_eq!(app.post("/api/ocr/process", &without).await.status, 200);
    assert_eq!(app.stand_ins.count(Service::Supabase, "PATCH", "/rest/v1/documents"), 8);
}

#[tokio::test]
async fn what_is_neither_receipt_nor_statement_is_passed_over() {
    let Some(app) = shape::served().await else { return };
    app.stand_ins.say("This is other.");
    let body = json!({"documentId": data::DOCUMENT, "fileUrl": FILE, "userId": data::USER});
    let said = app.post("/api/ocr/process", &body).await.json();
    let expected = json!({
        "success": true, "transactionCount": 0, "skipped": "unsupported_document",
        "correlation_id": said["correlation_id"],
    });
    assert_eq!(said, expected);
    let alerts = app.stand_ins.rows("alerts");
    assert_eq!((&alerts[0]["alert_type"], &alerts[0]["category"]), (&json!("info"), &json!(null)));
    let message = alerts[0]["message"].as_str().unwrap();
    assert!(message.contains("receipts") && message.contains("bank statements"), "{message}");

    let blank = json!({"fileUrl": "https://files.example.com/blank.jpg", "userId": data::USER});
    let answer = app.post("/api/ocr/process", &blank).await;
    assert_eq!((answer.status, answer.header("content-type")), (422, "application/problem+json"));
}

#[tokio::test]
async fn what_a_model_leaves_out_of_a_receipt_is_filled_in() {
    let Some(app) = shape::served().await else { return };
    app.stand_ins.say("bank_statement");
    app.stand_ins.say(r#"```json
[{"amount": "12.5"}, {"amount": "much", "merchant": "Z", "category": "yachts", "date": "2024-05-06", "description": "d"}]
```"#);
    let body = json!({"fileUrl": FILE, "userId": data::USER});
    assert_eq!(app.post("/api/ocr/process", &body).await.json()["transactionCount"], 2);
    let rows = app.stand_ins.rows("transactions");
    let [first, second] = &rows[rows.len() - 2..] else { panic!("{rows:?}") };
    let shown = |row: &Value| json!([row["amount"], row["merchant"], row["category"], row["description"]]);
    assert_eq!(shown(first), json!([12.5, "Unknown", "other", null]));
    assert_eq!(shown(second), json!([0, "Z", "other", "d"]));
    assert_eq!(second["transaction_date"], "2024-05-06");
}

#[tokio::test]
async fn a_transaction_is_created_as_the_user() {
    let Some(app) = shape::served().await else { return };
    let row = json!({
        "user_id": data::USER, "amount": 12.5, "transaction_date": "2024-05-06", "merchant": "Cafe Aroma",
        "category": "dining", "description": null,
    });
    let answer = app.post("/api/transactions/create", &row).await;
    let said = answer.json();
    assert_eq!(answer.status, 200);
    for (name, value) in row.as_object().unwrap() {
        assert_eq!(&said[name], value, "{name}");
    }
    assert!(said["id"].is_string() && said["created_at"].is_string(), "{said}");
    assert!(app.stand_ins.rows("transactions").contains(&said));
    let calls = app.calls();
    let insert = calls.iter().find(|call| call.method == "POST").unwrap();
    assert_eq!(insert.headers["apikey"].to_str().unwrap(), app.stand_ins.keys().anon);

    // Whose it is follows from the token alone.
    let mut mine = row.clone();
    mine.as_object_mut().unwrap().remove("user_id");
    assert_eq!(app.post("/api/transactions/create", &mine).await.json()["user_id"], data::USER);
    let mut theirs = row;
    theirs["user_id"] = json!("somebody else");
    assert_eq!(app.post("/api/transactions/create", &theirs).await.status, 403);
}

#[tokio::test]
async fn what_is_missing_or_ill_typed_is_pointed_at() {
    let Some(app) = shape::served().await else { return };
    let budget = |body: Value| ("/api/budget/suggest", body);
    let ocr = |body: Value| ("/api/ocr/process", body);
    let chat = |body: Value| ("/api/chat/stream", body);
    let create = |body: Value| ("/api/transactions/create", body);
    let user = data::USER;
    for ((path, body), expected) in [
        (
            budget(json!({"userId": user, "totalIncome": 0, "period": "weekly"})),
            vec!["/period", "/totalIncome"],
        ),
        (budget(json!({"userId": user, "totalIncome": -1, "period": "monthly"})), vec!["/totalIncome"]),
        (budget(json!({"userId": user, "totalIncome": "10", "period": "monthly"})), vec!["/totalIncome"]),
        (budget(json!({"user_id": user, "total_income": null, "period": "monthly"})), vec!["/total_income"]),
        (budget(json!({"userId": user, "totalIncome": 10})), vec!["/period"]),
        (budget(json!({"userId": 7, "totalIncome": 10, "period": "monthly"})), vec!["/userId"]),
        (ocr(json!({"userId": user, "fileUrl": 7})), vec!["/fileUrl"]),
        (ocr(json!({"userId": user, "fileUrl": "receipt.jpg"})), vec!["/fileUrl"]),
        (ocr(json!({"userId": user, "fileUrl": FILE, "documentId": 3})), vec!["/documentId"]),
        (chat(json!({"userId": user})), vec!["/message"]),
        (chat(json!({"userId": user, "message": ""})), vec!["/message"]),
        (chat(json!({"userId": user, "message": ["Hello?"]})), vec!["/message"]),
        (create(json!({})), vec!["/amount", "/transaction_date"]),
        (
            create(json!({"amount": true, "transaction_date": "tomorrow"})),
            vec!["/amount", "/transaction_date"],
        ),
        (
            create(json!({"amount": 1, "transaction_date": "2024-05-06", "category": "yachts"})),
            vec!["/category"],
        ),
    ] {
        let answer = app.post(path, &body).await;
        assert_eq!(pointers(&answer), expected, "{path} {body}: {}", answer.text);
    }
    // Of two names one is needed: which is missing is said, and both names are.
    for ((path, body), names) in [
        (budget(json!({"totalIncome": 10, "period": "monthly"})), ["userId", "user_id"]),
        (budget(json!({"userId": user, "period": "monthly"})), ["totalIncome", "total_income"]),
        (ocr(json!({"userId": user})), ["fileUrl", "file_url"]),
        (ocr(json!({"fileUrl": FILE})), ["userId", "user_id"]),
        (chat(json!({"message": "Hello?"})), ["userId", "user_id"]),
    ] {
        let answer = app.post(path, &body).await;
        assert!(!pointers(&answer).is_empty());
        for name in names {
            assert!(answer.text.contains(name), "{path} {body}: no {name} in {}", answer.text);
        }
    }
    assert!(app.calls().is_empty(), "nothing was called for any of them");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_too() {
    let Some(app) = shape::served().await else { return };
    let post = |path| app.request(Method::POST, path);
    for (request, status) in [
        (post("/api/budget/suggest").header("content-type", "application/json").body("{"), 400),
        (post("/api/budget/suggest").header("content-type", "text/plain").body("{}"), 415),
        (post("/api/budget/suggest").json_body(&json!([])), 422),
        (post("/api/nothing").json_body(&json!({})), 404),
        (app.request(Method::PUT, "/api/budget/suggest").json_body(&json!({})), 405),
        (post("/api/chat/stream").json_body(&json!({"message": "x".repeat(11 << 20)})), 413),
    ] {
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"));
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    }
}

#[tokio::test]
async fn every_request_but_health_needs_a_token() {
    let Some(app) = shape::served().await else { return };
    for path in ["/api/budget/suggest", "/api/ocr/process", "/api/chat/stream", "/api/transactions/create"] {
        let answer = Answer::to(app.bare(Method::POST, path).json_body(&json!({}))).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (401, "application/problem+json"),
            "{path}"
        );
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
}

#[tokio::test]
async fn somebody_elses_id_is_denied() {
    let Some(app) = shape::served().await else { return };
    for (path, body) in [
        ("/api/budget/suggest", json!({"userId": "x", "totalIncome": 10, "period": "monthly"})),
        ("/api/budget/suggest", json!({"user_id": "x", "totalIncome": 10, "period": "monthly"})),
        ("/api/ocr/process", json!({"userId": "x", "fileUrl": FILE})),
        ("/api/chat/stream", json!({"userId": "x", "message": "Hello?"})),
    ] {
        let answer = app.post(path, &body).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (403, "application/problem+json"),
            "{path}"
        );
    }
    assert!(app.calls().is_empty());
}

#[tokio::test]
async fn browsers_of_the_app_alone_may_call() {
    let Some(app) = shape::served().await else { return };
    let asked = |origin: &str| {
        app.bare(Method::OPTIONS, "/api/chat/stream")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type")
    };
    let answer = Answer::to(asked("http://localhost:5173")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert!(answer.header("access-control-allow-headers").contains("authorization"), "{answer:?}");
    let answer = Answer::to(asked("https://elsewhere.example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_older_environment_works_with_its_defaults() {
    let mut draft = Draft::new(None).await;
    for topic in pathway_tests::finance::TOPICS {
        draft = draft.variable(&format!("TOPIC_{}", topic.to_uppercase()), None);
    }
    let absent =
        ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_CLIENT_ID", "KAFKA_GROUP_ID", "SUPABASE_SERVICE_ROLE_KEY"];
    for name in absent {
        draft = draft.variable(name, None);
    }
    let app = draft.start().await;
    let body = json!({"userId": data::USER, "totalIncome": 50000, "period": "monthly"});
    assert_eq!(app.post("/api/budget/suggest", &body).await.status, 200);
    let [purchase, _] = data::purchases(jiff::Timestamp::now());
    assert_eq!(app.post("/api/transactions/create", &purchase).await.status, 200);
    // No service key: transactions are not looked at, and nobody is called with an empty key.
    assert!(app.calls().iter().all(|call| call.headers.get("apikey").is_none_or(|key| !key.is_empty())));
}

#[tokio::test]
async fn the_log_has_the_classic_format() {
    let Some(app) = shape::served().await else { return };
    let from = app.log.here();
    app.get("/health").await;
    let line = app.log.says(from, "request").await;
    let (time, rest) = line.split_once(" - ").unwrap();
    assert!(jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", time).is_ok(), "{line}");
    assert!(rest.starts_with("pathway-processor - INFO - "), "{line}");
}

#[tokio::test]
async fn failures_of_upstreams_say_nothing_of_them() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    app.stand_ins.fail(Service::Gemini, "", 1, pathway_server::demo::Fault::Status(403));
    let answer = app.post("/api/budget/suggest", &body).await;
    assert_eq!(answer.status, 502);
    let gemini = app.stand_ins.gemini_url.clone();
    let authority = gemini.split('/').nth(2).unwrap();
    for secret in [authority, "the stand-in was told to fail", "alt=sse"] {
        assert!(!answer.text.contains(secret), "{}", answer.text);
    }
    let ask = Ask::post("/api/chat/stream", &json!({"message": "Hello?", "userId": data::USER}));
    app.stand_ins.fail(Service::Gemini, "", 1, pathway_server::demo::Fault::Status(403));
    let mut wire = app.wire(&ask.bearer(&app.token())).await;
    let mut told = String::new();
    while let Some(chunk) = wire.chunk().await {
        told.push_str(&chunk);
    }
    assert!(told.contains(r#"data: {"error":"#), "{told}");
    assert!(!told.contains(authority) && !told.contains("told to fail"), "{told}");
}

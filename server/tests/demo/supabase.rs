//! PostgREST's ways, as far as the pathways rely on them.

use pathway_server::demo::{StandIns, data};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{NOW, as_service, as_user, call, client, start};

async fn get(stand_ins: &StandIns, path: &str) -> (u16, Value) {
    call(as_service(stand_ins, Method::GET, path)).await
}

async fn send(stand_ins: &StandIns, method: Method, path: &str, prefer: &str, body: &Value) -> (u16, Value) {
    let request = as_service(stand_ins, method, path).header("Prefer", prefer);
    call(request.header("content-type", "application/json").body(body.to_string())).await
}

/// One column of the rows that a query finds.
async fn column(stand_ins: &StandIns, path: &str, name: &str) -> Vec<Value> {
    let (status, rows) = get(stand_ins, path).await;
    assert_eq!(status, 200, "{path}: {rows}");
    rows.as_array().unwrap().iter().map(|row| row.get(name).cloned().unwrap()).collect()
}

fn row(amount: &Value, date: &str, category: &Value) -> Value {
    json!({"user_id": "u", "amount": amount, "transaction_date": date, "category": category})
}

async fn with_rows() -> StandIns {
    let stand_ins = start().await;
    for (amount, date, category) in [
        (json!(10), "2026-10-31", json!("groceries")),
        (json!("20.50"), "2026-11-01", json!("groceries")),
        (json!(30), "2026-11-30", json!("dining")),
        (json!(5), "2026-12-01", Value::Null),
    ] {
        stand_ins.insert("transactions", row(&amount, date, &category)).unwrap();
    }
    stand_ins
}

#[tokio::test]
async fn filters() {
    let stand_ins = with_rows().await;
    for (filter, amounts) in [
        ("", json!([10, 20.5, 30, 5])),
        ("&category=eq.groceries", json!([10, 20.5])),
        ("&category=neq.groceries", json!([30])),
        ("&category=not.eq.groceries", json!([30])),
        ("&category=is.null", json!([5])),
        ("&category=not.is.null", json!([10, 20.5, 30])),
        ("&category=in.(groceries,dining)", json!([10, 20.5, 30])),
        ("&amount=gt.10&amount=lt.30", json!([20.5])),
        ("&amount=gte.10&amount=lte.20.5", json!([10, 20.5])),
        ("&amount=eq.20.50", json!([20.5])),
        ("&transaction_date=gte.2026-11-01", json!([20.5, 30, 5])),
        ("&and=(transaction_date.gte.2026-11-01,transaction_date.lt.2026-12-01)", json!([20.5, 30])),
        ("&and=(transaction_date.gte.2026-11-01,or(amount.eq.5,amount.eq.30))", json!([30, 5])),
        ("&or=(amount.eq.5,category.in.(dining))", json!([30, 5])),
        ("&not.and=(amount.gt.5,amount.lt.30)", json!([30, 5])),
        ("&merchant=eq.x", json!([])),
    ] {
        let path = format!("transactions?user_id=eq.u{filter}");
        assert_eq!(Value::from(column(&stand_ins, &path, "amount").await), amounts, "{filter}");
    }
    let quoted = r#"transactions?user_id=in.("a,b","u")&and=(user_id.eq."u")"#;
    assert_eq!(column(&stand_ins, quoted, "amount").await.len(), 4);
}

#[tokio::test]
async fn times_are_compared_as_times() {
    let stand_ins = start().await;
    stand_ins.insert("alerts", json!({"user_id": "u", "alert_type": "info", "message": "m"})).unwrap();
    for (filter, found) in [
        ("created_at.gte.2026-11-23", 1),
        ("created_at.lt.2026-11-24", 1),
        ("created_at.lt.2026-11-23", 0),
        ("created_at.gte.2026-11-23T20:00:00%2B05:30", 1),
        ("created_at.gte.2026-11-23T16:00:00Z", 0),
    ] {
        let path = format!("alerts?user_id=eq.u&and=({filter})");
        assert_eq!(column(&stand_ins, &path, "id").await.len(), found, "{filter}");
    }
}

#[tokio::test]
async fn order_page_and_columns() {
    let stand_ins = with_rows().await;
    for (query, amounts) in [
        ("order=amount", json!([5, 10, 20.5, 30])),
        ("order=amount.desc", json!([30, 20.5, 10, 5])),
        ("order=category,amount.desc", json!([30, 20.5, 10, 5])),
        ("order=category.desc", json!([5, 10, 20.5, 30])),
        ("order=category.desc.nullslast,amount.asc", json!([10, 20.5, 30, 5])),
        ("order=transaction_date.desc&limit=2", json!([5, 30])),
        ("order=transaction_date.desc&limit=2&offset=1", json!([30, 20.5])),
        ("limit=0", json!([])),
    ] {
        let path = format!("transactions?user_id=eq.u&{query}");
        assert_eq!(Value::from(column(&stand_ins, &path, "amount").await), amounts, "{query}");
    }
    let (_, rows) = get(&stand_ins, "transactions?user_id=eq.u&select=category,amount&limit=1").await;
    assert_eq!(rows.to_string(), r#"[{"category":"groceries","amount":10}]"#);
}

#[tokio::test]
async fn rows_are_completed_and_answered_as_preferred() {
    let stand_ins = start().await;
    let alert = json!({"user_id": "u", "alert_type": "budget_80", "category": null, "message": "80 %"});
    let (status, rows) = send(&stand_ins, Method::POST, "alerts", "return=representation", &alert).await;
    assert_eq!(status, 201);
    let row = rows.get(0).unwrap();
    assert_eq!(row.get("is_read"), Some(&json!(false)));
    assert_eq!(row.get("category"), Some(&Value::Null));
    assert_eq!(row.get("id").unwrap().as_str().unwrap().len(), 36);
    assert!(row.get("created_at").unwrap().as_str().unwrap().starts_with("2026-11-23T15:00:"));

    for prefer in ["return=minimal", ""] {
        let answer = send(&stand_ins, Method::POST, "alerts", prefer, &alert).await;
        assert_eq!(answer, (201, Value::Null));
    }
    let many = json!([alert, alert]);
    let (_, rows) =
        send(&stand_ins, Method::POST, "alerts?select=message", "return=representation", &many).await;
    assert_eq!(rows, json!([{"message": "80 %"}, {"message": "80 %"}]));
    assert_eq!(stand_ins.rows("alerts").len(), 5);
}

#[tokio::test]
async fn upserts() {
    let stand_ins = start().await;
    let path = "category_spending?on_conflict=user_id,period,category";
    let merge = "resolution=merge-duplicates,return=minimal";
    let sum =
        |total: u32| json!({"user_id": "u", "period": "2026-11", "category": "dining", "total_spent": total});
    assert_eq!(send(&stand_ins, Method::POST, path, merge, &sum(1)).await, (201, Value::Null));
    let id = column(&stand_ins, "category_spending?user_id=eq.u", "id").await;
    assert_eq!(send(&stand_ins, Method::POST, path, merge, &sum(2)).await, (200, Value::Null));
    assert_eq!(column(&stand_ins, "category_spending?total_spent=eq.2", "id").await, id);

    let (status, error) = send(&stand_ins, Method::POST, path, "return=minimal", &sum(3)).await;
    assert_eq!((status, error.get("code")), (409, Some(&json!("23505"))));
    let (status, error) =
        send(&stand_ins, Method::POST, "category_spending?on_conflict=period", merge, &sum(3)).await;
    assert_eq!((status, error.get("code")), (400, Some(&json!("42P10"))));
    assert_eq!(stand_ins.rows("category_spending").len(), 1);
}

#[tokio::test]
async fn updates() {
    let stand_ins = start().await;
    let path = format!("documents?id=eq.{}", data::DOCUMENT);
    let change = json!({"ocr_text": "text", "processed": true});
    assert_eq!(send(&stand_ins, Method::PATCH, &path, "return=minimal", &change).await, (204, Value::Null));
    let (status, rows) = send(&stand_ins, Method::PATCH, &path, "return=representation", &change).await;
    assert_eq!((status, rows.get(0).unwrap().get("ocr_text")), (200, Some(&json!("text"))));
    let nobody = send(&stand_ins, Method::PATCH, "documents?id=eq.x", "return=representation", &change).await;
    assert_eq!(nobody, (200, json!([])));
}

#[tokio::test]
async fn what_postgres_refuses() {
    let stand_ins = start().await;
    let alert = |kind: &str, category: Value| json!({"user_id": "u", "alert_type": kind, "category": category, "message": "m"});
    let budget = json!({"user_id": "u", "period": "weekly"});
    for (path, body, status, code) in [
        ("alerts", alert("budget_90", Value::Null), 400, "22P02"),
        ("alerts", alert("info", json!("food")), 400, "22P02"),
        ("alerts", alert("info", json!(1)), 400, "22P02"),
        ("budgets", budget, 400, "22P02"),
        ("transactions", row(&json!("much"), "2026-11-01", &Value::Null), 400, "22P02"),
        ("transactions", row(&json!(1), "1st of May", &Value::Null), 400, "22007"),
        ("transactions", row(&Value::Null, "2026-11-01", &Value::Null), 400, "23502"),
        ("transactions", json!({"user_id": "u"}), 400, "23502"),
        ("transactions", json!({"user_id": "u", "colour": "red"}), 400, "PGRST204"),
        ("transactions", json!([{"user_id": "u"}, {"amount": 1}]), 400, "PGRST102"),
        ("transactions", json!("row"), 400, "PGRST102"),
        ("invoices", json!({}), 404, "PGRST205"),
    ] {
        let (answered, error) = send(&stand_ins, Method::POST, path, "", &body).await;
        assert_eq!((answered, error.get("code")), (status, Some(&json!(code))), "{body}");
        assert!(error.get("message").unwrap().as_str().is_some_and(|message| !message.is_empty()));
        assert!(error.get("details").is_some() && error.get("hint").is_some());
    }
    for (path, status, code) in [
        ("invoices", 404, "PGRST205"),
        ("alerts?colour=eq.red", 400, "42703"),
        ("alerts?select=colour", 400, "42703"),
        ("alerts?order=colour.desc", 400, "42703"),
        ("alerts?category=eq.food", 400, "22P02"),
        ("alerts?category=like.food", 400, "PGRST100"),
        ("alerts?category=food", 400, "PGRST100"),
        ("alerts?limit=many", 400, "PGRST100"),
        ("alerts?and=category.eq.food", 400, "PGRST100"),
        ("transactions?amount=gt.much", 400, "22P02"),
    ] {
        let (answered, error) = get(&stand_ins, path).await;
        assert_eq!((answered, error.get("code")), (status, Some(&json!(code))), "{path}");
    }
    let (status, _) = call(as_service(&stand_ins, Method::POST, "alerts").body("{")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_batch_is_put_in_whole_or_not_at_all() {
    let stand_ins = start().await;
    let before = stand_ins.rows("transactions").len();
    let rows =
        json!([row(&json!(1), "2026-11-01", &Value::Null), row(&json!(1), "2026-11-01", &json!("food"))]);
    assert_eq!(send(&stand_ins, Method::POST, "transactions", "", &rows).await.0, 400);
    let one = json!({"id": "same", "user_id": "u", "amount": 1, "transaction_date": "2026-11-01"});
    assert_eq!(send(&stand_ins, Method::POST, "transactions", "", &json!([one, one])).await.0, 409);
    assert_eq!(stand_ins.rows("transactions").len(), before);
}

#[tokio::test]
async fn a_user_sees_and_writes_the_users_rows_only() {
    let stand_ins = with_rows().await;
    let (_, rows) = call(as_user(&stand_ins, "u", Method::GET, "transactions")).await;
    assert_eq!(rows.as_array().unwrap().len(), 4);
    let (_, rows) = call(as_user(&stand_ins, data::USER, Method::GET, "profiles")).await;
    assert_eq!(rows.as_array().unwrap().len(), 1);

    let body = row(&json!(1), "2026-11-01", &Value::Null).to_string();
    let (status, error) =
        call(as_user(&stand_ins, "other", Method::POST, "transactions").body(body.clone())).await;
    assert_eq!((status, error.get("code")), (403, Some(&json!("42501"))));
    let (status, _) = call(as_user(&stand_ins, "u", Method::POST, "transactions").body(body)).await;
    assert_eq!(status, 201);
    let everything = as_user(&stand_ins, "other", Method::PATCH, "transactions").body(r#"{"amount": 0}"#);
    assert_eq!(call(everything.header("Prefer", "return=representation")).await, (200, json!([])));
    let given_away = as_user(&stand_ins, "u", Method::PATCH, "transactions").body(r#"{"user_id": "other"}"#);
    assert_eq!(call(given_away).await.0, 403);
}

#[tokio::test]
async fn both_keys_are_needed_and_checked() {
    let stand_ins = start().await;
    let keys = stand_ins.keys();
    let url = format!("{}/rest/v1/alerts", stand_ins.supabase_url);
    let expired = stand_ins.token_at("u", "2026-11-23T13:00:00Z".parse().unwrap());
    let mut forged = stand_ins.token_at("u", NOW.parse().unwrap());
    forged.replace_range(forged.len() - 4.., "AAAA");
    for (key, token) in [
        (None, Some(keys.service.as_str())),
        (Some("other"), Some(keys.service.as_str())),
        (Some(keys.service.as_str()), None),
        (Some(keys.anon.as_str()), Some("other")),
        (Some(keys.anon.as_str()), Some(expired.as_str())),
        (Some(keys.anon.as_str()), Some(forged.as_str())),
    ] {
        let mut request = client().get(&url);
        if let Some(key) = key {
            request = request.header("apikey", key);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(call(request).await.0, 401, "{key:?} {token:?}");
    }
    let anonymous = client().get(&url).header("apikey", &keys.anon).bearer_auth(&keys.anon);
    assert_eq!(call(anonymous).await, (200, json!([])));
}

#[tokio::test]
async fn the_auth_server_knows_whose_token_it_is() {
    let stand_ins = start().await;
    let url = format!("{}/auth/v1/user", stand_ins.supabase_url);
    let token = stand_ins.token_at(data::USER, NOW.parse().unwrap());
    let (status, user) = call(client().get(&url).bearer_auth(token)).await;
    assert_eq!((status, user.get("id")), (200, Some(&json!(data::USER))));
    for key in [&stand_ins.keys().anon, &stand_ins.keys().service] {
        assert_eq!(call(client().get(&url).bearer_auth(key)).await.0, 401, "a key is not a login");
    }
}

#[tokio::test]
async fn the_demos_purchases_cross_80_and_then_100_percent() {
    let stand_ins = start().await;
    let mine = format!("user_id=eq.{}", data::USER);
    let limit = column(&stand_ins, &format!("budgets?{mine}&is_active=eq.true"), "groceries").await;
    let limit = limit.first().unwrap().as_f64().unwrap();
    let path = format!(
        "transactions?{mine}&category=eq.groceries&and=(transaction_date.gte.2026-11-01,transaction_date.lt.2026-12-01)"
    );
    let mut spent: f64 = column(&stand_ins, &path, "amount").await.iter().filter_map(Value::as_f64).sum();
    assert!(spent < 0.8 * limit);
    let mut crossed = Vec::new();
    for purchase in data::purchases(NOW.parse().unwrap()) {
        stand_ins.insert("transactions", purchase).unwrap();
        let now: f64 = column(&stand_ins, &path, "amount").await.iter().filter_map(Value::as_f64).sum();
        crossed.push((spent < 0.8 * limit && now >= 0.8 * limit, spent < limit && now >= limit));
        spent = now;
    }
    assert_eq!(crossed, [(true, false), (false, true)]);
    for (table, rows) in [("profiles", 1), ("income_records", 1), ("documents", 1), ("budgets", 1)] {
        assert_eq!(stand_ins.rows(table).len(), rows, "{table}");
    }
}

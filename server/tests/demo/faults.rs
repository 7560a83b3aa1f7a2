//! Calls are recorded, faults happen as ordered, and all ends with the stand-ins.

use std::time::Duration;

use pathway_server::demo::{Fault, Service};
use reqwest::Method;
use serde_json::Value;

use crate::{as_service, call, client, start};

#[tokio::test]
async fn calls_are_recorded() {
    let stand_ins = start().await;
    let body = r#"{"user_id": "u", "alert_type": "info", "message": "m"}"#;
    call(as_service(&stand_ins, Method::POST, "alerts?select=id").header("Idempotency-Key", "k").body(body))
        .await;
    call(as_service(&stand_ins, Method::GET, "alerts")).await;
    let calls = stand_ins.calls();
    let first = calls.first().unwrap();
    assert_eq!((first.service, first.method.as_str()), (Service::Supabase, "POST"));
    assert_eq!((first.path.as_str(), first.query.as_str()), ("/rest/v1/alerts", "select=id"));
    assert_eq!(first.headers.get("idempotency-key").unwrap(), "k");
    assert_eq!(first.body, body);
    assert_eq!(stand_ins.count(Service::Supabase, "POST", "/alerts"), 1);
    assert_eq!(stand_ins.count(Service::Gemini, "POST", ""), 0);
}

#[tokio::test]
async fn faults_happen_as_often_as_ordered() {
    let stand_ins = start().await;
    let get = || call(as_service(&stand_ins, Method::GET, "alerts"));
    stand_ins.fail(Service::Supabase, "/alerts", 2, Fault::Status(503));
    stand_ins.fail(Service::Gemini, "", 1, Fault::Status(500));
    assert_eq!(call(as_service(&stand_ins, Method::GET, "budgets")).await.0, 200);
    assert_eq!([get().await.0, get().await.0, get().await.0], [503, 503, 200]);
    assert_eq!(call(client().post(&stand_ins.gemini_url)).await.0, 500);

    stand_ins.fail(Service::Supabase, "/alerts", 100, Fault::Status(429));
    assert_eq!(get().await.0, 429);
    stand_ins.heal();
    assert_eq!(get().await.0, 200);

    stand_ins.fail(Service::Supabase, "/alerts", 1, Fault::Cut);
    let cut = as_service(&stand_ins, Method::GET, "alerts").send().await.unwrap();
    assert!(cut.text().await.is_err());

    stand_ins.fail(Service::Gemini, "", 1, Fault::Cut);
    let key = format!("Bearer {}", stand_ins.keys().integrations);
    let body = r#"{"contents": [{"parts": [{"text": "How am I doing?"}]}]}"#;
    let ask = client().post(&stand_ins.gemini_url).header("X-Gateway-Authorization", key).body(body);
    let mut stream = ask.send().await.unwrap();
    let mut heard = Vec::new();
    while let Ok(chunk) = stream.chunk().await {
        heard.extend(chunk.unwrap());
    }
    assert!(String::from_utf8(heard).unwrap().contains("Here "));
}

#[tokio::test]
async fn a_call_that_hangs_is_not_answered() {
    let stand_ins = start().await;
    stand_ins.fail(Service::Ocr, "", 1, Fault::Hang);
    let short = client().post(&stand_ins.ocr_url).timeout(Duration::from_millis(200));
    assert!(short.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn all_stop_when_dropped() {
    let stand_ins = start().await;
    let client = client();
    let urls = [&stand_ins.supabase_url, &stand_ins.gemini_url, &stand_ins.ocr_url].map(Clone::clone);
    stand_ins.fail(Service::Ocr, "", 1, Fault::Hang);
    let hanging = tokio::spawn(client.post(&stand_ins.ocr_url).send());
    while stand_ins.count(Service::Ocr, "POST", "") == 0 {
        tokio::task::yield_now().await;
    }
    drop(stand_ins);
    assert!(hanging.await.unwrap().is_ok_and(|response| response.status() == 503));
    for url in urls {
        while client.get(&url).send().await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn the_environment_is_that_of_the_contract() {
    let stand_ins = start().await;
    let environment = stand_ins.environment();
    let value = |name: &str| environment.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    assert!(value("GEMINI_URL").ends_with(":streamGenerateContent?alt=sse"));
    assert!(value("OCR_URL").ends_with("/parse/image"));
    assert_eq!(value("SUPABASE_URL"), stand_ins.supabase_url);
    assert_eq!(value("SUPABASE_ANON_KEY"), stand_ins.keys().anon);
    assert_eq!(value("INTEGRATIONS_API_KEY"), stand_ins.keys().integrations);
    let (status, body) = call(client().get(format!("{}/nowhere", stand_ins.supabase_url))).await;
    assert_eq!((status, body), (404, Value::Null));
}

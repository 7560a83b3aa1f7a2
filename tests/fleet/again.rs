//! Runs are run again by whichever process works on them, whichever of them is asked.

use std::collections::BTreeSet;

use pathway_server::demo::data;
use pathway_tests::kafka::Record;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::shape;

/// The token of operators.
const ADMIN: &str = "a-token-for-operators";

async fn ask(url: String, method: Method, body: Option<Value>) -> (u16, Value) {
    let mut request = Client::new().request(method, url).bearer_auth(ADMIN);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn whichever_process_is_asked_a_run_is_run_again_once() {
    let Some(draft) = shape::own().await else { return };
    let app = draft.setting("PATHWAY_ADMIN_TOKEN", ADMIN).start().await;
    let mut told = app.reader("transactions").await;
    let body = json!({"fileUrl": "https://files.example.com/a.jpg", "userId": data::USER});
    assert_eq!(app.post("/api/ocr/process", &body).await.status, 200);
    let first: Vec<Value> = told.take(2).await.iter().map(Record::json).collect();
    let servers = app.servers();
    assert_eq!(servers.len(), 4);
    let (_, runs) = ask(servers[0].admin("/runs?pathway=ocr"), Method::GET, None).await;
    let old = runs["runs"][0]["id"].as_str().unwrap().to_owned();

    // One of them has its partition; what cannot be is refused by each, and says why.
    let mut made = BTreeSet::new();
    for server in servers {
        let rerun = |body| ask(server.admin(&format!("/runs/{old}/rerun")), Method::POST, Some(body));
        let (status, why) = rerun(json!({"from": "nowhere"})).await;
        assert_eq!(status, 422, "{why}");
        assert!(why["detail"].as_str().unwrap().starts_with("there is no step `nowhere`"), "{why}");
        let (status, said) = rerun(json!({})).await;
        assert_eq!((status, &said["rerun_of"]), (202, &json!(old)), "{said}");
        made.insert(said["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(made.len(), servers.len());
    let amounts = |rows: &[Value]| rows.iter().map(|row| row["amount"].to_string()).collect::<BTreeSet<_>>();
    for _ in servers {
        let again: Vec<Value> = told.take(2).await.iter().map(Record::json).collect();
        assert_eq!(amounts(&again), amounts(&first), "it runs with the same input");
    }
    for server in servers {
        let (_, shown) = ask(server.admin(&format!("/runs/{old}")), Method::GET, None).await;
        let reruns = shown["reruns"].as_array().unwrap();
        let ids: BTreeSet<String> = reruns.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        assert_eq!(
            (reruns.len(), ids),
            (servers.len(), made.clone()),
            "each once, under the id that was told"
        );
    }
}

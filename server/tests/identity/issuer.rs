//! A stand-in for an auth server: publishes keys, knows users, and can be out of order.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::signer::Signer;

/// What it was asked, and what it answers.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    keys: Arc<Mutex<Answer>>,
    user: Arc<Mutex<Answer>>,
    /// Headers `apikey` and `authorization` of all questions about users.
    asked: Arc<Mutex<Vec<[String; 2]>>>,
    fetched: watch::Sender<usize>,
    /// Answers wait for a permit.
    pub(crate) gate: Arc<Semaphore>,
}

/// A status and a body.
pub(crate) type Answer = (u16, String);

impl Issuer {
    /// One that publishes no key and knows `ann`.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            keys: Arc::new(Mutex::new((200, json!({ "keys": [] }).to_string()))),
            user: Arc::new(Mutex::new((200, json!({ "id": "ann", "role": "authenticated" }).to_string()))),
            asked: Arc::default(),
            fetched: watch::Sender::new(0),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let router =
            Router::new().route("/keys", get(keys)).route("/user", get(user)).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(crate) fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<&Json> = signers.iter().map(|signer| &signer.jwk).collect();
        self.publish_json(&json!({ "keys": keys }));
    }

    pub(crate) fn publish_json(&self, json: &Json) {
        self.answer_keys(200, json.to_string());
    }

    pub(crate) fn answer_keys(&self, status: u16, body: impl Into<String>) {
        *self.keys.lock().unwrap() = (status, body.into());
    }

    pub(crate) fn answer_user(&self, status: u16, body: impl Into<String>) {
        *self.user.lock().unwrap() = (status, body.into());
    }

    pub(crate) fn jwks(&self) -> String {
        format!("{}/keys", self.url)
    }

    pub(crate) fn introspect(&self) -> String {
        format!("{}/user", self.url)
    }

    /// How often the keys were asked for.
    pub(crate) fn fetched(&self) -> usize {
        *self.fetched.borrow()
    }

    /// Ready when the keys have been asked for so often.
    pub(crate) async fn until_fetched(&self, times: usize) {
        let mut fetched = self.fetched.subscribe();
        let patience = std::time::Duration::from_secs(20);
        tokio::time::timeout(patience, fetched.wait_for(|n| *n >= times)).await.unwrap().unwrap();
    }

    /// What was asked about users.
    pub(crate) fn asked(&self) -> Vec<[String; 2]> {
        self.asked.lock().unwrap().clone()
    }
}

async fn keys(State(issuer): State<Issuer>) -> Response {
    issuer.fetched.send_modify(|n| *n += 1);
    let _through = issuer.gate.acquire().await;
    respond(&issuer.keys)
}

async fn user(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    issuer.asked.lock().unwrap().push([header("apikey"), header("authorization")]);
    respond(&issuer.user)
}

fn respond(answer: &Mutex<Answer>) -> Response {
    let (status, body) = answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

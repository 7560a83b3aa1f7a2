//! What the pathways call: it answers after a moment, and keeps each call in the order in which
//! they came.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The step that is refused now and then, …
pub(crate) const FLAKY: &str = "mail";
/// … one of so many, …
const REFUSED: u64 = 3;
/// … so often.
const REFUSALS: usize = 2;
/// The step that takes longest: it is the one that must not be called a second time.
pub(crate) const LONGEST: &str = "carry";

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// What for.
    pub(crate) step: String,
    /// By which its caller knows it again.
    pub(crate) key: String,
    /// The input's number.
    pub(crate) number: i64,
    /// The process that called.
    pub(crate) process: String,
    /// Whether it was refused.
    pub(crate) is_refused: bool,
    /// When it came.
    pub(crate) at: Instant,
}

/// See above.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    kept: Arc<Kept>,
}

#[derive(Debug)]
struct Kept {
    calls: Mutex<Vec<Call>>,
    count: watch::Sender<usize>,
    /// Steps whose calls are not answered for now.
    held: watch::Sender<BTreeSet<String>>,
}

/// What is answered to a step, about an item if there is one.
pub(crate) fn said(step: &str, number: i64, item: Option<i64>) -> String {
    item.map_or_else(|| format!("{step} {number}"), |item| format!("{step} {number}/{item}"))
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let kept = Arc::new(Kept {
            calls: Mutex::default(),
            count: watch::Sender::new(0),
            held: watch::Sender::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/{step}", post(answer)).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, kept }
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.kept.calls().clone()
    }

    /// Waits until the calls are such.
    pub(crate) async fn until(&self, are: impl Fn(&[Call]) -> bool) {
        let mut count = self.kept.count.subscribe();
        loop {
            count.mark_unchanged();
            if are(&self.kept.calls()) {
                return;
            }
            count.changed().await.unwrap();
        }
    }

    /// Leaves calls of a step without an answer until it is released.
    pub(crate) fn hold(&self, step: &str) {
        self.kept.held.send_if_modified(|held| held.insert(step.to_owned()));
    }

    /// Answers calls of a step, those that wait too.
    pub(crate) fn release(&self, step: &str) {
        self.kept.held.send_if_modified(|held| held.remove(step));
    }
}

impl Kept {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a call; whether it is refused.
    fn keep(&self, step: &str, number: i64, headers: &HeaderMap) -> bool {
        let text = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (key, process) = (text("idempotency-key"), text("x-process"));
        let mut calls = self.calls();
        let refused = || calls.iter().filter(|call| call.key == key && call.is_refused).count();
        let is_refused = step == FLAKY && varied(number).is_multiple_of(REFUSED) && refused() < REFUSALS;
        calls.push(Call { step: step.to_owned(), key, number, process, is_refused, at: Instant::now() });
        self.count.send_replace(calls.len());
        is_refused
    }
}

async fn answer(
    State(kept): State<Arc<Kept>>,
    Path(step): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let number = asked["number"].as_i64().ok_or(StatusCode::BAD_REQUEST)?;
    let item = asked["item"].as_i64();
    let is_refused = kept.keep(&step, number, &headers);
    let mut held = kept.held.subscribe();
    held.wait_for(|held| !held.contains(&step)).await.ok();
    let longest = if step == LONGEST { 200 } else { 20 };
    tokio::time::sleep(Duration::from_millis(varied(number + item.unwrap_or_default()) % longest)).await;
    if is_refused {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(Json(json!({"said": said(&step, number, item)})))
}

/// A number that differs from neighbour to neighbour.
fn varied(number: i64) -> u64 {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

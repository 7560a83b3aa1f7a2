//! An upstream on a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Counts its calls, and answers by path.
pub(crate) struct Upstream {
    url: String,
    calls: Arc<Calls>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Calls {
    count: AtomicUsize,
    called: (Mutex<bool>, Condvar),
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let calls = Arc::<Calls>::default();
        let router = Router::new().route("/{path}", axum::routing::any(answer)).with_state(calls.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, calls, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.count.load(Ordering::SeqCst)
    }

    /// Waits for the first call.
    pub(crate) fn until_called(&self) {
        let (called, changed) = &self.calls.called;
        let guard = called.lock().unwrap();
        let (guard, _) =
            changed.wait_timeout_while(guard, Duration::from_secs(30), |called| !*called).unwrap();
        assert!(*guard, "nobody called");
    }
}

async fn answer(State(calls): State<Arc<Calls>>, Path(path): Path<String>, body: String) -> Response {
    let call = calls.count.fetch_add(1, Ordering::SeqCst) + 1;
    *calls.called.0.lock().unwrap() = true;
    calls.called.1.notify_all();
    let json = [(header::CONTENT_TYPE, "application/json")];
    match path.as_str() {
        "flaky" if call == 1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "echo-503" => (StatusCode::SERVICE_UNAVAILABLE, body).into_response(),
        "hang" => std::future::pending().await,
        "story" => {
            let pieces = ["Once ", "upon a", " time\nthere", " was \u{1b}[31ma fox."];
            let events: String = pieces
                .iter()
                .map(|piece| format!("data: {}\n\n", serde_json::json!({ "t": piece })))
                .collect();
            ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
        }
        _ => (json, format!(r#"{{"call": {call}}}"#)).into_response(),
    }
}

//! What every stand-in has: a record of its calls, and faults to order.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::standins::Shared;

/// Calls that are remembered; the oldest are forgotten.
const MEMORY: usize = 10_000;
/// Bytes of a request's body.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Which stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// PostgREST and the part of its auth server that is needed.
    Supabase,
    /// The gateway to the language model.
    Gemini,
    /// The gateway that reads documents.
    Ocr,
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// At which stand-in.
    pub service: Service,
    /// Such as `GET`.
    pub method: String,
    /// Such as `/rest/v1/alerts`.
    pub path: String,
    /// As sent, still encoded; empty if there was none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// What happens to a call instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this status.
    Status(u16),
    /// Never answered.
    Hang,
    /// Answered, but the answer breaks off: of the language model's after a few words.
    Cut,
}

/// The record and the orders of all stand-ins.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: Mutex<Watched>,
    /// Changes when a call arrives and when it is answered.
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Watched {
    calls: VecDeque<Call>,
    orders: Vec<Order>,
}

#[derive(Debug)]
struct Order {
    service: Service,
    path: String,
    left: usize,
    fault: Fault,
}

impl Watch {
    pub(super) fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    pub(super) fn order(&self, service: Service, path: &str, left: usize, fault: Fault) {
        self.lock().orders.push(Order { service, path: path.to_owned(), left, fault });
    }

    pub(super) fn cancel_orders(&self) {
        self.lock().orders.clear();
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Records the call; the fault that was ordered for it.
    fn notice(&self, call: Call) -> Option<Fault> {
        let mut state = self.lock();
        state.orders.retain(|order| order.left > 0);
        let meant = |order: &&mut Order| order.service == call.service && call.path.contains(&order.path);
        let fault = state.orders.iter_mut().find(meant).map(|order| {
            order.left -= 1;
            order.fault
        });
        if state.calls.len() == MEMORY {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
        self.changes.send_replace(());
        fault
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands before every route of every stand-in.
pub(super) async fn observe(
    State((service, shared)): State<(Service, Shared)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let fault = shared.watch.notice(Call {
        service,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let request = Request::from_parts(parts, Body::from(body));
    let answer = async {
        match fault {
            None => next.run(request).await,
            Some(Fault::Status(status)) => refusal(status),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Cut) => cut(next.run(request).await),
        }
    };
    let answer = until(&shared.stop, answer).await;
    shared.watch.changes.send_replace(());
    answer.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

fn refusal(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, "the stand-in was told to fail").into_response()
}

fn cut(answer: Response) -> Response {
    const PIECES: usize = 4;
    let (parts, body) = answer.into_parts();
    let end = stream::once(async {
        // What was said before is on its way when the connection breaks.
        tokio::task::yield_now().await;
        Err(axum::Error::new("cut"))
    });
    Response::from_parts(parts, Body::from_stream(body.into_data_stream().take(PIECES).chain(end)))
}

/// What `work` comes to, unless it is stopped before.
async fn until<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop.cancelled() => None,
    }
}

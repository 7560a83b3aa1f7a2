//! What happens to every request: it gets an id, bounds on its head, a line in the log, and a
//! problem for an answer if it went wrong. It may be counted, too.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pathway_engine::vm::Class;

use super::door::RUN;
use super::{Problem, problem};
use crate::ids::Ids;
use crate::telemetry::metrics::Requests;

/// The header of a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of a request's path and query.
const LONGEST_URI: usize = 8 << 10;
/// Bytes of a request's headers.
const LARGEST_HEAD: usize = 32 << 10;

/// What every request is given, and where it is counted.
#[derive(Debug, Clone)]
pub(crate) struct Observing {
    /// Names those that bring no id along.
    pub(crate) ids: Ids,
    pub(crate) counts: Option<Arc<Requests>>,
}

pub(crate) async fn observe(State(observing): State<Observing>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request_id(request.headers(), &observing.ids);
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(256).collect();
    let response = match check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = problem::finish(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let run = response.headers().get(&RUN).and_then(|run| run.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(counts) = &observing.counts {
        counts.count(route.as_ref().map(MatchedPath::as_str), response.status());
    }
    tracing::info!(%method, path, status, ms, request_id = id, run, "request");
    response
}

fn check(request: &Request) -> Result<(), Problem> {
    let uri = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    if uri > LONGEST_URI {
        let detail = format!("the path and query have more than {LONGEST_URI} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, Class::Invalid, detail));
    }
    let head: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head > LARGEST_HEAD {
        let detail = format!("the headers have more than {LARGEST_HEAD} bytes");
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Class::Invalid, detail));
    }
    Ok(())
}

/// The caller's id of the request if it is one, else a new one.
fn request_id(headers: &HeaderMap, ids: &Ids) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(plain))
        .map_or_else(|| ids.next().to_string(), str::to_owned)
}

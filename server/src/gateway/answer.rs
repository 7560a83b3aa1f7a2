//! What a door answers that does not stream.

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::value;
use pathway_engine::vm::{Class, Failure};
use serde_json::json;

use super::Problem;
use super::prefer::Prefer;

/// The outcome of a run, of a door that waited for it. The correlation id of its run is the run's.
pub(super) fn finished(plan: &Plan, run: &str, outcome: Result<Value, Failure>) -> Result<Response, Problem> {
    let answer = outcome.map_err(|failure| Problem::of(&failure).about_run(run))?;
    let answer = match &plan.door.correlation {
        Some(field) => value::with_field(&answer, &field.value, Value::from(run)),
        None => answer,
    };
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], Body::from(value::to_json(&answer))).into_response())
}

/// 202: where to ask for the run.
pub(super) fn accepted(id: &str) -> Response {
    let place = format!("/api/runs/{id}");
    let body = json!({ "id": id, "location": place });
    let again = [(RETRY_AFTER, HeaderValue::from_static("1"))];
    let mut response = (StatusCode::ACCEPTED, again, Json(body)).into_response();
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(LOCATION, place);
    }
    response
}

/// Which run answers the key is not known yet.
pub(super) fn not_taken_up() -> Problem {
    let detail = "the request is not taken up yet; ask again with the same `Idempotency-Key`";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, detail)
}

/// The door's time is over; the run's is not.
pub(super) fn late(id: &str) -> Problem {
    let detail = format!("run `{id}` has not ended in time; it goes on");
    Problem::new(StatusCode::GATEWAY_TIMEOUT, Class::Timeout, detail).about_run(id)
}

/// Says which preferences were followed.
pub(super) fn applied(mut response: Response, prefer: Prefer) -> Response {
    let waited = response.status() != StatusCode::ACCEPTED;
    if let Some(value) = prefer.applied(waited).and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    response
}

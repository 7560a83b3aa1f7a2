//! `/limits`: how many may do something at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pathway_engine::value;
use pathway_engine::vm::Class;

use super::Admin;
use crate::gateway::{Problem, body};
use crate::operations::{Error, Limits, Permits};

/// `GET /limits`
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Response {
    told(&admin.operations.limits())
}

/// `PUT /limits/NAME`, with the permits for a body, and perhaps the revision that it is meant for.
pub(super) async fn set(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let expected = expected(request.headers())?;
    let body = body::json(request, &admin.limits).await?;
    let body = body.ok_or_else(|| invalid("say how many: `{\"permits\": 8}`, or `null` for any number"))?;
    let permits: Permits = serde_json::from_value(value::to_serde(&body))
        .map_err(|error| invalid(format!("the permits make no sense: {error}")))?;
    Ok(told(&admin.operations.set_limit(&name, permits, expected)?))
}

/// `DELETE /limits/NAME`: as the project says.
pub(super) async fn reset(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(told(&admin.operations.reset_limit(&name, expected(&headers)?)?))
}

/// With the revision as the entity's tag.
fn told(limits: &Limits) -> Response {
    let mut response = Json(limits).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", limits.revision)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The revision that a change is meant for, if it is said.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = tag.to_str().unwrap_or_default();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::parse);
    match revision {
        Some(Ok(revision)) => Ok(Some(revision)),
        _ => {
            let detail = "`If-Match` is to be the `ETag` of an answer about limits";
            Err(Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail))
        }
    }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid(why.into())
}

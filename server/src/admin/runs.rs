//! `/runs`: what runs there are, how they are doing, and what they are told.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use pathway_engine::journal::Signal;
use pathway_engine::vm::Class;
use pathway_engine::{Value, value};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Admin;
use crate::gateway::{Problem, body, idempotency};
use crate::operations::{Again, Detail, Error, Journal, Listing, Rerun, Timeline};
use crate::store::Status;

/// Runs that are listed unless more are asked for.
pub(super) const LIMIT: u32 = 50;

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    status: Option<String>,
    pathway: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// `GET /runs?status=&pathway=&before=&limit=`
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Query(wanted) = wanted.map_err(|error| {
        let detail = format!("the query makes no sense: {}", error.body_text());
        Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail)
    })?;
    let limit = wanted.limit.unwrap_or(LIMIT);
    let status = wanted.status.map(|name| status(&name)).transpose()?;
    let listing = Listing { status, pathway: wanted.pathway, before: wanted.before, limit };
    Ok(Json(json!({ "runs": admin.operations.list(listing).await? })))
}

fn status(name: &str) -> Result<Status, Error> {
    Status::from_name(name).ok_or_else(|| {
        let names = Status::ALL.map(Status::name).join(", ");
        Error::Invalid(format!("there is no status `{name}`; there are {names}"))
    })
}

/// `GET /runs/ID`
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Detail>, Problem> {
    Ok(Json(admin.operations.show(&id).await?))
}

/// `GET /runs/ID/timeline`
pub(super) async fn timeline(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Timeline>, Problem> {
    Ok(Json(admin.operations.timeline(&id).await?))
}

/// `GET /runs/ID/journal`
pub(super) async fn journal(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Json<Journal>, Problem> {
    Ok(Json(admin.operations.journal(&id).await?))
}

/// `POST /runs/ID/cancel`
pub(super) async fn cancel(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    admin.operations.cancel(&id).await?;
    Ok(accepted(&id))
}

/// `POST /runs/ID/signals/NAME`, with the payload for a body.
pub(super) async fn signal(
    State(admin): State<Arc<Admin>>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let key = idempotency::key(request.headers())?;
    let payload = body::json(request, &admin.limits).await?.unwrap_or_else(|| Value::from(()));
    admin.operations.signal(&id, Signal { name, payload, from: None, key }).await?;
    Ok(accepted(&id))
}

/// `POST /runs/ID/rerun`, with what to run again for a body.
pub(super) async fn rerun(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Rerun>), Problem> {
    let again: Again = read(body::json(request, &admin.limits).await?, "what to run again")?;
    Ok((StatusCode::ACCEPTED, Json(admin.operations.rerun(&id, again).await?)))
}

/// What a body says; without one what it says by default.
pub(super) fn read<T: DeserializeOwned + Default>(body: Option<Value>, what: &str) -> Result<T, Error> {
    let Some(body) = body else { return Ok(T::default()) };
    serde_json::from_value(value::to_serde(&body))
        .map_err(|error| Error::Invalid(format!("{what} makes no sense: {error}")))
}

/// 202: it will be done.
pub(super) fn accepted(id: &str) -> Response {
    use axum::response::IntoResponse as _;
    (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response()
}

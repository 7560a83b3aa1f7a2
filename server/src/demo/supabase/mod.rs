//! Stand-in for Supabase: tables in memory behind the part of PostgREST that the app uses.
//!
//! Row level security is that of the app: a user sees and writes the rows that carry the user's
//! id, the service all of them. Identifiers are any text here, not only UUIDs.

mod database;
mod filter;
mod keys;
mod query;
mod refusal;
mod tables;

use std::sync::{MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub use keys::Keys;

pub(super) use database::Database;

use super::standins::Shared;
use database::Row;
use query::Selection;
use refusal::Refusal;

type Pairs = Query<Vec<(String, String)>>;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/rest/v1/{table}", get(read).post(write).patch(change))
        .route("/auth/v1/user", get(user))
        .route("/auth/v1/.well-known/jwks.json", get(|| async { Json(json!({"keys": []})) }))
        .with_state(shared)
}

async fn read(
    State(shared): State<Shared>,
    Path(table): Path<String>,
    Query(pairs): Pairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let role = shared.keys.role(&headers, shared.clock.now())?;
    let database = lock(&shared);
    let table = database.table(&table)?;
    let selection = Selection::parse(table, &pairs)?;
    Ok(Json(database.select(table, &role, &selection)).into_response())
}

async fn write(
    State(shared): State<Shared>,
    Path(table): Path<String>,
    Query(pairs): Pairs,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let role = shared.keys.role(&headers, shared.clock.now())?;
    let prefer = Preferences::of(&headers);
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::not_json())?;
    let mut database = lock(&shared);
    let table = database.table(&table)?;
    let selection = Selection::parse(table, &pairs)?;
    let rows = Database::new_rows(table, body)?;
    for row in &rows {
        role.may_write(table, row)?;
    }
    let merge = prefer.merge.then_some(selection.on_conflict.as_slice());
    let (written, inserted) = database.put(table, rows, merge, shared.clock.now())?;
    let status = if inserted || written.is_empty() { StatusCode::CREATED } else { StatusCode::OK };
    Ok(prefer.answer(status, written, &selection))
}

async fn change(
    State(shared): State<Shared>,
    Path(table): Path<String>,
    Query(pairs): Pairs,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let role = shared.keys.role(&headers, shared.clock.now())?;
    let prefer = Preferences::of(&headers);
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::not_json())?;
    let Value::Object(changes) = body else { return Err(Refusal::not_json()) };
    let mut database = lock(&shared);
    let table = database.table(&table)?;
    let selection = Selection::parse(table, &pairs)?;
    let changed = database.update(table, &role, &selection, changes)?;
    let status = if prefer.representation { StatusCode::OK } else { StatusCode::NO_CONTENT };
    Ok(prefer.answer(status, changed, &selection))
}

/// Whose token it is: the auth server's introspection.
async fn user(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Refusal> {
    let subject = shared.keys.user(&headers, shared.clock.now())?;
    let user =
        json!({"id": subject, "aud": "authenticated", "role": "authenticated", "email": "demo@example.com"});
    Ok(Json(user).into_response())
}

fn lock(shared: &Shared) -> MutexGuard<'_, Database> {
    shared.database.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `Prefer` header.
struct Preferences {
    representation: bool,
    merge: bool,
}

impl Preferences {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let wishes: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
        Self {
            representation: wishes.contains(&"return=representation"),
            merge: wishes.contains(&"resolution=merge-duplicates"),
        }
    }

    /// Without `return=representation` there is no body at all.
    fn answer(&self, status: StatusCode, rows: Vec<Row>, selection: &Selection) -> Response {
        if !self.representation {
            return status.into_response();
        }
        let rows: Vec<Row> = rows.into_iter().map(|row| selection.shown(row)).collect();
        (status, Json(rows)).into_response()
    }
}

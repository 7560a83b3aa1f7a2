//! What waits for a human: redriven, or given up.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use pathway_engine::value;

use super::Admin;
use super::runs::accepted;
use crate::gateway::{Problem, body};
use crate::operations::{Error, Redriven, Selection};

/// `POST /runs/ID/redrive`
pub(super) async fn redrive(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    admin.operations.redrive(&id).await?;
    Ok(accepted(&id))
}

/// `POST /runs/ID/drop`
pub(super) async fn drop_parked(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    admin.operations.drop_parked(&id).await?;
    Ok(accepted(&id))
}

/// `POST /dlq/redrive`, with a selection for a body.
pub(super) async fn redrive_all(
    State(admin): State<Arc<Admin>>,
    request: Request,
) -> Result<Json<Redriven>, Problem> {
    let selection = match body::json(request, &admin.limits).await? {
        None => Selection::default(),
        Some(body) => serde_json::from_value(value::to_serde(&body))
            .map_err(|error| Error::Invalid(format!("the selection makes no sense: {error}")))?,
    };
    Ok(Json(admin.operations.redrive_all(&selection).await?))
}

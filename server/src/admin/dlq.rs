//! What waits for a human: redriven, or given up.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::Admin;
use super::runs::{accepted, read};
use crate::gateway::{Problem, body};
use crate::operations::{Redriven, Selection};
use crate::runner::Version;

/// How a run is redriven.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct How {
    definition: Version,
}

/// `POST /runs/ID/redrive`, with the definition to go on by for a body.
pub(super) async fn redrive(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let how: How = read(body::json(request, &admin.limits).await?, "how to redrive it")?;
    admin.operations.redrive(&id, how.definition).await?;
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
    let selection: Selection = read(body::json(request, &admin.limits).await?, "the selection")?;
    Ok(Json(admin.operations.redrive_all(&selection).await?))
}

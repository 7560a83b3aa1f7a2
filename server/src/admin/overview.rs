//! `/overview`: the server at a glance, for whoever looks on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Admin;
use crate::gateway::Problem;
use crate::operations::Overview;

/// `GET /overview`
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Result<Json<Overview>, Problem> {
    let measured = admin.scrape.snapshot().await?;
    Ok(Json(admin.operations.overview(&measured, (admin.role, admin.since)).await?))
}

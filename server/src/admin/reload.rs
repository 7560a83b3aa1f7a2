//! `/reload`: the project is read again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pathway_engine::vm::Class;

use super::Admin;
use crate::app::{ReloadError, Reloaded, as_json};
use crate::gateway::Problem;

/// `POST /reload`
pub(super) async fn reload(State(admin): State<Arc<Admin>>) -> Result<Json<Reloaded>, Problem> {
    Ok(Json(admin.reloader.reload().await?))
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        let said = format!("{error}; the last good definitions go on");
        match error {
            ReloadError::Wrong { found, sources } => {
                let diagnostics = as_json(&found, &sources);
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, Class::Invalid, said).diagnosed(diagnostics)
            }
            ReloadError::Unreadable(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, Class::Invalid, said),
            ReloadError::Refused(_) => Self::new(StatusCode::CONFLICT, Class::Conflict, said),
            ReloadError::Store(error) => error.into(),
        }
    }
}

//! `/metrics`: what is counted and measured, for a monitoring system.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Admin;
use crate::gateway::Problem;

/// What OpenMetrics is called.
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`
pub(super) async fn scrape(State(admin): State<Arc<Admin>>) -> Result<Response, Problem> {
    Ok(([(CONTENT_TYPE, KIND)], admin.scrape.page().await?).into_response())
}

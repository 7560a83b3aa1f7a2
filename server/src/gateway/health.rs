//! How a server is: for whoever starts, stops and balances it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pathway_engine::vm::Class;
use serde_json::{Value, json};

use super::{Gateway, Problem};

/// Whether requests can be served; else why not.
pub type Readiness = Result<(), Arc<str>>;

/// It lives. Depends on nothing, so that an upstream's trouble does not get it restarted.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// It can take requests.
pub(super) async fn ready(State(gateway): State<Gateway>) -> Result<Json<Value>, Problem> {
    let not = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, why);
    if gateway.parts.stop.is_cancelled() {
        return Err(not("the server is stopping"));
    }
    if let Err(why) = &*gateway.parts.ready.borrow() {
        return Err(not(why));
    }
    match &*gateway.parts.bus.reach().borrow() {
        Ok(()) => Ok(Json(json!({ "ok": true }))),
        // Why tells of brokers and networks, which is for the log.
        Err(_why) => Err(not("the bus is not ready")),
    }
}

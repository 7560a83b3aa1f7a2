//! HTTP for operators: a listener of its own, on which every request shows the admin token.

mod dlq;
mod guard;
mod limits;
mod metrics;
pub mod openapi;
mod overview;
mod reload;
mod routes;
mod runs;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use jiff::Timestamp;
use pathway_engine::vm::{Class, Failure};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use self::routes::{Route, routes};
use crate::app::{Reloader, Role};
use crate::gateway::request::{self, Observing};
use crate::gateway::{Limits, Problem, connections, problem};
use crate::identity::AdminToken;
use crate::ids::Ids;
use crate::operations::{Error, Operations};
use crate::telemetry::metrics::Scrape;

/// Operators' connections at once.
const CONNECTIONS: usize = 64;

/// What an admin listener works with.
#[derive(Debug)]
pub struct Admin {
    /// What it carries out.
    pub operations: Operations,
    /// Reads the project again.
    pub reloader: Reloader,
    /// What is told of what it counts.
    pub scrape: Scrape,
    /// Whether only this machine reaches the listener.
    pub is_local: bool,
    /// What the server is there for.
    pub role: Role,
    /// When it began to serve.
    pub since: Timestamp,
    /// What every request shows.
    pub token: AdminToken,
    /// Bounds.
    pub limits: Limits,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Admin {
    /// Serves until it is stopped.
    pub async fn serve(self, listener: TcpListener) {
        let limits = Limits { connections: CONNECTIONS, ..self.limits };
        let stop = self.stop.clone();
        let router = router(Arc::new(self));
        connections::serve(router, listener, limits, &stop, TaskTracker::new()).await;
    }
}

fn router(admin: Arc<Admin>) -> Router {
    let routes = routes().into_iter();
    let observing = Observing { ids: Ids::system(), counts: None };
    routes
        .fold(Router::new(), |router, Route { path, answers, .. }| router.route(path, answers))
        .with_state(admin.clone())
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(axum::middleware::from_fn_with_state(admin, guard::admit))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(axum::middleware::from_fn_with_state(observing, request::observe))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown => Self::no_run(),
            Error::NoLimit(why) => Self::new(StatusCode::NOT_FOUND, Class::NotFound, why),
            Error::Changed(why) => Self::new(StatusCode::PRECONDITION_FAILED, Class::Conflict, why),
            Error::Invalid(why) => Self::of(&Failure::new(Class::Invalid, why)),
            Error::Refused(why) => Self::of(&Failure::new(Class::Conflict, why)),
            Error::Full(why) => Self::of(&Failure::new(Class::Outage, why)),
            Error::Store(error) => error.into(),
        }
    }
}

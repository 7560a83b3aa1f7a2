//! HTTP: doors through which runs are started, and what their callers may ask of them later.
//!
//! A door reads and checks a request, publishes it as a record of the pathway's topic and follows
//! the run that comes of it in the store: the gateway performs nothing itself. It subscribes
//! before it publishes, so no answer is missed, and what has been published goes on whether or
//! not the caller waits. Every error, from wherever, is `application/problem+json`.

mod admission;
mod answer;
mod attach;
mod auth;
pub(crate) mod body;
mod capacity;
mod commands;
pub(crate) mod connections;
mod cors;
pub(crate) mod credentials;
mod door;
mod doors;
mod expiry;
mod feed;
mod health;
pub(crate) mod idempotency;
pub mod openapi;
pub(crate) mod outcome;
mod patience;
mod prefer;
pub(crate) mod problem;
mod refusal;
pub(crate) mod request;
mod runs;
mod serve;
mod sse;
mod stream;
mod ticket;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use pathway_engine::compile::{Plan, Program};
use pathway_engine::document::HttpDoor;
use pathway_engine::project::{Http, Project};
use pathway_engine::vm::Method;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use capacity::Capacity;
pub use commands::{CommandError, Commands};
pub use doors::{Before, Doors};
pub use feed::FeedCounts;
pub use health::Readiness;
pub use problem::Problem;
pub use serve::{ServeError, check};

use feed::Feeds;
use request::Observing;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::identity::{AdminToken, Identity};
use crate::ids::Ids;
use crate::seal::SealKeys;
use crate::store::Store;
use crate::telemetry::metrics::Requests;
use crate::telemetry::traces::Traces;

/// What a gateway works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The project file.
    pub project: Arc<Project>,
    /// The pathways whose doors are opened.
    pub program: Arc<Program>,
    /// Where runs and their streams are read.
    pub store: Arc<dyn Store>,
    /// Where requests are published.
    pub bus: Arc<dyn Bus>,
    /// What callers may do to their runs.
    pub commands: Arc<dyn Commands>,
    /// How busy those are who do the work.
    pub capacity: Arc<dyn Capacity>,
    /// Knows users by their tokens.
    pub identity: Arc<Identity>,
    /// Opens the doors for services.
    pub admin: AdminToken,
    /// Seal who asked, and tickets.
    pub keys: SealKeys,
    /// Tells the time.
    pub clock: Clock,
    /// Names requests, and the runs that come of them.
    pub ids: Ids,
    /// What `/readyz` says.
    pub ready: watch::Receiver<Readiness>,
    /// Ends the server: cancelled, it accepts nothing more and its streams end.
    pub stop: CancellationToken,
    /// Bounds.
    pub limits: Limits,
    /// Told of requests, where spans are sent.
    pub traces: Option<Traces>,
}

/// Bounds on what one client can take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: usize,
    /// For the whole of a request's head, and then of its body.
    pub reading: Duration,
    /// How long a client may take no byte of what is written to it.
    pub writing: Duration,
    /// Between comments that keep a stream open.
    pub keep_alive: Duration,
    /// How long a door waits for a run that it does not wait out to be admitted.
    pub admission: Duration,
    /// Connections at once.
    pub connections: usize,
    /// For what is under way when the server is stopped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 << 20,
            reading: Duration::from_secs(30),
            writing: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            admission: Duration::from_secs(5),
            connections: 10_000,
            grace: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// What a project says, and the defaults.
    #[must_use]
    pub fn of(http: &Http) -> Self {
        Self {
            body: usize::try_from(http.max_body).unwrap_or(usize::MAX),
            reading: http.timeout,
            keep_alive: http.keep_alive,
            connections: http.max_connections as usize,
            ..Self::default()
        }
    }
}

/// A gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
    feeds: Arc<Feeds>,
    requests: Arc<Requests>,
}

impl Gateway {
    /// A gateway of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let feeds = Arc::new(Feeds::new(&parts, None));
        Self { feeds, parts: Arc::new(parts), requests: Arc::default() }
    }

    /// The same of other parts, with those feeds of `before` of which the same is said.
    fn after(before: &Self, parts: Parts) -> Self {
        let feeds = Arc::new(Feeds::new(&parts, Some(&before.feeds)));
        Self { feeds, parts: Arc::new(parts), requests: before.requests.clone() }
    }

    /// The same, which counts its requests there.
    #[must_use]
    pub fn counting(self, requests: Arc<Requests>) -> Self {
        Self { requests, ..self }
    }

    /// How a feed is doing; none where there is no feed of that name.
    #[must_use]
    pub fn feed_counts(&self, feed: &str) -> Option<FeedCounts> {
        self.feeds.counts(feed)
    }

    /// Its routes: the doors of all pathways, feeds, and its own.
    fn router(&self) -> Router {
        let described = openapi::document(&self.parts.project, &self.parts.program).to_string();
        let described = Bytes::from(described);
        let described = move || std::future::ready(([(CONTENT_TYPE, "application/json")], described.clone()));
        let mut router = Router::new()
            .route("/health", get(health::health))
            .route("/livez", get(health::health))
            .route("/readyz", get(health::ready))
            .route("/openapi.json", get(described))
            .route("/api/stream-tickets", post(ticket::issue))
            .route("/api/runs/{id}", get(runs::show))
            .route("/api/runs/{id}/events", get(runs::events))
            .route("/api/runs/{id}/cancel", post(runs::cancel))
            .route("/api/runs/{id}/signals/{name}", post(runs::signal))
            .with_state(self.clone());
        for plan in self.parts.program.pathways.values() {
            if let Some(http) = &plan.door.http {
                router = router.route(&http.path.value, self.door(plan, http));
                if let Some(path) = &http.attach {
                    router = router.route(&path.value, self.attach(plan));
                }
            }
        }
        for (path, feed) in self.feeds.routes(self) {
            router = router.route(path, feed);
        }
        let router = router
            .fallback(problem::no_route)
            .method_not_allowed_fallback(problem::wrong_method)
            .layer(CatchPanicLayer::custom(problem::panicked));
        let router = match cors::layer(&self.parts.project.origins) {
            Some(cors) => router.layer(cors),
            None => router,
        };
        let observing = Observing { ids: self.parts.ids.clone(), counts: Some(self.requests.clone()) };
        let router = router.layer(axum::middleware::from_fn_with_state(observing, request::observe));
        match &self.parts.traces {
            Some(traces) => router.layer(axum::middleware::from_fn_with_state(traces.clone(), trace::follow)),
            None => router,
        }
    }

    fn door(&self, plan: &Arc<Plan>, http: &HttpDoor) -> MethodRouter {
        let filter = match http.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let (gateway, plan) = (self.clone(), plan.clone());
        on(filter, move |request: Request| door::enter(gateway.clone(), plan.clone(), request))
    }

    fn attach(&self, plan: &Arc<Plan>) -> MethodRouter {
        let (gateway, plan) = (self.clone(), plan.clone());
        get(move |request: Request| attach::enter(gateway.clone(), plan.clone(), request))
    }
}

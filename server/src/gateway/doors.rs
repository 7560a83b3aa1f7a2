//! The doors that are open: all of them are replaced at once, while requests go on.
//!
//! A request is answered by the gateway that was there when it came, to its end. A feed of which the
//! same is said as before goes on with its readers; readers of another are told to come again.

use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::http::Request;
use axum::response::Response;
use axum::{BoxError, Router};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use pathway_engine::compile::Program;
use pathway_engine::project::Project;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::connections::Answers;
use super::serve::check;
use super::{Gateway, Limits, Parts};

/// The doors of a process.
#[derive(Debug, Clone)]
pub struct Doors {
    open: Arc<watch::Sender<Open>>,
    /// Feeds that are read, and connections.
    pub(super) tasks: TaskTracker,
}

#[derive(Debug, Clone)]
struct Open {
    gateway: Gateway,
    router: Router,
    requests: TaskTracker,
}

/// Requests that came through doors of before.
#[derive(Debug)]
pub struct Before(TaskTracker);

impl Before {
    /// Ready when they all are answered.
    pub async fn answered(&self) {
        self.0.wait().await;
    }
}

impl Doors {
    /// The doors of `gateway`, which are open once it serves.
    #[must_use]
    pub fn new(gateway: Gateway) -> Self {
        let open = Open { router: gateway.router(), gateway, requests: TaskTracker::new() };
        Self { open: Arc::new(watch::Sender::new(open)), tasks: TaskTracker::new() }
    }

    /// The gateway of now.
    pub(super) fn gateway(&self) -> Gateway {
        self.open.borrow().gateway.clone()
    }

    /// Whether other doors could be opened while it serves.
    ///
    /// # Errors
    /// Why not, as one sentence.
    pub fn check(project: &Project, program: &Program) -> Result<(), String> {
        check(project, program)
    }

    /// Opens the doors of `program`, as `project` says, instead of those of now.
    pub async fn swap(&self, project: Arc<Project>, program: Arc<Program>) -> Before {
        let before = self.gateway();
        // How many connections there may be, and how long their heads may take, was settled with the listener.
        let limits = Limits { connections: before.parts.limits.connections, ..Limits::of(&project.http) };
        let parts = Parts { project, program, limits, ..(*before.parts).clone() };
        let gateway = Gateway::after(&before, parts);
        gateway.feeds.start(&gateway.parts, &self.tasks).await;
        let open = Open { router: gateway.router(), gateway, requests: TaskTracker::new() };
        let old = self.open.send_replace(open);
        old.gateway.feeds.end_all_but(&self.gateway().feeds);
        old.requests.close();
        Before(old.requests)
    }
}

impl Doors {
    /// Answers a request, also one that came through no listener.
    pub async fn enter<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (router, _under_way) = {
            let open = self.open.borrow();
            (open.router.clone(), open.requests.token())
        };
        answer(router, request).await
    }
}

impl Answers for Doors {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        self.enter(request).await
    }
}

impl Answers for Router {
    async fn answer(&self, request: Request<Incoming>) -> Response {
        answer(self.clone(), request).await
    }
}

async fn answer<B>(router: Router, request: Request<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let service = TowerToHyperService::new(router.into_service::<B>());
    match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

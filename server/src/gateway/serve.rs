//! Serving connections, within bounds, until the server is stopped.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use pathway_engine::compile::{Plan, Program};
use pathway_engine::document::Auth;
use pathway_engine::project::{Mode, Project};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::patience::Patient;
use super::refusal::Explaining;
use super::{Gateway, Limits};

/// Bytes of a request's head, and of what is read or written ahead.
const BUFFER: usize = 64 << 10;
/// Before accepting is tried again when the system has no room for another connection.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// Why a gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The project cannot be served as it is.
    #[error("{0}")]
    Project(String),
    /// The listener cannot be used.
    #[error("cannot listen: {0}")]
    Listener(#[from] io::Error),
}

/// Whether the doors of `program` can be served as `project` says.
///
/// # Errors
/// Why not, as one sentence.
pub fn check(project: &Project, program: &Program) -> Result<(), String> {
    let mode = project.auth.as_ref().map(|auth| auth.mode);
    if mode == Some(Mode::Unverified) {
        return check_loopback(project.listen);
    }
    let is_for_users =
        |plan: &&Arc<Plan>| plan.door.http.as_ref().is_some_and(|http| http.auth == Auth::User);
    let door = program.pathways.values().find(is_for_users).map(|plan| ("HTTP door of", &*plan.name));
    let feed = program.feeds.values().find(|feed| feed.auth == Auth::User);
    match door.or_else(|| feed.map(|feed| ("feed", feed.name.value.as_str()))) {
        Some((what, name)) if mode.is_none() => {
            Err(format!("the {what} `{name}` is for users, but the project has no `auth`"))
        }
        _ => Ok(()),
    }
}

fn check_loopback(address: SocketAddr) -> Result<(), String> {
    match address.ip().is_loopback() {
        true => Ok(()),
        false => Err(format!(
            "`auth.mode: unverified` believes every token, and `{address}` can be reached by others: \
             listen on 127.0.0.1, or verify tokens"
        )),
    }
}

impl Gateway {
    /// Serves until [`super::Parts::stop`] is cancelled and what was under way has ended, or its
    /// time is over.
    ///
    /// # Errors
    /// If the project cannot be served as it is, or the listener cannot be used.
    pub async fn serve(self, listener: TcpListener) -> Result<(), ServeError> {
        let parts = self.parts.clone();
        check(&parts.project, &parts.program).map_err(ServeError::Project)?;
        if parts.project.auth.as_ref().is_some_and(|auth| auth.mode == Mode::Unverified) {
            check_loopback(listener.local_addr()?).map_err(ServeError::Project)?;
            tracing::warn!("TOKENS ARE NOT VERIFIED: whoever reaches this port can be anybody");
        }
        let connections = Arc::new(Semaphore::new(parts.limits.connections));
        let (tasks, kill) = (TaskTracker::new(), CancellationToken::new());
        self.feeds.start(&parts, &tasks).await;
        let router = self.router();
        loop {
            let accepted = tokio::select! {
                biased;
                () = parts.stop.cancelled() => break,
                accepted = accept(&listener, &connections) => accepted,
            };
            let Some((stream, place)) = accepted else { continue };
            let serving = connection(router.clone(), stream, parts.limits, parts.stop.clone());
            let kill = kill.clone();
            tasks.spawn(async move {
                kill.run_until_cancelled_owned(serving).await;
                drop(place);
            });
        }
        drop(listener);
        tasks.close();
        if tokio::time::timeout(parts.limits.grace, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections are cut off");
            kill.cancel();
            tasks.wait().await;
        }
        Ok(())
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _peer)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(EXHAUSTED).await;
            None
        }
    }
}

async fn connection(router: Router, stream: TcpStream, limits: Limits, stop: CancellationToken) {
    // Small answers and events are not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection is gone");
        return;
    }
    let service = TowerToHyperService::new(router.into_service::<Incoming>());
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.reading)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Explaining::new(Patient::new(stream, limits.writing))), service);
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke off");
    }
}

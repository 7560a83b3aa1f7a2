//! Serving connections, within bounds, until the server is stopped.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::patience::Patient;
use super::refusal::Explaining;

/// Bytes of a request's head, and of what is read or written ahead.
const BUFFER: usize = 64 << 10;
/// Before accepting is tried again when the system has no room for another connection.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// Who answers requests.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: hyper::Request<Incoming>) -> impl Future<Output = Response> + Send;
}

/// Has `answers` answer until `stop` is cancelled and what was under way has ended, or its time is over;
/// `tasks` end with it.
pub(crate) async fn serve(
    answers: impl Answers,
    listener: TcpListener,
    limits: Limits,
    stop: &CancellationToken,
    tasks: TaskTracker,
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let kill = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let serving = connection(answers.clone(), stream, limits, stop.clone());
        let kill = kill.clone();
        tasks.spawn(async move {
            kill.run_until_cancelled_owned(serving).await;
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(limits.grace, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "connections are cut off");
        kill.cancel();
        tasks.wait().await;
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

async fn connection(answers: impl Answers, stream: TcpStream, limits: Limits, stop: CancellationToken) {
    // Small answers and events are not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection is gone");
        return;
    }
    let service = hyper::service::service_fn(move |request| {
        let answers = answers.clone();
        async move { Ok::<_, std::convert::Infallible>(answers.answer(request).await) }
    });
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

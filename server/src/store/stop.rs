//! A writer that can write no longer, and why.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::StoreError;

/// Says that a writer has stopped.
pub(super) type Stop = watch::Sender<Option<Arc<str>>>;

/// Hears whether a writer has stopped.
#[derive(Debug, Clone)]
pub(super) struct Stopped(watch::Receiver<Option<Arc<str>>>);

impl Stopped {
    /// One that has not.
    pub(super) fn new() -> (Stop, Self) {
        let (stop, stopped) = watch::channel(None);
        (stop, Self(stopped))
    }

    /// What is said to whoever still asks a writer that answers no more.
    pub(super) fn gone(&self) -> StoreError {
        let reason = self.0.borrow().clone();
        StoreError::Stopped(reason.unwrap_or_else(|| "it was closed".into()))
    }

    /// Ready with the reason. A writer that was closed in order has not stopped.
    pub(super) fn reason(mut self) -> BoxFuture<'static, Arc<str>> {
        Box::pin(async move {
            let reason = self.0.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            match reason {
                Some(reason) => reason,
                None => std::future::pending().await,
            }
        })
    }
}

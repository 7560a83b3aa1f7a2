//! How a call gets to its service: over the network, or, in a simulation, as that has it.

use std::fmt;

use futures_util::future::BoxFuture;
use pathway_engine::Value;
use pathway_engine::vm::{Failure, HttpRequest};
use tokio::sync::mpsc;

use super::{Context, HttpClient, Target};

/// Makes attempts of calls.
pub trait Transport: fmt::Debug + Send + Sync {
    /// As [`HttpClient::send`], which says what is given and what comes back.
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: &'a HttpRequest,
        context: &'a Context<'a>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> BoxFuture<'a, Result<Value, Failure>>;
}

impl Transport for HttpClient {
    fn send<'a>(
        &'a self,
        target: &'a Target,
        request: &'a HttpRequest,
        context: &'a Context<'a>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.send(target, request, context, pieces))
    }
}

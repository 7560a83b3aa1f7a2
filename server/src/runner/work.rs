//! A call under way, and what the run is told of it.

use std::sync::{Arc, Mutex};

use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::document::Retry;
use pathway_engine::journal::{Outcome, Performed};
use pathway_engine::testing::Mocked;
use pathway_engine::vm::{Failure, HttpRequest, Instance, RequestHash};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Inner;
use super::actor::Message;
use super::gate::lock;
use super::slots::{RunSlots, Share};
use super::upstream::Call;
use crate::seal::Secret;
use crate::trace::TraceContext;

/// Pieces of a stream that may wait to be recorded.
const PIECES: usize = 64;

/// A call under way.
pub(super) struct Work {
    pub(super) inner: Arc<Inner>,
    pub(super) mailbox: mpsc::Sender<Message>,
    pub(super) run_id: String,
    pub(super) asked: Instant,
    /// When it had its turn; where it was made again, the last one.
    pub(super) sent: Mutex<Option<Instant>>,
    pub(super) plan: Arc<Plan>,
    pub(super) instance: Instance,
    pub(super) attempt: u32,
    /// When a failed attempt is made again.
    pub(super) retry: Option<Arc<Retry>>,
    pub(super) hash: RequestHash,
    pub(super) key: String,
    pub(super) token: Option<Arc<Secret>>,
    pub(super) trace: Option<TraceContext>,
    pub(super) slots: Arc<RunSlots>,
    pub(super) label: Arc<str>,
}

impl Work {
    /// Makes the call, or says what a mock has said.
    pub(super) async fn send(
        &self,
        request: &HttpRequest,
        share: &mut Option<Arc<Share>>,
        pieces: Option<mpsc::Sender<Value>>,
        mocked: Option<Mocked>,
    ) -> Result<Value, Failure> {
        if let Some(mocked) = mocked {
            // It has its turn at once.
            *lock(&self.sent) = Some(self.asked);
            tokio::time::sleep(mocked.after).await;
            // What a real stream would have passed on while it arrived.
            for piece in mocked.pieces {
                if let Some(pieces) = &pieces
                    && pieces.send(piece).await.is_err()
                {
                    break;
                }
            }
            return mocked.outcome;
        }
        let call = Call {
            request,
            idempotency_key: &self.key,
            token: self.token.as_deref(),
            trace: self.trace,
            run_id: &self.run_id,
            step: &self.instance,
            run: &self.slots,
            label: self.label.clone(),
            sent: &self.sent,
            // What was passed on already is not to be said twice.
            retry: self.retry.as_deref().filter(|_| pieces.is_none()),
        };
        self.inner.upstreams.call(&call, share, pieces).await
    }

    /// Sends; tells what came of it.
    pub(super) async fn make(
        self,
        request: Arc<HttpRequest>,
        share: Arc<Share>,
        mocked: Option<Mocked>,
    ) -> Message {
        let mut share = Some(share);
        let answer = self.send(&request, &mut share, None, mocked).await;
        self.over(answer, false, share)
    }

    /// The same, and passes on what arrives meanwhile, in order.
    pub(super) async fn stream(
        self,
        request: Arc<HttpRequest>,
        share: Arc<Share>,
        mocked: Option<Mocked>,
    ) -> Message {
        let mut share = Some(share);
        let (pieces, mut arriving) = mpsc::channel(PIECES);
        let mut emitted = false;
        let answer = {
            let sending = self.send(&request, &mut share, Some(pieces), mocked);
            tokio::pin!(sending);
            loop {
                tokio::select! {
                    biased;
                    Some(value) = arriving.recv() => {
                        emitted = true;
                        self.pass_on(value).await;
                    }
                    answer = &mut sending => break answer,
                }
            }
        };
        while let Ok(value) = arriving.try_recv() {
            emitted = true;
            self.pass_on(value).await;
        }
        self.over(answer, emitted, share)
    }

    async fn pass_on(&self, value: Value) {
        let message = Message::Emitted { instance: self.instance.clone(), attempt: self.attempt, value };
        let _over = self.mailbox.send(message).await;
    }

    /// What the run is told of what came of it.
    fn over(&self, answer: Result<Value, Failure>, emitted: bool, share: Option<Arc<Share>>) -> Message {
        let (sent, now) = (*lock(&self.sent), Instant::now());
        // Without its turn it has only waited.
        let turn = sent.unwrap_or(now);
        let times = (turn.duration_since(self.asked), now.duration_since(turn));
        let failure = answer.as_ref().err().map(|failure| failure.class);
        self.inner.metrics.runs.called(&self.plan.name, &self.instance, times, failure);
        let outcome = match answer {
            Ok(value) => Outcome::Answer(value),
            Err(failure) => {
                tracing::debug!(
                    pathway = %self.plan.name, run = self.run_id, step = &*self.instance, attempt = self.attempt,
                    class = failure.class.name(), why = failure.message,
                    "an attempt failed"
                );
                Outcome::Failure(failure)
            }
        };
        let performed = Performed {
            instance: self.instance.clone(),
            attempt: self.attempt,
            request: self.hash,
            outcome,
            emitted,
            took: u64::try_from(times.1.as_millis()).ok(),
        };
        Message::Performed(Box::new(performed), share)
    }
}

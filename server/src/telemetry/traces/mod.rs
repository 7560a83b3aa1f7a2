//! Traces: what happened, as spans for a collector that takes OTLP.
//!
//! A run's spans are made from its journal once it has ended, by one task beside the work: they are whole also
//! where the run outlived a crash or another definition, and a run that ends costs one message to that task.
//! What the gateway knows it tells by itself. Nothing waits for the collector: what is too much, or is not taken,
//! is dropped and counted.

mod exporter;
mod otlp;
mod run;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pathway_engine::project::{self, Bus, Project};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use run::{Asked, Course, Ended};
pub(crate) use span::{Kind, Span};

use crate::runner::Runner;
use crate::trace::TraceContext;
use exporter::Exporter;

/// Runs and spans that may wait for the task.
const QUEUE: usize = 4096;
/// Spans that are sent together, but for those of the run with which they become so many.
const BATCH: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);
/// For how long nothing is told to a collector that has not taken something.
const PAUSE: Duration = Duration::from_secs(5);
/// How long what is left may take when the process stops.
const LAST: Duration = Duration::from_secs(3);

/// Where those who know something tell it.
#[derive(Debug, Clone)]
pub struct Traces(Arc<Told>);

#[derive(Debug)]
struct Told {
    queue: mpsc::Sender<Item>,
    sample: f64,
    /// `messaging.system`.
    system: &'static str,
    counts: Counts,
}

/// What became of what was told.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// What is told.
#[derive(Debug)]
enum Item {
    /// A run has ended.
    Run(Box<Ended>),
    /// Something that is no run.
    Span(Box<Span>),
}

/// Makes spans of what is told, and sends them.
pub(crate) struct Sending {
    traces: Traces,
    items: mpsc::Receiver<Item>,
    exporter: Exporter,
    batch: Vec<Span>,
    /// Runs and spans in the batch.
    told: u64,
    /// Until when the collector is left alone.
    quiet: Option<Instant>,
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sending").field("batch", &self.batch.len()).finish_non_exhaustive()
    }
}

impl Traces {
    /// As the project says.
    ///
    /// # Errors
    /// It cannot be done; why.
    pub(crate) fn new(project: &Project, traces: &project::Traces) -> Result<(Self, Sending), String> {
        let exporter = Exporter::new(traces)?;
        let (queue, items) = mpsc::channel(QUEUE);
        let system = match project.bus {
            Bus::Embedded => "pathway",
            Bus::Kafka(_) => "kafka",
        };
        let told = Told { queue, sample: traces.sample, system, counts: Counts::default() };
        let traces = Self(Arc::new(told));
        let sending =
            Sending { traces: traces.clone(), items, exporter, batch: Vec::new(), told: 0, quiet: None };
        Ok((traces, sending))
    }

    /// A trace that begins now.
    #[must_use]
    pub(crate) fn begin(&self) -> TraceContext {
        TraceContext::begin(Uuid::new_v4().as_u128(), Uuid::new_v4().as_u64_pair().1, self.0.sample)
    }

    /// A place of its own below another one.
    #[must_use]
    pub(crate) fn below(&self, above: TraceContext) -> TraceContext {
        above.child(&Uuid::new_v4().to_string())
    }

    /// A trace that begins with a run.
    #[must_use]
    pub(crate) fn begin_with(&self, run: &str) -> TraceContext {
        TraceContext::begin_with(run, self.0.sample)
    }

    /// Whether something is on the bus as `messaging.system` says it.
    #[must_use]
    pub(crate) fn system(&self) -> &'static str {
        self.0.system
    }

    /// Tells a span.
    pub(crate) fn span(&self, span: Span) {
        self.tell(Item::Span(Box::new(span)));
    }

    /// Tells that a run has ended, or was parked.
    pub(crate) fn run(&self, ended: Ended) {
        self.tell(Item::Run(Box::new(ended)));
    }

    fn tell(&self, item: Item) {
        if self.0.queue.try_send(item).is_err() {
            self.dropped(1);
        }
    }

    fn dropped(&self, items: u64) {
        self.0.counts.dropped.fetch_add(items, Ordering::Relaxed);
    }

    /// Spans that the collector has taken.
    #[must_use]
    pub fn sent_spans(&self) -> u64 {
        self.0.counts.sent.load(Ordering::Relaxed)
    }

    /// Runs, and spans that are of no run, of which nothing was sent.
    #[must_use]
    pub fn dropped_items(&self) -> u64 {
        self.0.counts.dropped.load(Ordering::Relaxed)
    }
}

impl Sending {
    /// Sends what is told until `stop` is cancelled, and then, for a short time, what is left.
    pub(crate) async fn run(mut self, runner: Runner, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            biased;
            () = self.work(&runner, &stop) => {}
            () = late => {}
        }
    }

    async fn work(&mut self, runner: &Runner, stop: &CancellationToken) {
        while let Some(item) = self.next(stop, None).await {
            self.take(runner, item).await;
            let due = Instant::now() + GATHER;
            while self.batch.len() < BATCH
                && let Some(item) = self.next(stop, Some(due)).await
            {
                self.take(runner, item).await;
            }
            self.send().await;
        }
    }

    /// The next item: until `due`, or until `stop` is cancelled and nothing is left.
    async fn next(&mut self, stop: &CancellationToken, due: Option<Instant>) -> Option<Item> {
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            item = self.items.recv() => item,
            () = stop.cancelled() => None,
            () = due => None,
        }
    }

    /// Adds an item's spans to the batch.
    async fn take(&mut self, runner: &Runner, item: Item) {
        // A collector that takes nothing is worth no reading of journals.
        if self.quiet.is_some_and(|until| Instant::now() < until) {
            return self.traces.dropped(1);
        }
        self.told += 1;
        match item {
            Item::Span(span) => self.batch.push(*span),
            Item::Run(ended) => {
                let course = match ended.has_journal {
                    true => runner.course(&ended.run, ended.redrives).await,
                    false => Ok(None),
                };
                let course = course.unwrap_or_else(|error| {
                    tracing::debug!(run = ended.run, %error, "its steps cannot be told");
                    None
                });
                self.batch.extend(run::spans(&ended, course.as_ref(), self.traces.system()));
            }
        }
    }

    async fn send(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let sent = self.exporter.send(&self.batch).await;
        let (spans, told) = (std::mem::take(&mut self.batch).len(), std::mem::take(&mut self.told));
        match sent {
            Ok(()) => {
                self.traces.0.counts.sent.fetch_add(spans as u64, Ordering::Relaxed);
                if self.quiet.take().is_some() {
                    tracing::info!(dropped = self.traces.dropped_items(), "spans are sent again");
                }
            }
            Err(why) => {
                self.traces.dropped(told);
                if self.quiet.replace(Instant::now() + PAUSE).is_none() {
                    tracing::warn!(why, "spans are not taken, and dropped until they are");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_counted() {
        let collector = project::Traces {
            url: project::Resolved::open("http://127.0.0.1:9"),
            headers: Vec::new(),
            sample: 1.0,
            service: "test".to_owned(),
        };
        let (traces, _nobody_sends) = Traces::new(&Project::default(), &collector).unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        for _ in 0..QUEUE + 10 {
            traces.span(Span::new((traces.begin(), None), "any", Kind::Internal, (now, now)));
        }
        assert_eq!((traces.sent_spans(), traces.dropped_items()), (0, 10));
    }
}

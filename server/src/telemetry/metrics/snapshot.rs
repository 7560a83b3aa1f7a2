//! All metrics: their names, what they say and where it comes from.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pathway_engine::limits::State;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::page::{Labels, Page};
use super::{Metrics, Requests};
use crate::bus::Lag;
use crate::runner::Runner;

/// What is the case now.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) runner: Runner,
    pub(crate) requests: Arc<Requests>,
    pub(crate) kept: Kept,
    pub(crate) lags: Vec<Lag>,
}

/// What the store says.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) ready: u64,
    pub(crate) parked: u64,
    pub(crate) outbox_age: Duration,
    pub(crate) messages: u64,
    pub(crate) inbox_age: Duration,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let version = label("version", env!("CARGO_PKG_VERSION"));
        page.gauge(("pathway_build_info", "Which version this is"), [(vec![version], 1.0)])?;
        let metrics = self.runner.metrics();
        runs(&mut page, metrics)?;
        self.under_way(&mut page)?;
        self.limits(&mut page)?;
        self.circuits(&mut page)?;
        self.store(&mut page, metrics)?;
        let lags = self.lags.iter().map(|lag| {
            let partition = ("partition", Cow::Owned(lag.partition.to_string()));
            (vec![label("topic", &lag.topic), partition], gauge(lag.records))
        });
        page.gauge(("pathway_consumer_lag_records", "Records that work has not come to"), lags)?;
        let requests = self.requests.counts();
        let requests = requests.iter().map(|(route, status, count)| {
            (vec![label("route", route), ("status", Cow::Owned(status.to_string()))], *count)
        });
        page.counter(("pathway_http_requests", "Requests that the gateway has answered"), requests)?;
        let traces = self.runner.traces();
        let mut one = |named, count: u64| page.counter(named, [(Vec::new(), count)]);
        let (sent, dropped) = traces.map_or((0, 0), |traces| (traces.sent_spans(), traces.dropped_items()));
        one(("pathway_trace_spans_sent", "Spans that the collector of traces has taken"), sent)?;
        one(("pathway_traces_dropped", "Runs and requests of which no spans were sent"), dropped)
    }
}

fn runs(page: &mut Page<'_>, metrics: &Metrics) -> fmt::Result {
    let pathways = metrics.runs.pathways();
    let pathways = || pathways.iter().map(|(name, pathway)| (&**name, &**pathway));
    let begun = pathways().map(|(name, pathway)| (vec![label("pathway", name)], pathway.begun()));
    page.counter(("pathway_runs_started", "Runs that have begun"), begun)?;
    let results = pathways().flat_map(|(name, pathway)| {
        let labels = move |result| vec![label("pathway", name), label("result", result)];
        pathway.results().map(move |(result, count)| (labels(result), count))
    });
    page.counter(("pathway_runs", "Runs that have ended or were parked"), results)?;
    let durations = pathways().map(|(name, pathway)| (vec![label("pathway", name)], pathway.duration()));
    page.histogram(("pathway_run_duration_seconds", "From a run's admission to its end"), durations)?;
    let steps =
        || pathways().flat_map(|(name, pathway)| pathway.steps().map(move |(path, step)| (name, path, step)));
    let durations = steps().flat_map(|(name, path, step)| {
        let labels = move |result| vec![label("pathway", name), label("step", path), label("result", result)];
        step.durations().map(move |(result, histogram)| (labels(result), histogram))
    });
    page.histogram(
        ("pathway_step_duration_seconds", "Of an attempt, from its turn to its outcome"),
        durations,
    )?;
    let queues =
        steps().map(|(name, path, step)| (vec![label("pathway", name), label("step", path)], &step.queue));
    page.histogram(("pathway_step_queue_seconds", "How long attempts waited for their turn"), queues)
}

impl Snapshot {
    fn under_way(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut one = |named, count: usize| page.gauge(named, [(Vec::new(), gauge(count as u64))]);
        one(("pathway_runs_active", "Runs under way in this process"), self.runner.active())?;
        one(("pathway_runs_asleep", "Runs that wait for a signal, or long"), self.runner.asleep())?;
        let pathways = self.runner.metrics().runs.pathways();
        let queued = pathways
            .iter()
            .map(|(name, _)| (vec![label("pathway", name)], gauge(self.runner.queued(name) as u64)));
        page.gauge(("pathway_runs_queued", "Runs that were admitted and wait to begin"), queued)
    }

    fn limits(&self, page: &mut Page<'_>) -> fmt::Result {
        let (_, limits) = self.runner.slots().limits();
        let of = |value: fn(&crate::runner::LimitState) -> Option<usize>| {
            limits.iter().filter_map(move |limit| {
                Some((vec![label("limit", &limit.name)], gauge(value(limit)? as u64)))
            })
        };
        let permits = ("pathway_limit_permits", "How many a limit allows; none: any number");
        page.gauge(permits, of(|limit| limit.permits.filter(|_| limit.keys.is_none())))?;
        // Keys are no labels: there may be as many as runs.
        let of_each = ("pathway_limit_key_permits", "How many a limit allows each key; none: any number");
        page.gauge(of_each, of(|limit| limit.permits.filter(|_| limit.keys.is_some())))?;
        page.gauge(("pathway_limit_keys", "Keys that have a place or wait for one"), of(|limit| limit.keys))?;
        page.gauge(("pathway_limit_in_use", "How many have a place"), of(|limit| Some(limit.in_use)))?;
        page.gauge(("pathway_limit_waiting", "How many wait for one"), of(|limit| Some(limit.waiting)))
    }

    fn circuits(&self, page: &mut Page<'_>) -> fmt::Result {
        let circuits = self.runner.upstreams().circuits();
        let values = circuits.iter().flat_map(|(name, circuit)| {
            State::ALL.into_iter().map(move |state| {
                let labels: Labels<'_> = vec![label("circuit", name), label("state", state.name())];
                (labels, if circuit.state == state { 1.0 } else { 0.0 })
            })
        });
        page.gauge(("pathway_circuit_state", "1 for the state of a circuit, 0 for the others"), values)
    }

    fn store(&self, page: &mut Page<'_>, metrics: &Metrics) -> fmt::Result {
        let mut one = |named, value| page.gauge(named, [(Vec::new(), value)]);
        one(("pathway_runs_ready", "Runs in the store that have not ended"), gauge(self.kept.ready))?;
        one(("pathway_runs_parked", "Runs in the store that wait for a human"), gauge(self.kept.parked))?;
        let age = self.kept.outbox_age.as_secs_f64();
        one(("pathway_outbox_age_seconds", "Age of the oldest record that is not on the bus"), age)?;
        let messages = gauge(self.kept.messages);
        one(("pathway_inbox_messages", "Messages that runs have not received, up to 1000"), messages)?;
        let age = self.kept.inbox_age.as_secs_f64();
        one(("pathway_inbox_age_seconds", "Age of the oldest message that no run has received"), age)?;
        let commits = [("admit", &metrics.admitted), ("append", &metrics.appended)];
        let commits = commits.map(|(change, histogram)| (vec![label("change", change)], histogram));
        page.histogram(("pathway_store_commit_seconds", "Until a change of the store was durable"), commits)
    }
}

fn label<'a>(name: &'static str, value: &'a str) -> (&'static str, Cow<'a, str>) {
    (name, Cow::Borrowed(value))
}

/// Exact up to more than can be counted.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn gauge(count: u64) -> f64 {
    count as f64
}

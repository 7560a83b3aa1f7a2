//! Services as the runner calls them: slots, rate and circuit, then URL, headers and token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::Retry;
use pathway_engine::expression::{Now, Scope, Slot};
use pathway_engine::limits::{Limit, Snapshot};
use pathway_engine::project::{Parallel, Project, Service};
use pathway_engine::vm::{Class, Failure, HttpRequest};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::gate::{Excuse, Found, Gate, Says, lock};
use super::slots::{RunSlots, Share, Slots};
use crate::clock::Clock;
use crate::effects::http::{Context, Limits, ServiceUrl, Target, Transport};
use crate::seal::Secret;
use crate::trace::TraceContext;

/// Calls wait for a place in a service's rate at most this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// All services of the project.
#[derive(Debug)]
pub struct Upstreams {
    transport: Arc<dyn Transport>,
    clock: Clock,
    slots: Slots,
    /// Told when a circuit changes.
    strained: Arc<Notify>,
    table: RwLock<Arc<Table>>,
}

/// The services of now, and those of before that runs may call which began with them.
#[derive(Debug, Default)]
struct Table {
    services: HashMap<String, Arc<Known>>,
    gates: HashMap<String, Arc<Gate>>,
}

/// A service, with its URL if that can be read.
#[derive(Debug)]
struct Known {
    service: Service,
    url: Option<Arc<ServiceUrl>>,
}

/// A call: who asks, and in whose name.
#[derive(Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub request: &'a HttpRequest,
    /// Equal over all attempts.
    pub idempotency_key: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
    /// The caller's token.
    pub token: Option<&'a Secret>,
    /// The run, by its public id.
    pub run_id: &'a str,
    /// Which execution of which step.
    pub step: &'a str,
    /// The run's slots, given back while the service's circuit is open.
    pub run: &'a RunSlots,
    /// Who holds the slots.
    pub label: Arc<str>,
    /// Told when it has its turn.
    pub sent: &'a Mutex<Option<Instant>>,
    /// When it is made again if it fails; none: never.
    pub retry: Option<&'a Retry>,
}

impl Upstreams {
    /// The services of `project`.
    #[must_use]
    pub fn new(
        project: &Project,
        slots: Slots,
        transport: Arc<dyn Transport>,
        clock: Clock,
        strained: &Arc<Notify>,
    ) -> Self {
        let strained = strained.clone();
        let upstreams = Self { transport, clock, slots, strained, table: RwLock::default() };
        upstreams.swap(project);
        upstreams
    }

    /// Calls the services of `project` from now on. A gate of which the same is said as before is the
    /// same: its circuit stays as it is. Services that are no more are called by runs that began with
    /// them, until the process ends.
    pub(super) fn swap(&self, project: &Project) {
        let before = self.table();
        let mut gates = before.gates.clone();
        let mut services = before.services.clone();
        for (name, service) in &project.services {
            let url = service.url.value.parse().ok().map(Arc::new);
            services.insert(name.clone(), Arc::new(Known { service: service.clone(), url }));
            if *name != service.limits_of {
                continue;
            }
            let limit = Limit::Service(name.as_str().into());
            let (fixed, adaptive) = match service.max_parallel {
                None => (None, None),
                Some(Parallel::Fixed(count)) => (Some(count as usize), None),
                Some(Parallel::Adaptive(range)) => (None, Some(range)),
            };
            let found = adaptive.map(|range| Found::of(range, gates.get(name), &self.slots));
            match &found {
                None => self.slots.set_capacity(&limit, fixed),
                Some(found) => found.give_out(&limit),
            }
            let says = Says { rate: service.rate, circuit: service.circuit, adaptive };
            if gates.get(name).is_none_or(|gate| gate.says != says) {
                gates.insert(
                    name.clone(),
                    Arc::new(Gate::new(limit, says, found, (&self.clock, &self.strained))),
                );
            }
        }
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Table { services, gates });
    }

    fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The circuits: service and state.
    #[must_use]
    pub fn circuits(&self) -> Vec<(String, Snapshot)> {
        let snapshot = |gate: &Gate| Some(lock(gate.circuit.as_ref()?).snapshot(gate.clock.now()));
        let table = self.table();
        let mut all: Vec<_> =
            table.gates.iter().filter_map(|(name, gate)| Some((name.clone(), snapshot(gate)?))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// The services whose circuits are open, and for how long.
    pub(super) fn open(&self) -> Vec<(String, Duration)> {
        let table = self.table();
        table.services.keys().filter_map(|name| Some((name.clone(), table.opens_after(name)?))).collect()
    }

    /// Host and port of `service`, or of the one that is called instead without a token; none where they may be
    /// secret.
    pub(super) fn address(&self, service: &str, has_token: bool) -> Option<(String, u16)> {
        let table = self.table();
        let known = table.known(service, has_token)?;
        let url = known.url.as_ref().filter(|_| !known.service.url.secret)?;
        let (host, port) = url.host_and_port();
        Some((host.to_owned(), port))
    }

    /// How long calls of `service` will wait, at least, because of its circuit; none: they need
    /// not. Without a token another service may be called instead, which must be out of order too.
    #[must_use]
    pub fn opens_after(&self, service: &str) -> Option<Duration> {
        self.table().opens_after(service)
    }

    /// Makes one attempt, once the service's circuit, slots and rate admit it. `share` is held
    /// meanwhile, but for the time for which the circuit is open. It is there again with an answer, so
    /// that the run goes on with it and stands in no line anew, unless there are fewer slots by now.
    ///
    /// While the service is out, what fails for that is no attempt, where there may be further ones: the
    /// call waits, and is made again.
    ///
    /// # Errors
    /// As [`Transport::send`]; a service that cannot be called at all is an outage.
    pub async fn call(
        &self,
        call: &Call<'_>,
        share: &mut Option<Arc<Share>>,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Result<Value, Failure> {
        let table = self.table();
        let name = &*call.request.service;
        let unknown = || Failure::new(Class::Bug, format!("the project has no service `{name}`"));
        let known = table.known(name, call.token.is_some()).ok_or_else(unknown)?;
        let target = target(known, call.token, self.clock.now())?;
        let service = &known.service;
        let Some(gate) = table.gates.get(&service.limits_of) else {
            return Err(Failure::new(Class::Bug, format!("service `{}` has no gate", service.name.value)));
        };
        let mut excuse = Excuse::default();
        loop {
            while let Some(wait) = gate.opens_after() {
                *share = None;
                let (run, step) = (call.run_id, call.step);
                tracing::debug!(run, step, service = service.name.value, ?wait, "circuit is open");
                tokio::time::sleep(wait).await;
            }
            let holding = match share.take() {
                Some(share) => share,
                None => call.run.hold().await,
            };
            let held = self.slots.acquire(gate.slotted.clone(), call.label.clone()).await;
            let settled = gate.settled.notified();
            let Some(permit) = gate.permit() else {
                // It opened meanwhile, or has all the probes that it admits.
                drop((holding, held));
                if gate.opens_after().is_none() {
                    settled.await;
                }
                continue;
            };
            if let Some(rate) = &gate.rate {
                let name = &service.name.value;
                let at = lock(rate)
                    .reserve(gate.clock.now(), PATIENCE)
                    .map_err(|_| Failure::new(Class::RateLimited, format!("too many calls to `{name}`")))?;
                gate.sleep_until(at).await;
            }
            let traceparent = call.trace.map(|trace| trace.to_string());
            let context = Context {
                idempotency_key: call.idempotency_key,
                traceparent: traceparent.as_deref(),
                now: self.clock.now(),
            };
            *lock(call.sent) = Some(Instant::now());
            let timed = gate.begin();
            let answer = self.transport.send(&target, call.request, &context, pieces.clone()).await;
            timed.settle(&answer);
            permit.settle(&answer);
            if let (Err(failure), Some(retry)) = (&answer, call.retry)
                && retry.is_patient(failure)
                && gate.excuses(failure, &mut excuse)
            {
                drop((holding, held));
                let (run, step) = (call.run_id, call.step);
                tracing::debug!(run, step, service = service.name.value, "it is out: this is no attempt");
                tokio::time::sleep(Duration::from_millis(failure.retry_after.unwrap_or(0))).await;
                continue;
            }
            *share = Some(holding).filter(|holding| !holding.is_surplus());
            return answer;
        }
    }
}

impl Table {
    fn opens_after(&self, service: &str) -> Option<Duration> {
        let Known { service, .. } = &**self.services.get(service)?;
        let own = self.gates.get(&service.limits_of)?.opens_after()?;
        let Some(other) = &service.without_token else { return Some(own) };
        let Known { service: other, .. } = &**self.services.get(other)?;
        Some(own.min(self.gates.get(&other.limits_of)?.opens_after()?))
    }

    /// The service of that name, or the one that is called instead without a token.
    fn known(&self, name: &str, has_token: bool) -> Option<&Known> {
        let known = self.services.get(name)?;
        match &known.service.without_token {
            Some(other) if !has_token => self.services.get(other).map(|known| &**known),
            _ => Some(known),
        }
    }
}

/// The service's URL, headers and limits for one attempt.
fn target(known: &Known, token: Option<&Secret>, now: Timestamp) -> Result<Target, Failure> {
    let Known { service, url } = known;
    let name = &service.name.value;
    if service.url.value.is_empty() {
        return Err(Failure::new(Class::Outage, format!("service `{name}` has no URL")));
    }
    let bad = |what: &str| Failure::new(Class::Bug, format!("{what} of service `{name}` cannot be used"));
    let url = url.clone().ok_or_else(|| bad("the URL"))?;
    let scope = Token { token, now };
    let mut as_caller = false;
    let mut headers = Vec::with_capacity(service.headers.len());
    for (header, expression) in &service.headers {
        let reads_token = !expression.reads().is_empty();
        if reads_token && token.is_none() {
            return Err(Failure::new(Class::Denied, format!("service `{name}` needs the caller's token")));
        }
        as_caller |= reads_token;
        let text = expression.render(&scope, None).map_err(|_| bad("a header"))?;
        let header = HeaderName::try_from(header.as_str()).map_err(|_| bad("a header"))?;
        let mut value = HeaderValue::try_from(text).map_err(|_| bad("a header"))?;
        value.set_sensitive(true);
        headers.push((header, value));
    }
    Ok(Target { url, headers, timeout: service.timeout, as_caller, limits: Limits::default() })
}

/// The scope of a service's headers: `auth.token`.
struct Token<'a> {
    token: Option<&'a Secret>,
    now: Timestamp,
}

impl Scope for Token<'_> {
    fn get(&self, slot: Slot) -> Value {
        match (slot, self.token) {
            (Slot::Auth, Some(token)) => Value::from_pairs([("token", token.reveal())]),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        self.now
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}

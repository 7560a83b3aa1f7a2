//! The trace that a request is part of (W3C Trace Context), which goes on in the run.
//!
//! Where spans are sent, the request and the publishing of its record are spans of it, and a request that
//! comes without a trace begins one.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;

use super::door::RUN;
use crate::bus::BusError;
use crate::telemetry::traces::{Kind, Span, Traces};
use crate::trace::{TRACEPARENT, TraceContext};

const STATE: &str = "tracestate";
/// Bytes of `tracestate`.
const LONGEST_STATE: usize = 512;
/// Routes of which there are no spans: they are asked for all the time, and start nothing.
const UNTOLD: [&str; 4] = ["/health", "/livez", "/readyz", "/openapi.json"];

/// The span of a request, where spans are sent.
#[derive(Debug, Clone, Copy)]
struct Own(TraceContext);

/// What a record is given of the trace of its request.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The place of the record's publishing, below the request's span, which stands beside it.
    publishing: Option<(TraceContext, u64)>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Passed {
    /// Of a request; nothing where there is no trace, or none that can be understood.
    pub(super) fn of(request: &Request) -> Self {
        let given = given(request.headers());
        let own = request.extensions().get::<Own>().map(|own| own.0);
        let publishing = own.filter(|own| own.is_sampled()).map(|own| (own.child("publish"), own.span()));
        let place = publishing.map(|(place, _)| place).or(own).map(|place| place.to_string());
        let Some(place) = place.or_else(|| given.map(|(text, _)| text.to_owned())) else {
            return Self::default();
        };
        let state = given.and_then(|_| one(request.headers(), STATE));
        let state = state.filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
        let state = state.map(|state| (STATE.to_owned(), state.as_bytes().to_vec()));
        let headers = [(TRACEPARENT.to_owned(), place.into_bytes())].into_iter().chain(state).collect();
        Self { publishing, headers }
    }

    /// As headers of the record.
    pub(super) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.headers.clone()
    }

    /// The publishing of the record, which begins now; none where nobody is told of it.
    pub(super) fn publishing(&self, traces: Option<&Traces>, topic: &str) -> Option<Publishing> {
        let (place, above) = self.publishing?;
        let traces = traces?.clone();
        let now = Timestamp::now();
        let span = Span::send((place, Some(above)), topic, traces.system(), (now, now));
        Some(Publishing { traces, span })
    }
}

/// The publishing of a record.
#[derive(Debug)]
pub(super) struct Publishing {
    traces: Traces,
    span: Span,
}

impl Publishing {
    /// Tells that it is over.
    pub(super) fn end(mut self, failed: Option<&BusError>) {
        self.span.to = Timestamp::now().max(self.span.from);
        if let Some(error) = failed {
            self.span.fail("outage", &error.to_string());
        }
        self.traces.span(self.span);
    }
}

/// Tells the span of a request.
pub(super) async fn follow(State(traces): State<Traces>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let is_told = |route: &String| !UNTOLD.contains(&route.as_str()) && request.method() != Method::OPTIONS;
    let Some(route) = route.filter(is_told) else { return next.run(request).await };
    let (place, parent) = match given(request.headers()) {
        // Whoever began it has decided that nothing is told.
        Some((_, above)) if !above.is_sampled() => return next.run(request).await,
        Some((_, above)) => (traces.below(above), Some(above.span())),
        None => (traces.begin(), None),
    };
    request.extensions_mut().insert(Own(place));
    if !place.is_sampled() {
        return next.run(request).await;
    }
    let mut open = Open {
        traces,
        place,
        parent,
        method: request.method().clone(),
        route,
        from: Timestamp::now(),
        answer: None,
    };
    let response = next.run(request).await;
    let run = response.headers().get(&RUN).and_then(|run| run.to_str().ok()).map(str::to_owned);
    open.answer = Some((response.status(), run));
    response
}

/// A request whose span is told when this is dropped: also where whoever asked has gone.
struct Open {
    traces: Traces,
    place: TraceContext,
    parent: Option<u64>,
    method: Method,
    route: String,
    from: Timestamp,
    /// The status, and the run.
    answer: Option<(StatusCode, Option<String>)>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let (method, route) = (self.method.as_str().to_owned(), std::mem::take(&mut self.route));
        let (place, times) = ((self.place, self.parent), (self.from, Timestamp::now()));
        let mut span = Span::new(place, format!("{method} {route}"), Kind::Server, times)
            .with("http.request.method", method)
            .with("http.route", route)
            .with("url.scheme", "http");
        match self.answer.take() {
            Some((status, run)) => {
                span.say("http.response.status_code", status.as_u16());
                if let Some(run) = run {
                    span.say("pathway.run.id", run);
                }
                if status.is_server_error() {
                    span.fail(status.as_str().to_owned(), "");
                }
            }
            None => span.fail("cancelled", "whoever asked has gone"),
        }
        self.traces.span(span);
    }
}

/// The place that a request says that it comes from.
fn given(headers: &HeaderMap) -> Option<(&str, TraceContext)> {
    let text = one(headers, TRACEPARENT)?;
    Some((text, TraceContext::parse(text)?))
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    let mut given = headers.get_all(HeaderName::from_static(name)).iter();
    given.next()?.to_str().ok().filter(|_| given.next().is_none()).map(str::trim)
}

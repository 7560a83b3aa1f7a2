//! Errors as callers see them: RFC 9457 problems.
//!
//! A [`Problem`] travels in the extensions of its response and is written down by
//! [`finish`], which knows the request's id and gives a body to bare errors too.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pathway_engine::schema::Violation;
use pathway_engine::vm::{Class, Failure};
use serde::Serialize;

use crate::bus::BusError;
use crate::store::StoreError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// What 429 and 503 ask a caller to wait who was not told otherwise.
const PAUSE: u64 = 5;

/// An error as a caller sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: Box<str>,
    title: &'static str,
    status: u16,
    detail: Box<str>,
    /// The request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<Box<str>>,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Violation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<Box<serde_json::Value>>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem that its status says all about.
    pub(crate) fn new(status: StatusCode, class: Class, detail: impl Into<String>) -> Self {
        let problem = Self {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into().into(),
            instance: None,
            class: class.name(),
            code: None,
            run: None,
            errors: Vec::new(),
            diagnostics: None,
            headers: Vec::new(),
        };
        match status.as_u16() {
            429 | 503 => problem.header(RETRY_AFTER, HeaderValue::from(PAUSE)),
            _ => problem,
        }
    }

    /// The failure of a run, or one that it would have had.
    pub(crate) fn of(failure: &Failure) -> Self {
        let status = status_of(failure);
        let mut problem = Self::new(status, failure.class, failure.message.clone());
        problem.kind = format!("urn:pathway:problem:{}", failure.class.name()).into();
        problem.title = title(failure.class);
        problem.code = failure.code.as_deref().map(Into::into);
        problem.errors.clone_from(&failure.violations);
        if let Some(wait) = failure.retry_after.filter(|_| matches!(status.as_u16(), 429 | 503)) {
            problem.headers.retain(|(name, _)| name != RETRY_AFTER);
            problem = problem.header(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        }
        problem
    }

    /// The caller is not known and must be. The detail is ours: no quotes, nothing of the request.
    pub(crate) fn unauthorized(detail: &str, had_token: bool) -> Self {
        let challenge = match had_token {
            true => format!("Bearer error=\"invalid_token\", error_description=\"{detail}\""),
            false => "Bearer".to_owned(),
        };
        let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
        Self::new(StatusCode::UNAUTHORIZED, Class::Denied, detail).header(WWW_AUTHENTICATE, challenge)
    }

    /// There is nothing that this caller may see.
    pub(crate) fn no_run() -> Self {
        Self::new(StatusCode::NOT_FOUND, Class::NotFound, "there is no such run")
    }

    /// Our own trouble: `error` is for the log only.
    pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Class::Outage,
            "the server cannot do this at the moment; try again",
        )
    }

    /// Tells what is wrong with files.
    pub(crate) fn diagnosed(mut self, diagnostics: Vec<serde_json::Value>) -> Self {
        self.diagnostics = Some(Box::new(diagnostics.into()));
        self
    }

    /// Names the request that it is about.
    pub(super) fn of_request(mut self, id: &str) -> Self {
        self.instance = Some(id.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names the run that it is about.
    pub(super) fn about_run(mut self, run: &str) -> Self {
        self.run = Some(run.into());
        match HeaderValue::from_str(&format!("/api/runs/{run}")) {
            Ok(location) => self.header(LOCATION, location),
            Err(_) => self,
        }
    }

    pub(super) fn from_bus(error: &BusError) -> Self {
        Self::unavailable(error)
    }

    /// As JSON, for an event of a stream.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = std::mem::take(&mut self.headers);
        let mut response = status.into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes down the problem of a response that has one. An error that a library answered has none
/// yet, and its text is not for callers.
pub(super) fn finish(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Arc<Problem>>() {
        Some(problem) => (*problem).clone().of_request(request_id),
        None if status.is_client_error() || status.is_server_error() => {
            let class = if status.is_client_error() { Class::Invalid } else { Class::Bug };
            let detail = "the request could not be served";
            Problem::new(status, class, detail).of_request(request_id)
        }
        None => return response,
    };
    let body = problem.to_json();
    let headers = response.headers_mut();
    headers.remove(axum::http::header::CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    *response.body_mut() = Body::from(body);
    response
}

pub(crate) async fn no_route(uri: Uri) -> Problem {
    let path = uri.path();
    Problem::new(StatusCode::NOT_FOUND, Class::NotFound, format!("there is nothing at `{path}`"))
}

pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` cannot be asked for with {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, Class::Invalid, detail)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over so")]
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let said = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?");
    tracing::error!(panic = said, "a request handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Class::Bug, "the server made a mistake").into_response()
}

/// An author's `fail` chooses its own status; an upstream's never becomes ours.
fn status_of(failure: &Failure) -> StatusCode {
    let upstream = is_upstream(failure);
    let chosen = failure.status.filter(|_| !upstream).and_then(|status| StatusCode::from_u16(status).ok());
    let status = chosen.filter(|status| status.is_client_error() || status.is_server_error());
    status.unwrap_or_else(|| match (failure.class, upstream) {
        // Too many requests of ours, not of the caller's.
        (Class::RateLimited, true) => StatusCode::SERVICE_UNAVAILABLE,
        (class, _) => StatusCode::from_u16(class.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

/// Whether a service failed, as opposed to a step of the pathway: details of calls say which.
fn is_upstream(failure: &Failure) -> bool {
    let has = |name: &str| {
        failure
            .details
            .as_ref()
            .and_then(|details| details.get_attr(name).ok())
            .is_some_and(|it| !it.is_undefined())
    };
    has("method") && has("url")
}

const fn title(class: Class) -> &'static str {
    match class {
        Class::Invalid => "The input is not valid",
        Class::Denied => "This is not allowed",
        Class::NotFound => "It does not exist",
        Class::Conflict => "It clashes with what is there",
        Class::RateLimited => "Too many requests",
        Class::Outage => "A service is out of order",
        Class::Timeout => "It took too long",
        Class::Upstream => "A service gave an unusable answer",
        Class::Expression => "An expression failed",
        Class::Cancelled => "It was called off",
        Class::Bug => "The pathway is wrong",
    }
}

//! What went wrong with a call, in the language's classes.
//!
//! Messages name the service and nothing that came from it: they are shown to anyone. What an
//! operator needs beside (the step's path, the status, the beginning of the body, the chain of
//! causes) is in `details`, without the service's own URL and with the values of the headers
//! that were sent masked, should an upstream echo them.

use std::error::Error;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::vm::{Class, Failure, HttpRequest, Unpicked};

use super::{Limits, Target};
use crate::causes::with_causes;

/// Whether a failed attempt says that the upstream is unwell, as opposed to the request.
#[must_use]
pub fn counts_against_circuit(failure: &Failure) -> bool {
    match failure.class {
        Class::Outage | Class::Timeout => true,
        Class::RateLimited => failure.status == Some(429),
        _ => failure.status.is_some_and(|status| status >= 500),
    }
}

/// Our side would not send it.
pub(super) fn refused(request: &HttpRequest, why: &str) -> Failure {
    failure(request, Class::Expression, format!("was not called: {why}"), Vec::new())
}

/// There was no answer.
pub(super) fn unanswered(request: &HttpRequest, error: &(dyn Error + 'static)) -> Failure {
    let (class, what) = if is_nonsense(error) {
        (Class::Upstream, "answered with something that is not HTTP")
    } else {
        (Class::Outage, "could not be reached")
    };
    failure(request, class, what, vec![("cause", causes(error))])
}

/// The answer broke off.
pub(super) fn cut(request: &HttpRequest, error: &hyper::Error) -> Failure {
    failure(request, Class::Outage, "broke off its answer", vec![("cause", causes(error))])
}

/// The attempt took longer than it may.
pub(super) fn slow(request: &HttpRequest, timeout: Duration) -> Failure {
    failure(request, Class::Timeout, format!("took longer than {timeout:?}"), Vec::new())
}

/// A stream said nothing for longer than it may.
pub(super) fn paused(request: &HttpRequest, idle: Duration) -> Failure {
    failure(
        request,
        Class::Timeout,
        format!("said nothing for {idle:?} in the middle of its answer"),
        Vec::new(),
    )
}

/// The answer has `what`, which cannot be used.
pub(super) fn unusable(request: &HttpRequest, what: &str, cause: Option<String>) -> Failure {
    let details = cause.map(|cause| ("cause", Value::from(cause))).into_iter().collect();
    failure(request, Class::Upstream, format!("answered with {what}"), details)
}

/// The answer is larger than the limit.
pub(super) fn too_large(request: &HttpRequest, limits: &Limits) -> Failure {
    unusable(request, &format!("more than {} bytes", limits.body), None)
}

/// `pick` failed on a piece.
pub(super) fn unpicked(request: &HttpRequest, Unpicked(why): Unpicked) -> Failure {
    let details = vec![("cause", Value::from(why))];
    failure(request, Class::Expression, "sent a piece on which `pick` fails", details)
}

/// Nobody wants the pieces any more.
pub(super) fn unwanted(request: &HttpRequest) -> Failure {
    failure(request, Class::Cancelled, "is no longer listened to", Vec::new())
}

/// The status is not one of an answer.
pub(super) fn status(
    target: &Target,
    request: &HttpRequest,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Failure {
    let body = mask(target, request, &String::from_utf8_lossy(body));
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    request.refused(status.as_u16(), target.as_caller, &body, (retry_after, Timestamp::now()))
}

fn failure(
    request: &HttpRequest,
    class: Class,
    what: impl AsRef<str>,
    details: Vec<(&'static str, Value)>,
) -> Failure {
    request.failed(class, what.as_ref(), details)
}

/// `text` without what the headers that were sent hold.
fn mask(target: &Target, request: &HttpRequest, text: &str) -> String {
    let service = target.headers.iter().filter_map(|(_, value)| value.to_str().ok());
    let step = request.headers.iter().map(|(_, value)| value.as_str());
    let words = service.chain(step).flat_map(str::split_whitespace).filter(|word| word.len() >= 8);
    words.fold(text.to_owned(), |text, word| text.replace(word, "***"))
}

/// Whether the peer did answer, but not in HTTP that we accept.
fn is_nonsense(error: &(dyn Error + 'static)) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return error.is_parse();
        }
        source = error.source();
    }
    false
}

fn causes(error: &dyn Error) -> Value {
    Value::from(with_causes(error))
}

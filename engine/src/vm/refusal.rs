//! What a call fails with whose answer has a status that is none of an answer.
//!
//! A server that was answered so and a test that mocks such an answer make the same failure of it.

use std::time::Duration;

use jiff::fmt::rfc2822;

use super::{Class, Failure, HttpRequest, Method};
use crate::Value;
use crate::expression::Now;
use crate::expression::filters::percent_encode;

/// However long an upstream asks us to wait, an hour is enough.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

impl Method {
    /// As HTTP has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl HttpRequest {
    /// Bytes of the body of a refusal that are kept.
    pub const EXCERPT: usize = 4 * 1024;

    /// Whether a segment of a path is `.` or `..`, however that is written: those who read the path may take
    /// it for another one.
    #[must_use]
    pub fn is_relative(segment: &str) -> bool {
        let (mut rest, mut dots) = (segment, 0);
        while !rest.is_empty() {
            let dot = [".", "%2e", "%2E"].into_iter().find_map(|dot| rest.strip_prefix(dot));
            let Some(after) = dot else { return false };
            (rest, dots) = (after, dots + 1);
        }
        matches!(dots, 1 | 2)
    }

    /// The step's part of the URL, with the names in its query but not the values: for operators.
    #[must_use]
    pub fn outline(&self) -> String {
        let mut out = self.path.clone();
        for (index, (name, _)) in self.query.iter().enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            percent_encode(name, &mut out);
        }
        out
    }

    /// That it failed, and how; what is known of every call comes first in `details`.
    #[must_use]
    pub fn failed(&self, class: Class, what: &str, details: Vec<(&'static str, Value)>) -> Failure {
        let known = [("method", Value::from(self.method.name())), ("url", Value::from(self.outline()))];
        let mut failure = Failure::new(class, format!("`{}` {what}", self.service));
        failure.details = Some(Value::from_pairs(known.into_iter().chain(details)));
        failure
    }

    /// It was answered with a status that is none of an answer; `body` is the beginning of what came
    /// with it, and `retry_after` the header of that name.
    #[must_use]
    pub fn refused(
        &self,
        status: u16,
        as_caller: bool,
        body: &str,
        (retry_after, now): (Option<&str>, Now),
    ) -> Failure {
        let details = vec![("status", Value::from(status)), ("body", Value::from(body))];
        let class = Class::of_status(status, as_caller);
        let mut failure = self.failed(class, &format!("answered {status}"), details);
        failure.status = Some(status);
        failure.retry_after = retry_after.and_then(|text| wait(text, now));
        failure
    }
}

/// Milliseconds that `Retry-After` asks for, in seconds or until a date.
fn wait(text: &str, now: Now) -> Option<u64> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = rfc2822::parse(text).ok()?.timestamp();
            // A date that has passed: at once.
            Duration::try_from(at.duration_since(now)).unwrap_or_default()
        }
    };
    u64::try_from(wait.min(LONGEST_WAIT).as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_one_or_two_dots_is_another_place_however_it_is_written() {
        for segment in [".", "..", "%2e", "%2E.", ".%2e", "%2e%2E"] {
            assert!(HttpRequest::is_relative(segment), "{segment}");
        }
        for segment in ["", "...", "a.", ".a", "%2e%2e%2e", "%2", "%2f", "a"] {
            assert!(!HttpRequest::is_relative(segment), "{segment}");
        }
    }
}

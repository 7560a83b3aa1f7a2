//! W3C trace context: which trace a run belongs to.
//!
//! Source: <https://www.w3.org/TR/trace-context/>, version 00.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The header, of requests and of records.
pub const TRACEPARENT: &str = "traceparent";

/// Bytes of a header of a later version.
const LONGEST: usize = 512;

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// Reads the value of a header; none where it is not one. Of a later version's, what it has in
    /// common with this one's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let lengths = (version.len(), trace.len(), span.len(), flags.len());
        let may_go_on = match version {
            "00" => parts.next().is_none(),
            version => version != "ff" && text.len() <= LONGEST,
        };
        if lengths != (2, 32, 16, 2) || !may_go_on {
            return None;
        }
        let hexadecimal = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if ![version, trace, span, flags].into_iter().all(hexadecimal) {
            return None;
        }
        let read = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (read.trace != 0 && read.span != 0).then_some(read)
    }

    /// Reads it from the headers of a record.
    #[must_use]
    pub fn of_record(headers: &[(String, Vec<u8>)]) -> Option<Self> {
        let (_, value) = headers.iter().find(|(name, _)| name == TRACEPARENT || name == "ce_traceparent")?;
        Self::parse(std::str::from_utf8(value).ok()?)
    }

    /// A place below this one, the same for the same `seed`.
    #[must_use]
    pub fn child(self, seed: &str) -> Self {
        let digest = Sha256::new().chain_update(self.span.to_be_bytes()).chain_update(seed).finalize();
        let span = digest.iter().take(8).fold(0, |span, byte| span << 8 | u64::from(*byte));
        Self { span: span.max(1), ..self }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a traceparent")
    }
}

impl From<TraceContext> for String {
    fn from(trace: TraceContext) -> Self {
        trace.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written() {
        assert_eq!(TraceContext::parse(TEXT).unwrap().to_string(), TEXT);
        let later = format!("{}-more", TEXT.replacen("00", "01", 1));
        assert_eq!(TraceContext::parse(&later), TraceContext::parse(TEXT));
    }

    #[test]
    fn what_is_no_header_is_none() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_child_is_of_the_same_trace_and_stable() {
        let parent = TraceContext::parse(TEXT).unwrap();
        let child = parent.child("step");
        assert_eq!(child, parent.child("step"));
        assert_ne!(child, parent.child("other"));
        assert_ne!(child, parent);
        assert_eq!(child.trace, parent.trace);
    }
}

//! W3C trace context: which trace a run belongs to, and which span of it is whose.
//!
//! The ids of spans follow from what they are of, so that what is sent downstream while a run goes on and what
//! is told of it when it is over agree, whoever tells it.
//!
//! Source: <https://www.w3.org/TR/trace-context/>, version 00.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The header, of requests and of records.
pub const TRACEPARENT: &str = "traceparent";

/// Bytes of a header of a later version.
const LONGEST: usize = 512;
/// The flag of a trace that is told to collectors.
const SAMPLED: u8 = 1;
/// The bits of a trace's id of which chance decides whether it is sampled: those that are random by the standard.
const CHANCE: u32 = 56;

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

    /// A trace that begins with a request, or with whatever else has two random numbers.
    #[must_use]
    pub fn begin(trace: u128, span: u64, sample: f64) -> Self {
        let trace = trace.max(1);
        let flags = if is_sampled(trace, sample) { SAMPLED } else { 0 };
        Self { trace, span: span.max(1), flags }
    }

    /// A trace that begins with a run, which is what is above the run's span; the same whenever the run is made.
    #[must_use]
    pub fn begin_with(run: &str, sample: f64) -> Self {
        let digest = Sha256::new().chain_update("trace of ").chain_update(run).finalize();
        let trace = digest.iter().take(16).fold(0, |trace, byte| trace << 8 | u128::from(*byte));
        Self::begin(trace, 0, sample).child(run)
    }

    /// Whether the trace begins with that run: nobody has a span above the run's.
    #[must_use]
    pub fn begins_with(self, run: &str) -> bool {
        let begun = Self::begin_with(run, 0.0);
        (self.trace, self.span) == (begun.trace, begun.span)
    }

    /// The span of a run, below what started it; another one each time that it goes on after it was parked.
    #[must_use]
    pub fn of_run(self, run: &str, redrives: u32) -> Self {
        match redrives {
            0 => self.child(run),
            _ => self.child(&format!("{run}/{redrives}")),
        }
    }

    /// The span of an execution of a step, below that of its run.
    #[must_use]
    pub fn of_step(self, instance: &str) -> Self {
        self.child(instance)
    }

    /// The span of an attempt, below that of its run: what a service is told, or a run that is called.
    #[must_use]
    pub fn of_attempt(self, instance: &str, attempt: u32) -> Self {
        self.child(&format!("{instance}/{attempt}"))
    }

    /// Whether the trace is told to collectors.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The trace.
    #[must_use]
    pub const fn trace(self) -> u128 {
        self.trace
    }

    /// The span.
    #[must_use]
    pub const fn span(self) -> u64 {
        self.span
    }

    /// Its flags.
    #[must_use]
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// A place below this one, the same for the same `seed`.
    #[must_use]
    pub fn child(self, seed: &str) -> Self {
        let digest = Sha256::new().chain_update(self.span.to_be_bytes()).chain_update(seed).finalize();
        let span = digest.iter().take(8).fold(0, |span, byte| span << 8 | u64::from(*byte));
        Self { span: span.max(1), ..self }
    }
}

/// Whether a trace is among the `sample` of all. All that are among a part are among a larger part, whoever asks.
fn is_sampled(trace: u128, sample: f64) -> bool {
    let chance = trace & ((1 << CHANCE) - 1);
    #[expect(clippy::cast_precision_loss, reason = "a part is no exact number")]
    let part = chance as f64 / (1_u64 << CHANCE) as f64;
    part < sample
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
    fn the_part_that_is_sampled_is_as_large_as_was_said() {
        let traces = || (0..2000_u32).map(|n| format!("run {n}"));
        for (sample, least, most) in [(0.0, 0, 0), (0.1, 150, 250), (1.0, 2000, 2000)] {
            let sampled = traces().filter(|run| TraceContext::begin_with(run, sample).is_sampled()).count();
            assert!((least..=most).contains(&sampled), "{sample}: {sampled}");
        }
        let few = |run: &String| TraceContext::begin_with(run, 0.1).is_sampled();
        assert!(traces().filter(few).all(|run| TraceContext::begin_with(&run, 0.2).is_sampled()));
    }

    #[test]
    fn a_trace_that_begins_with_a_run_is_known_as_such() {
        let begun = TraceContext::begin_with("a", 1.0);
        assert_eq!(begun, TraceContext::parse(&begun.to_string()).unwrap());
        assert!(begun.begins_with("a") && !begun.begins_with("b"));
        assert!(!TraceContext::parse(TEXT).unwrap().begins_with("a"));
    }

    #[test]
    fn spans_of_a_run_are_apart() {
        let run = TraceContext::parse(TEXT).unwrap().of_run("run", 0);
        let again = TraceContext::parse(TEXT).unwrap().of_run("run", 1);
        let mut spans = vec![run, again];
        for run in [run, again] {
            spans.extend([
                run.of_step("a"),
                run.of_attempt("a", 1),
                run.of_attempt("a", 2),
                run.of_step("a.b"),
            ]);
        }
        let apart: std::collections::BTreeSet<u64> = spans.iter().map(|span| span.span).collect();
        assert_eq!(apart.len(), spans.len());
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

//! Server-sent events, as the WHATWG HTML standard interprets an event stream.
//!
//! Only the data of an event is of interest: names, ids and `retry` are read over. Two things
//! differ from a browser on purpose: an event that the end of the stream cuts short of its blank
//! line is delivered, because gateways of language models end that way; and lines and events
//! have a longest size.

use super::lines::{LineSplitter, TooLong};

/// Bytes in, the data of events out.
#[derive(Debug)]
pub(super) struct SseDecoder {
    lines: LineSplitter,
    event: Event,
}

#[derive(Debug)]
struct Event {
    /// None until there is a `data` field; every field's text is followed by LF.
    data: Option<Vec<u8>>,
    limit: usize,
    /// Whether a line has been read: only before it may a byte order mark stand.
    begun: bool,
}

impl SseDecoder {
    /// A decoder that refuses longer lines and events.
    pub(super) fn new(longest_line: usize, longest_event: usize) -> Self {
        let event = Event { data: None, limit: longest_event, begun: false };
        Self { lines: LineSplitter::new(longest_line), event }
    }

    /// Appends the data of every event that `bytes` completes to `out`.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<String>) -> Result<(), TooLong> {
        let event = &mut self.event;
        self.lines.feed(bytes, |line| event.line(line, out))
    }

    /// Appends the data of an event that was under way when the stream ended.
    pub(super) fn finish(&mut self, out: &mut Vec<String>) -> Result<(), TooLong> {
        let rest = self.lines.finish();
        if !rest.is_empty() {
            self.event.line(&rest, out)?;
        }
        self.event.dispatch(out);
        Ok(())
    }
}

impl Event {
    fn line(&mut self, line: &[u8], out: &mut Vec<String>) -> Result<(), TooLong> {
        let line = if std::mem::replace(&mut self.begun, true) {
            line
        } else {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        };
        if line.is_empty() {
            self.dispatch(out);
            return Ok(());
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        if field == b"data" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            let data = self.data.get_or_insert_default();
            if data.len() + value.len() > self.limit {
                return Err(TooLong);
            }
            data.extend_from_slice(value);
            data.push(b'\n');
        }
        Ok(())
    }

    fn dispatch(&mut self, out: &mut Vec<String>) {
        if let Some(mut data) = self.data.take() {
            data.pop();
            out.push(match String::from_utf8(data) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            });
        }
    }
}

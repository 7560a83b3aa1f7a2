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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]]) -> Result<Vec<String>, TooLong> {
        let mut out = Vec::new();
        let mut decoder = SseDecoder::new(64, 100);
        for chunk in chunks {
            decoder.feed(chunk, &mut out)?;
        }
        decoder.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn fields() {
        for (stream, events) in [
            ("data: a\n\n", vec!["a"]),
            ("data:a\n\n", vec!["a"]),
            ("data:  a \n\n", vec![" a "]),
            ("data: a:b\n\n", vec!["a:b"]),
            ("data\n\n", vec![""]),
            ("data\ndata\n\n", vec!["\n"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data: a\n\n\n\n", vec!["a"]),
            ("event: x\nid: 1\nretry: 9\ndata: a\n\n", vec!["a"]),
            ("event: x\n\n", vec![]),
            (": comment\n\n:\n\n", vec![]),
            ("Data: a\n\n data: b\n\ndatas: c\n\n", vec![]),
            ("data: a\rdata: b\r\n\r\n", vec!["a\nb"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            ("\n\u{feff}data: a\n\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(decode(&[stream.as_bytes()]).unwrap(), events, "{stream:?}");
        }
    }

    #[test]
    fn the_end_of_the_stream_ends_an_event() {
        for stream in ["data: a", "data: a\n", "data: a\r"] {
            assert_eq!(decode(&[stream.as_bytes()]).unwrap(), ["a"], "{stream:?}");
        }
    }

    #[test]
    fn an_event_is_known_at_its_blank_line() {
        let mut out = Vec::new();
        let mut decoder = SseDecoder::new(64, 100);
        decoder.feed(b"data: a\r\n\r", &mut out).unwrap();
        assert_eq!(out, ["a"]);
    }

    #[test]
    fn lines_and_events_have_a_longest_size() {
        assert_eq!(decode(&[&[b'x'; 65]]), Err(TooLong));
        let line = format!("data: {}\n", "x".repeat(50));
        assert_eq!(decode(&[line.repeat(3).as_bytes()]), Err(TooLong));
        assert!(decode(&[format!("{line}\n").repeat(3).as_bytes()]).is_ok());
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            parts in prop::collection::vec(prop::sample::select(&[
                "data: ", "data:", "data", ": c", "event: x", "₹", "🙂", "{\"a\": 1}", "[DONE]",
                "\n", "\r", "\r\n", "\n\n", "\u{feff}", " ", ":", "id: 1\n",
            ][..]), 0..24),
            cuts in prop::collection::vec(0usize..120, 0..12),
        ) {
            let text = parts.concat();
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(decode(&chunks), decode(&[bytes]));
        }

        #[test]
        fn what_is_written_as_events_is_read_as_events(
            texts in prop::collection::vec("[a-z:{} ₹\n]{0,12}", 0..6),
        ) {
            let write = |text: &String| {
                let lines = text.split('\n').map(|line| format!("data: {line}\r\n"));
                lines.chain(["\r\n".to_owned()]).collect::<String>()
            };
            let stream: String = texts.iter().map(write).collect();
            prop_assert_eq!(decode(&[stream.as_bytes()]).unwrap(), texts);
        }
    }
}

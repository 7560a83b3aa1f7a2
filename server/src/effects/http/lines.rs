//! Bytes to lines, wherever the network cut them.

/// Splits bytes into lines that LF, CR or CRLF ends. A line is handed on as soon as its end is
/// seen; of a CRLF that was cut in two the LF is swallowed later.
#[derive(Debug)]
pub(super) struct LineSplitter {
    partial: Vec<u8>,
    after_cr: bool,
    limit: usize,
}

/// A line or an event is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl LineSplitter {
    pub(super) fn new(limit: usize) -> Self {
        Self { partial: Vec::new(), after_cr: false, limit }
    }

    /// Hands every line that `bytes` completes to `each`.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        while let Some((&first, rest)) = bytes.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (line, tail) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.partial.len() + line.len() > self.limit {
                return Err(TooLong);
            }
            let Some((&ending, tail)) = tail.split_first() else {
                self.partial.extend_from_slice(line);
                return Ok(());
            };
            self.after_cr = ending == b'\r';
            if self.partial.is_empty() {
                each(line)?;
            } else {
                self.partial.extend_from_slice(line);
                each(&self.partial)?;
                self.partial.clear();
            }
            bytes = tail;
        }
        Ok(())
    }

    /// What is left when no more bytes come: a line without its end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]], limit: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::new(limit);
        for chunk in chunks {
            splitter.feed(chunk, |line| {
                lines.push(line.to_vec());
                Ok(())
            })?;
        }
        lines.push(splitter.finish());
        Ok(lines)
    }

    #[test]
    fn every_kind_of_line_end() {
        let lines = split(&[b"a\nb\rc\r\nd\n\re\r\r\n\nf"], 10).unwrap();
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"d", b"", b"e", b"", b"", b"f"]);
    }

    #[test]
    fn a_line_is_known_at_its_carriage_return() {
        let mut seen = 0;
        let mut splitter = LineSplitter::new(10);
        let mut count = |_: &[u8]| {
            seen += 1;
            Ok(())
        };
        splitter.feed(b"a\r", &mut count).unwrap();
        splitter.feed(b"\n", &mut count).unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn the_limit_is_on_a_line_however_it_arrives() {
        assert!(split(&[b"12345\n12345\n"], 5).is_ok());
        assert_eq!(split(&[b"123456\n"], 5), Err(TooLong));
        assert_eq!(split(&[b"123", b"456"], 5), Err(TooLong));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            bytes in prop::collection::vec(prop::sample::select(&b"ab\r\n"[..]), 0..40),
            cuts in prop::collection::vec(0usize..40, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut <= bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(split(&chunks, 100), split(&[&bytes], 100));
        }
    }
}

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

//! What happened, line by line, and a hash of it by which two plays of a seed are compared.

use std::time::Duration;

/// Lines that are shown of a seed that failed.
const SHOWN: usize = 40;

/// A line.
#[derive(Debug, Clone)]
struct Line {
    at: Duration,
    who: String,
    what: String,
}

/// All lines of a seed.
#[derive(Debug)]
pub(crate) struct Trace {
    lines: Vec<Line>,
    hash: u64,
    /// Shown at once, where somebody looks on.
    aloud: bool,
}

impl Trace {
    pub(crate) fn new(aloud: bool) -> Self {
        Self { lines: Vec::new(), hash: 0xcbf2_9ce4_8422_2325, aloud }
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, at: Duration, who: &str, what: String) {
        let millis = at.as_micros().to_le_bytes();
        for byte in millis.iter().chain(who.as_bytes()).chain(what.as_bytes()) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let line = Line { at, who: who.to_owned(), what };
        if self.aloud {
            println!("{}", line.shown());
        }
        self.lines.push(line);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines that have to do with any of `about`, and those of faults.
    pub(crate) fn concerning(&self, about: &[String]) -> String {
        let concerns = |line: &&Line| {
            about.is_empty()
                || line.what.starts_with('!')
                || about.iter().any(|about| line.what.contains(about.as_str()) || line.who == *about)
        };
        let lines: Vec<_> = self.lines.iter().filter(concerns).map(Line::shown).collect();
        let first = lines.len().saturating_sub(SHOWN);
        lines[first..].join("\n")
    }
}

impl Line {
    fn shown(&self) -> String {
        format!("{:>10.3}s {:<6} {}", self.at.as_secs_f64(), self.who, self.what)
    }
}

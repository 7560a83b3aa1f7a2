//! How things are said: marks, colours, times, and text that a terminal does not obey.

use std::time::Duration;

/// Whether there are colours.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Style {
    pub(in crate::cli) color: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Mark {
    Running,
    Done,
    Failed,
    Skipped,
    Retry,
    Cancelled,
    Published,
    Emitted,
}

impl Style {
    pub(in crate::cli) fn mark(self, mark: Mark) -> String {
        let (sign, color) = match mark {
            Mark::Running => ("●", "34"),
            Mark::Done => ("✓", "32"),
            Mark::Failed => ("✗", "31"),
            Mark::Skipped => ("–", "2"),
            Mark::Retry => ("↻", "33"),
            Mark::Cancelled => ("■", "2"),
            Mark::Published => ("→", "36"),
            Mark::Emitted => ("│", "36"),
        };
        self.colored(sign, color)
    }

    pub(in crate::cli) fn bold(self, text: &str) -> String {
        self.colored(text, "1")
    }

    pub(in crate::cli) fn red(self, text: &str) -> String {
        self.colored(text, "31")
    }

    pub(in crate::cli) fn green(self, text: &str) -> String {
        self.colored(text, "32")
    }

    pub(in crate::cli) fn dim(self, text: &str) -> String {
        self.colored(text, "2")
    }

    fn colored(self, text: &str, color: &str) -> String {
        if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `12 ms`, `1.4 s`, `2 m 5 s`
pub(in crate::cli) fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} m {} s", millis / 60_000, millis % 60_000 / 1_000),
        3_600_000..86_400_000 => format!("{} h {} m", millis / 3_600_000, millis % 3_600_000 / 60_000),
        _ => format!("{} d {} h", millis / 86_400_000, millis % 86_400_000 / 3_600_000),
    }
}

/// One line that a terminal shows and never obeys, of at most `width` characters.
pub(in crate::cli) fn line(text: &str, width: usize) -> String {
    let mut line: String = text.chars().map(visible).take(width).collect();
    if text.chars().nth(width).is_some() {
        line.push('…');
    }
    line
}

fn visible(c: char) -> char {
    match c {
        '\n' | '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Without the signs that a terminal colours by.
#[cfg(test)]
pub(in crate::cli) fn bare(colored: &str) -> String {
    let mut bare = String::new();
    let mut rest = colored;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare + rest
}

//! Progress for people, on standard error: lines that stay, and on a terminal below them what is
//! running, drawn anew.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::super::Terminal;
use super::super::target::Target;
use super::drive::Watcher;
use super::mask::Mask;
use super::progress::Progress;
use super::seen::Seen;
use super::style::{Mark, Style, duration};
use crate::runner::Observed;

/// Clears everything from the cursor on.
const CLEAR: &str = "\u{1b}[J";
/// Lines are cut, and not broken, at the right border: else a line would be two on the screen.
const CUT: &str = "\u{1b}[?7l";
const BREAK: &str = "\u{1b}[?7h";

/// A watcher that shows progress.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    target: &'a Target,
    mask: Mask,
    seen: Seen,
    progress: Progress,
    style: Style,
    is_quiet: bool,
    /// Whether lines can be drawn anew.
    is_live: bool,
    /// Lines that will be.
    drawn: usize,
    began: Timestamp,
}

impl<'a> Screen<'a> {
    pub(super) fn new(terminal: Terminal, target: &'a Target, mask: Mask) -> Self {
        let style = Style { color: terminal.colors_errors() };
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            target,
            mask,
            seen: Seen::default(),
            progress: Progress::new(style, target.plan.steps()),
            style,
            is_quiet: terminal.is_quiet(),
            is_live: io::stderr().is_terminal() && !is_dumb,
            drawn: 0,
            began: Timestamp::now(),
        }
    }

    /// What was kept for a report.
    pub(super) fn into_seen(self) -> (Seen, Mask) {
        (self.seen, self.mask)
    }

    /// Prints lines that stay, and what is running below.
    fn draw(&mut self, lines: &[String], below: &[String]) -> io::Result<()> {
        if self.is_quiet || (lines.is_empty() && below.is_empty() && self.drawn == 0) {
            return Ok(());
        }
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\u{1b}[{}A\r{CLEAR}", self.drawn));
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        if !below.is_empty() {
            text.push_str(CUT);
            for line in below {
                text.push_str(line);
                text.push('\n');
            }
            text.push_str(BREAK);
        }
        self.drawn = below.len();
        let mut to = io::stderr().lock();
        to.write_all(text.as_bytes())?;
        to.flush()
    }

    fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let below = if self.is_live { self.progress.running(Timestamp::now()) } else { Vec::new() };
        self.draw(lines, &below)
    }
}

impl Watcher for Screen<'_> {
    fn see(&mut self, observed: &Observed) -> io::Result<()> {
        self.seen.see(observed, self.target, &mut self.mask);
        let lines = self.progress.lines(observed, &self.mask);
        // What is running is drawn with the next tick; a step of a few milliseconds would flicker.
        if lines.is_empty() {
            return Ok(());
        }
        self.show(&lines)
    }

    fn missed(&mut self, count: u64) -> io::Result<()> {
        self.show(&[format!("  … {count} events are not shown: so much happened at once")])
    }

    fn tick(&mut self) -> io::Result<()> {
        if self.is_live { self.show(&[]) } else { Ok(()) }
    }

    fn interrupted(&mut self) -> io::Result<()> {
        let mark = self.style.mark(Mark::Cancelled);
        self.show(&[format!("  {mark} calling the run off; Ctrl-C once more leaves at once")])
    }

    fn end(&mut self) -> io::Result<()> {
        let mut lines: Vec<String> = self.progress.rest_of_text().into_iter().collect();
        let time = Duration::try_from(Timestamp::now().duration_since(self.began)).unwrap_or_default();
        let name = self.style.bold(&self.target.plan.name);
        lines.push(format!("  {name} took {}", duration(time)));
        self.draw(&lines, &[])
    }
}

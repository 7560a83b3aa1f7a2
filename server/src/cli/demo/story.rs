//! How the demo is told.

use std::io;
use std::time::Duration;

use super::super::Terminal;
use super::chain::{Run, Step};
use super::rows::Row;
use super::stage::Stage;

/// Characters of a line.
const WIDTH: usize = 88;
/// Steps that take less are computed, not waited for.
const NOTICEABLE: Duration = Duration::from_micros(500);

/// The one who tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story {
    terminal: Terminal,
    color: bool,
}

impl Story {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self { terminal, color: terminal.colors_results() }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Says what is going to be shown.
    pub(super) fn introduce(self, stage: &Stage) -> io::Result<()> {
        let count = stage.program.pathways.len();
        let place = stage.folder.path().display();
        let kept = if stage.folder.is_temporary() { " (until the end)" } else { "" };
        self.part(&format!(
            "{}\n{count} pathways and no code: each is a YAML file.\n\
             Supabase, Gemini and the OCR service are {}: they run in this process, and\n\
             nothing leaves this machine. Tokens are not verified here.\n\n  gateway  {}\n  project  {place}{kept}",
            self.paint("1", "The backend of a personal finance app"),
            self.paint("1;33", "stand-ins"),
            stage.url(""),
        ))
    }

    /// Begins a scene.
    pub(super) fn scene(self, number: usize, title: &str, request: &str) -> io::Result<()> {
        self.terminal.result(&format!(
            "\n{} {}\n  {}",
            self.paint("1;36", &format!("{number}.")),
            self.paint("1", title),
            self.dim(request),
        ))
    }

    /// Says how a request was answered.
    pub(super) fn answered(self, status: u16, took: Duration, answer: &str) -> io::Result<()> {
        let mark = self.paint(if status < 300 { "32" } else { "1;31" }, &status.to_string());
        self.terminal.result(&format!("  {mark} {} {answer}", self.dim(&format!("after {}", millis(took)))))
    }

    /// Says a piece of text as it comes; `column` is where the one before ended.
    pub(super) fn piece(self, column: &mut usize, text: &str) -> io::Result<()> {
        const MARGIN: &str = "  ┃ ";
        let width = text.chars().count();
        let margin = match *column {
            0 => MARGIN.to_owned(),
            taken if taken + width > WIDTH => {
                *column = 0;
                format!("\n{MARGIN}")
            }
            _ => String::new(),
        };
        *column += width;
        self.terminal.result_part(&format!("{margin}{}", text.replace('\n', " ")))
    }

    /// Ends the line that pieces were written to.
    pub(super) fn end_pieces(self) -> io::Result<()> {
        self.terminal.result("")
    }

    /// Tells what a run did.
    pub(super) fn run(self, run: &Run) -> io::Result<()> {
        let mark = match &run.outcome {
            Ok(_) => self.paint("32", "✓"),
            Err(_) => self.paint("1;31", "✗"),
        };
        let mut text =
            format!("\n  {mark} {} {}", self.paint("1", &run.pathway), self.dim(&millis(run.took)));
        for line in lines(&run.steps) {
            text.push_str(&format!("\n    {}", self.dim(&line)));
        }
        let said = run.published.iter().map(|(topic, count)| match count {
            1 => format!("→ {topic}"),
            count => format!("→ {topic} ×{count}"),
        });
        let mut said: Vec<String> = said.collect();
        if run.emitted > 0 {
            said.push(format!("→ the caller ×{}", run.emitted));
        }
        if !said.is_empty() {
            text.push_str(&format!("\n    {}", self.paint("36", &said.join("   "))));
        }
        if let Err(failure) = &run.outcome {
            text.push_str(&format!("\n    {}: {}", failure.class.name(), failure.message));
        }
        self.terminal.result(text.trim_start_matches('\n'))
    }

    /// Tells what appeared in the database.
    pub(super) fn rows(self, rows: &[Row]) -> io::Result<()> {
        for row in rows {
            let mark = if row.is_new { self.paint("32", "+") } else { self.paint("33", "~") };
            self.terminal.result(&format!(
                "  {mark} {} {}",
                self.paint("33", &format!("{:<17}", row.table)),
                row.text
            ))?;
        }
        Ok(())
    }

    /// Says that a scene did not go as it should.
    pub(super) fn failed(self, why: &str) -> io::Result<()> {
        self.terminal.result(&format!("  {}", self.paint("1;31", &format!("✗ {why}"))))
    }

    /// Tells something between the scenes.
    pub(super) fn part(self, text: &str) -> io::Result<()> {
        self.terminal.result(&format!("\n{text}"))
    }
}

/// Steps in the order in which they began, as lines.
fn lines(steps: &[Step]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for step in steps {
        let word = step_text(step);
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + word.chars().count() + 3 > WIDTH {
            lines.push(word);
        } else {
            line.push_str(&format!(" · {word}"));
        }
    }
    lines
}

fn step_text(step: &Step) -> String {
    let mut text = step.path.rsplit('.').next().unwrap_or_default().to_owned();
    if step.executions > 1 {
        text.push_str(&format!(" ×{}", step.executions));
    }
    if step.took >= NOTICEABLE {
        text.push_str(&format!(" {}", millis(step.took)));
    }
    if step.attempts > 1 {
        text.push_str(&format!(" ({} attempts)", step.attempts));
    }
    if step.has_failed {
        text.push_str(" ✗");
    }
    text
}

fn millis(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{} ms", millis.max(1)),
        millis => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
    }
}

//! The one place that prints.

use std::env;
use std::io::{self, IsTerminal, Write};

use pathway_engine::diagnostic::{Diagnostic, Format, render};
use pathway_engine::source::Sources;

/// Columns, where nothing says how many there are.
const WIDTH: usize = 100;

/// When output has colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Standard output and standard error, and how they are written to.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    color: Color,
    quiet: bool,
}

impl Terminal {
    /// The terminal of this process; `quiet`: only results and errors.
    #[must_use]
    pub fn new(color: Color, quiet: bool) -> Self {
        Self { color, quiet }
    }

    /// Prints a result.
    ///
    /// # Errors
    /// If it cannot be written; whoever reads it may have left.
    pub fn result(&self, text: &str) -> io::Result<()> {
        write(io::stdout().lock(), text)
    }

    /// Prints a part of a line of a result.
    ///
    /// # Errors
    /// As [`Terminal::result`].
    pub fn result_part(&self, text: &str) -> io::Result<()> {
        let mut to = io::stdout().lock();
        to.write_all(text.as_bytes())?;
        to.flush()
    }

    /// Prints a result of a program's making, one JSON value.
    ///
    /// # Errors
    /// As [`Terminal::result`].
    pub fn json(&self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.result(&text)
    }

    /// Whether only results and errors are told.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a line of JSON as a part of the result.
    ///
    /// # Errors
    /// As [`Terminal::result`].
    pub fn json_line(&self, value: &impl serde::Serialize) -> io::Result<()> {
        self.result(&serde_json::to_string(value)?)
    }

    /// Tells what goes on, unless it should be quiet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note(&self, text: &str) -> io::Result<()> {
        if self.quiet { Ok(()) } else { write(io::stderr().lock(), text) }
    }

    /// Tells more about a failure.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn report(&self, text: &str) -> io::Result<()> {
        write(io::stderr().lock(), text)
    }

    /// Tells why a command failed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn error(&self, message: &str, help: Option<&str>) -> io::Result<()> {
        let (red, blue, reset) =
            if self.colors_errors() { ("\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m") } else { ("", "", "") };
        let mut text = format!("{red}error{reset}: {message}");
        if let Some(help) = help {
            text.push_str(&format!("\n{blue}help{reset}: {help}"));
        }
        write(io::stderr().lock(), &text)
    }

    /// Prints diagnostics as the result of a command, or as a note beside it.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn diagnostics(&self, found: &[Diagnostic], sources: &Sources, form: Form) -> io::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        match form {
            Form::Human => {
                let text = render(found, sources, Format::Human { color: self.colors_errors() });
                write(io::stderr().lock(), text.trim_end())
            }
            Form::Json => self.result(render(found, sources, Format::Json).trim_end()),
            Form::Github => self.result(render(found, sources, Format::Github).trim_end()),
        }
    }

    /// Whether results go to a terminal on which what was said can be said anew.
    #[must_use]
    pub fn is_live(&self) -> bool {
        io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// How many columns and lines there are; the latter only on a terminal.
    #[must_use]
    pub fn size(&self) -> (usize, Option<usize>) {
        let said = |name| env::var(name).ok().and_then(|text| text.parse().ok());
        let found = terminal_size::terminal_size();
        let width = said("COLUMNS").or_else(|| found.map(|(width, _)| usize::from(width.0)));
        let height = said("LINES").or_else(|| found.map(|(_, height)| usize::from(height.0)));
        (width.unwrap_or(WIDTH), height)
    }

    /// Whether results have colours.
    #[must_use]
    pub fn colors_results(&self) -> bool {
        self.colors(io::stdout().is_terminal())
    }

    /// Whether errors and notes have colours.
    #[must_use]
    pub fn colors_errors(&self) -> bool {
        self.colors(io::stderr().is_terminal())
    }

    fn colors(&self, terminal: bool) -> bool {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// The form in which diagnostics are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For people, with the source.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
    /// Annotations of a pull request.
    Github,
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.write_all(b"\n")?;
    to.flush()
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

//! Lines of which parts have colours, and that are no longer than there is room. Names are the server's:
//! the terminal shows them and does not obey them.

use crate::cli::run::{Style, line};

/// How a part is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
}

/// A line in parts.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<(String, Tone)>);

impl Line {
    pub(super) fn of(text: impl Into<String>, tone: Tone) -> Self {
        Self(vec![(text.into(), tone)])
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::of(text, Tone::Plain)
    }

    #[must_use]
    pub(super) fn and(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }

    /// In at most so many columns.
    pub(super) fn shown(&self, width: usize, style: Style) -> String {
        let whole: usize = self.0.iter().map(|(text, _)| text.chars().count()).sum();
        // Its last place is for what says that it was cut.
        let mut room = if whole > width { width.saturating_sub(1) } else { width };
        let mut shown = String::new();
        for (text, tone) in &self.0 {
            let part: String = visible(text).chars().take(room).collect();
            room -= part.chars().count();
            shown.push_str(&match tone {
                _ if part.is_empty() => part,
                Tone::Plain => part,
                Tone::Bold => style.bold(&part),
                Tone::Dim => style.dim(&part),
                Tone::Good => style.green(&part),
                Tone::Bad => style.red(&part),
            });
        }
        if whole > width && width > 0 {
            shown.push('…');
        }
        if style.color { shown } else { shown.trim_end().to_owned() }
    }
}

/// A text in exactly so many columns, the last of which is free.
pub(super) fn cell(text: &str, width: usize) -> String {
    format!("{:width$}", cut(text, width.saturating_sub(1)))
}

/// The same, at the right, where the first is free.
pub(super) fn number(text: &str, width: usize) -> String {
    format!("{:>width$}", cut(text, width.saturating_sub(1)))
}

/// At most so many columns of it.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = visible(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

fn visible(text: &str) -> String {
    line(text, usize::MAX)
}

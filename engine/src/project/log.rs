//! What is logged, and in which form.

use super::reader::Reader;
use crate::document::Fields;
use crate::reference::{Field, Object, Takes, Word};
use crate::source::Node;

/// Its fields.
pub(super) static LOG: Object = Object::new(
    "log",
    &[
        Field::new("format", Takes::Words(FORMATS), "the form of a line"),
        Field::new("level", Takes::Words(LEVELS), "the least important that is logged"),
    ],
);

const FORMATS: &[Word] = &[
    Word("auto", "`pretty` on a terminal, else `json`"),
    Word("pretty", "several lines, with colours"),
    Word("compact", "one line"),
    Word("json", "one JSON object a line"),
    Word("classic", "`2024-01-01 12:00:00 - pathway-processor - INFO - message`"),
];
const LEVELS: &[Word] = &[
    Word("error", "what failed for good"),
    Word("warn", "what is not as it should be"),
    Word("info", "what happens"),
    Word("debug", "how it happens"),
    Word("trace", "everything"),
];

/// `log:`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important that is logged.
    pub level: LogLevel,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Pretty`] on a terminal, else [`LogFormat::Json`].
    #[default]
    Auto,
    /// For people at a terminal: several lines, colours.
    Pretty,
    /// One line each.
    Compact,
    /// One JSON object a line.
    Json,
    /// `2024-01-01 12:00:00 - pathway-processor - INFO - message`
    Classic,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed for good.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl LogFormat {
    /// Names and values.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("pretty", Self::Pretty),
        ("compact", Self::Compact),
        ("json", Self::Json),
        ("classic", Self::Classic),
    ];
}

impl LogLevel {
    /// Names and values.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, level)| *level == self).map_or("info", |(name, _)| name)
    }
}

impl Log {
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        let Some(mut fields) = Fields::of(node, "`log`", reader.diagnostics) else { return Self::default() };
        let log = Self {
            format: fields
                .take("format")
                .and_then(|node| reader.choice(node, "`format`", &LogFormat::WORDS))
                .unwrap_or_default(),
            level: fields
                .take("level")
                .and_then(|node| reader.choice(node, "`level`", &LogLevel::WORDS))
                .unwrap_or_default(),
        };
        fields.finish(reader.diagnostics);
        log
    }
}

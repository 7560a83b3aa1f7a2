//! Where a value came from.

use std::collections::BTreeMap;
use std::fmt;

use pathway_engine::source::{FileId, Sources, Span};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the project file or of `.env`.
    Line {
        /// The file's name.
        file: String,
        /// From 1.
        line: usize,
    },
    /// The environment.
    Environment,
    /// A flag of the command.
    Flag,
    /// The file that this variable names.
    NamedFile(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("flag"),
            Self::NamedFile(name) => write!(f, "the file of {name}"),
        }
    }
}

/// Which layer each text of [`Sources`] belongs to; those not listed are files.
#[derive(Debug, Default)]
pub(super) struct Origins {
    layers: BTreeMap<FileId, Origin>,
}

impl Origins {
    pub(super) fn set(&mut self, file: FileId, origin: Origin) {
        self.layers.insert(file, origin);
    }

    /// Whether `span` lies in a file, not in another layer.
    pub(super) fn is_file(&self, span: Span) -> bool {
        !self.layers.contains_key(&span.file)
    }

    pub(super) fn of(&self, span: Span, sources: &Sources) -> Origin {
        self.layers.get(&span.file).cloned().unwrap_or_else(|| Origin::Line {
            file: sources.path(span.file).to_owned(),
            line: sources.locate(span).line,
        })
    }
}

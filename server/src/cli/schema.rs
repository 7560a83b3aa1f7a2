//! `pathway schema`

use pathway_engine::reference::{Document, json_schema};

use super::{Exit, Outcome, Session};

/// Prints the JSON Schema of a kind of file, for editors
///
/// It is that of this version of the program: an editor completes keys by it, shows what they are for, and
/// marks what is wrong. `pathway init` writes it, and what tells an editor of it.
#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// Of which files
    #[arg(value_enum, default_value_t)]
    of: Of,
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Of {
    /// `*.pathway.yaml`
    #[default]
    Pathway,
    /// `pathway.yaml`
    Project,
    /// `*.test.yaml`
    Test,
    /// `*.feed.yaml`
    Feed,
}

impl Schema {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let document = match self.of {
            Of::Pathway => Document::Pathway,
            Of::Project => Document::Project,
            Of::Test => Document::Test,
            Of::Feed => Document::Feed,
        };
        session.terminal.result(&format!("{:#}", json_schema(document)))?;
        Ok(Exit::Success)
    }
}

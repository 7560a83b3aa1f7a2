//! `pathway graph`

use pathway_engine::graph;

use super::target::{Settings, Target};
use super::{Exit, Outcome, Session};

/// Draws the steps of a pathway and what each waits for
///
/// Solid edges are data, dashed ones `needs`, dotted ones guards.
#[derive(Debug, clap::Args)]
pub(super) struct Graph {
    /// A file, or the name of a pathway of the project
    #[arg(value_name = "FILE|NAME")]
    pathway: String,
    /// The language of the drawing
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: GraphFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    #[default]
    Mermaid,
    Dot,
}

impl Graph {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let target = Target::find(session, &self.pathway, Settings::Aside)?;
        let text = match self.format {
            GraphFormat::Mermaid => graph::mermaid(&target.plan),
            GraphFormat::Dot => graph::dot(&target.plan),
        };
        session.terminal.result(text.trim_end())?;
        Ok(Exit::Success)
    }
}

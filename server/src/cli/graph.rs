//! `pathway graph`

use pathway_engine::graph;

use pathway_engine::graph::{Standing, Standings};

use super::operator::{Operator, block_on};
use super::target::{Settings, Target};
use super::{Exit, Failure, Outcome, Session};
use crate::operations::{Detail, StepStatus};

/// Draws the steps of a pathway and what each waits for
///
/// Solid edges are data, dashed ones `needs`, dotted ones guards. As SVG it is a picture, which can show
/// how a run stands: `pathway graph order --run ID > order.svg`.
#[derive(Debug, clap::Args)]
pub(super) struct Graph {
    /// A file, or the name of a pathway of the project
    #[arg(value_name = "FILE|NAME")]
    pathway: String,
    /// The language of the drawing [default: mermaid; of a run svg]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<GraphFormat>,
    /// Colours the steps by how they stand in this run; as SVG
    #[arg(long, value_name = "ID")]
    run: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    Mermaid,
    Dot,
    Svg,
}

impl Graph {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let target = Target::find(session, &self.pathway, Settings::Aside)?;
        let text = match (self.format, &self.run) {
            (Some(GraphFormat::Dot), None) => graph::dot(&target.plan),
            (None | Some(GraphFormat::Mermaid), None) => graph::mermaid(&target.plan),
            (Some(GraphFormat::Svg), None) => graph::svg(&target.plan, None),
            (Some(GraphFormat::Dot | GraphFormat::Mermaid), Some(_)) => {
                let message = "a run is only shown as SVG".to_owned();
                return Err(Failure::new(Exit::Usage, message).help("leave `--format` out"));
            }
            (None | Some(GraphFormat::Svg), Some(run)) => {
                let operator = Operator::find(session)?;
                let run = block_on(operator.show(run))?;
                if *run.summary.pathway != *target.plan.name {
                    let message =
                        format!("it is a run of `{}`, not of `{}`", run.summary.pathway, target.plan.name);
                    return Err(Failure::new(Exit::Usage, message));
                }
                if let Some(why) = &run.untold {
                    session.terminal.note(why)?;
                }
                graph::svg(&target.plan, Some(&standings(&run)))
            }
        };
        session.terminal.result(text.trim_end())?;
        Ok(Exit::Success)
    }
}

fn standings(run: &Detail) -> Standings {
    Standings::of(run.steps.iter().filter_map(|step| {
        let standing = match step.status {
            StepStatus::Finished | StepStatus::Kept => Standing::Finished,
            StepStatus::Skipped => Standing::Skipped,
            StepStatus::Failed => Standing::Failed,
            StepStatus::Cancelled => Standing::Cancelled,
            StepStatus::Running | StepStatus::Retrying => Standing::Running,
            StepStatus::Unknown => return None,
        };
        Some((step.path.as_str(), standing))
    }))
}

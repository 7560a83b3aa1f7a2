//! `pathway dlq`

use std::num::NonZeroU32;

use pathway_engine::vm::Class;
use reqwest::Method;
use serde_json::json;

use super::operator::{Operator, block_on};
use super::runs::{self, Which};
use super::terminal::counted;
use super::{Exit, Failure, Outcome, Session};
use crate::operations::{Redriven, Selection};
use crate::runner::Version;
use crate::store::Status;

/// Looks after parked runs: redrives them, or gives them up
#[derive(Debug, clap::Args)]
pub(super) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Lists parked runs, the newest first
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Shows a run
    Show {
        /// Its id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Lets parked runs go on at the step that failed
    Redrive(Redrive),
    /// Gives parked runs up: they have failed for good
    Drop {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Redrive {
    /// Their ids
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All of them, the oldest first
    #[arg(long)]
    all: bool,
    /// Only of this pathway
    #[arg(long, requires = "all")]
    pathway: Option<String>,
    /// Only those that failed with this class
    #[arg(long, requires = "all", value_parser = class)]
    class: Option<Class>,
    /// Only those admitted so many seconds ago, or longer
    #[arg(long, requires = "all", value_name = "SECONDS")]
    older_than: Option<u32>,
    /// By the definition that is served now, where what was recorded agrees with it
    #[arg(long)]
    current: bool,
    /// At most so many a second
    #[arg(long, requires = "all", value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Only tells which they are
    #[arg(long, requires = "all")]
    dry_run: bool,
    /// As JSON
    #[arg(long, requires = "all")]
    json: bool,
}

fn class(name: &str) -> Result<Class, String> {
    Class::from_name(name).ok_or_else(|| {
        let names = Class::ALL.map(Class::name).join(", ");
        format!("there is no such class; there are {names}")
    })
}

impl Dlq {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let operator = Operator::find(session)?;
        block_on(async {
            match &self.command {
                Command::List { which } => runs::list(session, &operator, Some(Status::Parked), which).await,
                Command::Show { id, json } => runs::show(session, &operator, id, *json).await,
                Command::Redrive(redrive) if redrive.all => redrive.all(session, &operator).await,
                Command::Redrive(redrive) => {
                    let definition = redrive.definition();
                    let how = redrive.current.then(|| json!({ "definition": definition }).to_string());
                    each(session, &operator, &redrive.ids, "redrive", how).await
                }
                Command::Drop { ids } => each(session, &operator, ids, "drop", None).await,
            }
        })
    }
}

/// Has the same done to some runs; tells of each that does not allow it.
async fn each(
    session: &Session,
    operator: &Operator,
    ids: &[String],
    what: &str,
    how: Option<String>,
) -> Outcome {
    let mut exit = Exit::Success;
    for id in ids {
        if let Err(failure) = operator.tell(id, what, how.clone()).await {
            if failure.exit() != Exit::Failure {
                return Err(failure);
            }
            exit = Exit::Failure;
            session.terminal.error(&format!("run `{id}`: {failure}"), None)?;
        }
    }
    Ok(exit)
}

impl Redrive {
    fn definition(&self) -> Version {
        if self.current { Version::Current } else { Version::Pinned }
    }

    async fn all(&self, session: &Session, operator: &Operator) -> Outcome {
        let mut selection = Selection {
            pathway: self.pathway.clone(),
            class: self.class,
            older_than: self.older_than,
            rate: self.rate,
            definition: self.definition(),
            dry_run: self.dry_run,
            ..Selection::default()
        };
        let mut total = Redriven { dry_run: self.dry_run, ..Redriven::default() };
        loop {
            let body = serde_json::to_string(&selection)
                .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
            let page: Redriven = operator.ask(Method::POST, "/dlq/redrive", Some(body)).await?;
            total.runs.extend(page.runs);
            total.skipped.extend(page.skipped);
            (total.more, total.full) = (page.more, page.full);
            if !page.more || page.full {
                break;
            }
            selection.after = page.last;
        }
        self.tell(session, &total)
    }

    fn tell(&self, session: &Session, total: &Redriven) -> Outcome {
        if self.json {
            session.terminal.json(total)?;
        } else {
            for id in &total.runs {
                session.terminal.result(id)?;
            }
            for skipped in &total.skipped {
                session.terminal.note(&format!("{}: {}", skipped.id, skipped.why))?;
            }
            let did = if self.dry_run { "would be redriven" } else { "redriven" };
            let (runs, skipped) = (counted(total.runs.len(), "run"), total.skipped.len());
            session.terminal.note(&format!("{runs} {did}, {skipped} cannot be"))?;
        }
        if total.full {
            return Err(Failure::new(Exit::Temporary, "many that were redriven are still under way")
                .help("ask again later for the rest"));
        }
        Ok(Exit::Success)
    }
}

//! `pathway runs`

mod export;
mod perfetto;
mod rerun;
pub(super) mod shown;
mod timeline;

use super::operator::{Operator, block_on};
use super::run::Style;
use super::{Exit, Failure, Outcome, Session};
use crate::operations::Listing;
use crate::store::Status;

/// Looks at runs, writes them out, runs them again, calls them off and signals them
#[derive(Debug, clap::Args)]
pub(super) struct Runs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Lists runs, the newest first
    List {
        /// Only with this status
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        #[command(flatten)]
        which: Which,
    },
    /// Shows a run, its steps, when they were at work, and what it waits for
    Show {
        /// Its id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Says what a run waits for
    Why {
        /// Its id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Runs a run again that is over or parked, as a new run
    Rerun(rerun::Rerun),
    /// Writes a run out, as a test, as a trace or as its journal
    Export(export::Export),
    /// Calls a run off
    Cancel {
        /// Its id
        id: String,
    },
    /// Sends a run a signal
    Signal {
        /// Its id
        id: String,
        /// The name of the signal
        name: String,
        /// What comes with it, as JSON
        #[arg(long, value_name = "JSON")]
        data: Option<String>,
        /// Counts once, however often it is sent with this key
        #[arg(long)]
        key: Option<String>,
    },
}

/// Which runs to list.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// Only of this pathway
    #[arg(long)]
    pathway: Option<String>,
    /// Only admitted before this run
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn status(name: &str) -> Result<Status, String> {
    Status::from_name(name).ok_or_else(|| {
        let names = Status::ALL.map(Status::name).join(", ");
        format!("there is no such status; there are {names}")
    })
}

impl Runs {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let operator = Operator::find(session)?;
        block_on(async {
            match &self.command {
                Command::List { status, which } => list(session, &operator, *status, which).await,
                Command::Show { id, json } => show(session, &operator, id, *json).await,
                Command::Why { id, json } => why(session, &operator, id, *json).await,
                Command::Export(export) => export.run(session, &operator).await,
                Command::Rerun(rerun) => rerun.run(session, &operator).await,
                Command::Cancel { id } => operator.tell(id, "cancel", None).await.map(|()| Exit::Success),
                Command::Signal { id, name, data, key } => {
                    operator.signal(id, name, data.clone(), key.as_deref()).await.map(|()| Exit::Success)
                }
            }
        })
    }
}

/// Lists runs.
pub(super) async fn list(
    session: &Session,
    operator: &Operator,
    status: Option<Status>,
    which: &Which,
) -> Outcome {
    let Which { pathway, before, limit, json } = which;
    let listing = Listing { status, pathway: pathway.clone(), before: before.clone(), limit: *limit };
    let runs = operator.list(listing).await?;
    if *json {
        session.terminal.json(&runs)?;
    } else if runs.is_empty() {
        session.terminal.note("there are none")?;
    } else {
        session.terminal.result(&shown::table(&runs))?;
    }
    Ok(Exit::Success)
}

/// Shows a run.
pub(super) async fn show(session: &Session, operator: &Operator, id: &str, json: bool) -> Outcome {
    let run = operator.show(id).await?;
    if json {
        session.terminal.json(&run)?;
        return Ok(Exit::Success);
    }
    session.terminal.result(&shown::run(&run))?;
    let style = Style { color: session.terminal.colors_results() };
    let timeline = operator.timeline(id).await?;
    if let Some(drawn) =
        timeline.and_then(|timeline| timeline::drawn(&timeline, style, session.terminal.size().0))
    {
        session.terminal.result(&format!("\n{drawn}"))?;
    }
    Ok(Exit::Success)
}

async fn why(session: &Session, operator: &Operator, id: &str, json: bool) -> Result<Exit, Failure> {
    let run = operator.show(id).await?;
    if json {
        session.terminal.json(&run.waits)?;
    } else {
        session.terminal.result(&shown::why(&run))?;
    }
    Ok(Exit::Success)
}

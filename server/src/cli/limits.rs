//! `pathway limits`

use reqwest::Method;
use serde_json::json;

use super::operator::{Operator, block_on, url};
use super::table::aligned;
use super::{Exit, Failure, Outcome, Session};
use crate::operations::{Busy, Limit, Limits as Known, Source};

/// Shows how many may do something at once in the server, and who does; sets it until it ends
#[derive(Debug, clap::Args)]
pub(super) struct Limits {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Shows all limits, how full they are and who fills them
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Sets a limit until the server ends; what is under way beyond it ends first
    Set {
        /// server, steps, pathway/NAME, pathway/NAME/per (of each key) or service/NAME
        name: String,
        /// How many; 0 lets nothing begin, `any` any number
        #[arg(value_parser = permits)]
        permits: Permits,
        /// Only if this is still the revision that `show` told
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Lets the project say again what limits are
    Reset {
        /// Which
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// All that were set
        #[arg(long)]
        all: bool,
    },
}

/// How many; none: any number.
#[derive(Debug, Clone, Copy)]
struct Permits(Option<u32>);

fn permits(text: &str) -> Result<Permits, String> {
    match text {
        "any" => Ok(Permits(None)),
        _ => text.parse().map(|count| Permits(Some(count))).map_err(|_| "a number, or `any`".to_owned()),
    }
}

impl Limits {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let operator = Operator::find(session)?;
        block_on(async {
            match &self.command {
                Command::Show { json } => {
                    let known = show(&operator).await?;
                    if *json {
                        session.terminal.json(&known)?;
                        return Ok(Exit::Success);
                    }
                    session.terminal.result(&table(&known))?;
                    session.terminal.note(&format!("of this process; revision {}", known.revision))?;
                }
                Command::Set { name, permits: Permits(permits), revision } => {
                    let body = json!({ "permits": permits }).to_string();
                    let revision = revision.map(|revision| format!("\"{revision}\""));
                    let header = revision.as_deref().map(|revision| ("if-match", revision));
                    let known: Known = operator.change(Method::PUT, &path(name), Some(body), header).await?;
                    tell(session, &known, name, "until the server ends")?;
                }
                Command::Reset { name: Some(name), .. } => {
                    let known: Known = operator.change(Method::DELETE, &path(name), None, None).await?;
                    tell(session, &known, name, "as the project says")?;
                }
                Command::Reset { name: None, .. } => {
                    let known = show(&operator).await?;
                    for limit in known.limits.iter().filter(|limit| limit.source == Source::Operator) {
                        let now: Known =
                            operator.change(Method::DELETE, &path(&limit.name), None, None).await?;
                        tell(session, &now, &limit.name, "as the project says")?;
                    }
                }
            }
            Ok(Exit::Success)
        })
    }
}

async fn show(operator: &Operator) -> Result<Known, Failure> {
    operator.ask(Method::GET, "/limits", None).await
}

fn path(name: &str) -> String {
    let parts: Vec<_> = name.split('/').map(url::encoded).collect();
    format!("/limits/{}", parts.join("/"))
}

fn tell(session: &Session, known: &Known, name: &str, how: &str) -> Result<(), Failure> {
    let Some(limit) = known.limits.iter().find(|limit| limit.name == name) else { return Ok(()) };
    let draining = match limit.permits {
        Some(permits) if fullest(limit) > permits => {
            format!("; {} in use, which end first", fullest(limit))
        }
        _ => String::new(),
    };
    session.terminal.note(&format!("{name}: {} {how}{draining}", count(limit, limit.permits)))?;
    Ok(())
}

fn table(known: &Known) -> String {
    let head = ["LIMIT", "PERMITS", "IN USE", "WAITING", "HELD BY"].map(str::to_owned);
    let rows = known.limits.iter().map(|limit| {
        [limit.name.clone(), said(limit), limit.in_use.to_string(), limit.waiting.to_string(), held_by(limit)]
    });
    aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// How many, and how many the project says where that is something else.
fn said(limit: &Limit) -> String {
    match limit.source {
        Source::Project => count(limit, limit.permits),
        Source::Operator => {
            let (permits, configured) = (count(limit, limit.permits), count(limit, limit.configured));
            format!("{permits} (project: {configured})")
        }
    }
}

fn count(limit: &Limit, permits: Option<usize>) -> String {
    let each = if limit.keys.is_some() { " per key" } else { "" };
    permits.map_or_else(|| "any".to_owned(), |permits| format!("{permits}{each}"))
}

/// How many have a place, at most: of one key, where each has its own.
pub(super) fn fullest(limit: &Limit) -> usize {
    match limit.keys {
        None => limit.in_use,
        Some(_) => limit.busiest.iter().map(|busy| busy.in_use).max().unwrap_or_default(),
    }
}

/// The first few; of keys the busiest.
fn held_by(limit: &Limit) -> String {
    const FEW: usize = 2;
    let (few, all) = match limit.keys {
        None => (limit.holders.iter().take(FEW).cloned().collect(), limit.in_use + limit.set_aside),
        Some(keys) => (limit.busiest.iter().take(FEW).map(shown).collect::<Vec<_>>(), keys),
    };
    let named = few.join(", ");
    match all.saturating_sub(FEW) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// How busy a key is.
fn shown(Busy { key, in_use, waiting }: &Busy) -> String {
    match waiting {
        0 => format!("{key} ({in_use})"),
        _ => format!("{key} ({in_use}, {waiting} waiting)"),
    }
}

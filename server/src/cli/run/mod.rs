//! `pathway run`: one run in this process, watched.
//!
//! The store is in memory and no topic is consumed: what the run publishes is shown and read by
//! nobody, the pathways that it calls do run. Progress goes to standard error, the result to
//! standard output.

mod asked;
mod drive;
mod events;
mod input;
mod mask;
mod mocks;
mod progress;
mod report;
mod screen;
mod seen;
mod style;

use std::path::PathBuf;

use pathway_engine::journal::Principal;

pub(super) use self::asked::asked;
use self::drive::{Ended, Lone};
use self::events::Events;
pub(super) use self::mask::Mask;
use self::report::Report;
use self::screen::Screen;
#[cfg(test)]
pub(super) use self::style::bare;
pub(super) use self::style::{Mark, Style, duration, line};
use super::target::{Settings, Target};
use super::{Exit, Failure, Outcome, Session};

/// Runs one pathway for one input and prints what it returns
///
/// The run is in this process and forgotten afterwards. Progress goes to standard error, the
/// result as JSON to standard output.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// A file, or the name of a pathway of the project
    #[arg(value_name = "FILE|NAME")]
    pathway: String,
    /// The input as JSON or YAML; `-`: standard input [default: {}]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Sets a value of the input, such as user.id=7; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Calls no service, but takes the answers from this file, which says them as tests do
    #[arg(long, value_name = "FILE")]
    mock: Option<PathBuf>,
    /// Runs in the name of this subject
    #[arg(long = "as", value_name = "SUB")]
    subject: Option<String>,
    /// Prints events and the result as JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Run {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let target = Target::find(session, &self.pathway, Settings::Matter)?;
        let input = input::read(self.input.as_deref(), &self.set)?;
        let mocks = self.mock.as_deref().map(|path| mocks::read(session, path, &target)).transpose()?;
        session.log_little(&target.config)?;
        let principal = self.subject.clone().map(|sub| Principal {
            sub,
            role: Some("authenticated".to_owned()),
            claims: None,
            has_token: false,
        });
        let mask = Mask::new(&target, &input);
        let lone = Lone { target: &target, input, principal, mocks };
        let ended = if self.json {
            let mut events = Events::new(session.terminal, &target, mask);
            drive::drive(&lone, &mut events)?
        } else {
            let mut screen = Screen::new(session.terminal, &target, mask);
            let ended = drive::drive(&lone, &mut screen)?;
            match &ended {
                Ended::Over { outcome: Ok(value), .. } => {
                    session.terminal.json(&pathway_engine::value::to_serde(value))?;
                }
                Ended::Over { outcome: Err(failure), parked } => {
                    let (seen, mask) = screen.into_seen();
                    let report = Report {
                        target: &target,
                        seen: &seen,
                        mask: &mask,
                        is_anonymous: lone.principal.is_none(),
                    };
                    report.tell(session.terminal, failure, *parked)?;
                }
                Ended::Left => {}
            }
            ended
        };
        Ok(match ended {
            Ended::Over { outcome: Ok(_), .. } => Exit::Success,
            _ => Exit::Failure,
        })
    }
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

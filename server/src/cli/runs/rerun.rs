//! `pathway runs rerun`

use reqwest::Method;

use crate::cli::operator::{Operator, url};
use crate::cli::{Exit, Failure, Outcome, Session};
use crate::operations::{Again, Rerun as Done};
use crate::runner::Version;

#[derive(Debug, clap::Args)]
pub(super) struct Rerun {
    /// Its id
    id: String,
    /// Only this step and all that depends on it; the others keep what they came to
    #[arg(long, value_name = "STEP", conflicts_with = "only")]
    from: Option<String>,
    /// Only this step; the run returns its output
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
    /// With the definition that is served now, not with that of the run
    #[arg(long)]
    current: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Rerun {
    pub(super) async fn run(&self, session: &Session, operator: &Operator) -> Outcome {
        let definition = if self.current { Version::Current } else { Version::Pinned };
        let again = Again { from: self.from.clone(), only: self.only.clone(), definition };
        let body =
            serde_json::to_string(&again).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        let path = format!("/runs/{}/rerun", url::encoded(&self.id));
        let done: Done = operator.ask(Method::POST, &path, Some(body)).await?;
        if self.json {
            session.terminal.json(&done)?;
            return Ok(Exit::Success);
        }
        session.terminal.result(&done.id)?;
        for note in notes(&done) {
            session.terminal.note(&note)?;
        }
        Ok(Exit::Success)
    }
}

fn notes(done: &Done) -> Vec<String> {
    let mut notes = Vec::new();
    let old = &done.rerun_of;
    if !done.kept.is_empty() {
        notes.push(format!("it keeps what these came to: {}", done.kept.join(", ")));
    }
    if done.waits_for_parked {
        notes.push(format!(
            "it waits for its lane, which `{old}` holds until it is dropped: pathway dlq drop {old}"
        ));
    } else if done.parked {
        notes.push(format!("`{old}` stays parked until it is dropped: pathway dlq drop {old}"));
    }
    if done.token_expired {
        notes.push("the token of whoever asked has expired: it runs without".to_owned());
    }
    notes
}

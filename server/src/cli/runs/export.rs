//! `pathway runs export`: a run as a test, as a trace, or its journal.

use pathway_engine::testing::{Exported, export};
use serde_json::{Value as Json, json};

use super::perfetto;
use crate::app::data_folder;
use crate::cli::operator::Operator;
use crate::cli::replay::mask_of;
use crate::cli::{Exit, Failure, Outcome, Session};
use crate::operations::Journal;
use crate::seal::{self, SealKeys};

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Its id
    id: String,
    /// As a test file with one case, which says what came to the run and what it did
    ///
    /// Secrets are masked. Without this: its journal as JSON, in which they are sealed.
    #[arg(long)]
    test: bool,
    /// As a trace, to be opened at ui.perfetto.dev or chrome://tracing
    #[arg(long, conflicts_with = "test")]
    perfetto: bool,
}

impl Export {
    pub(super) async fn run(&self, session: &Session, operator: &Operator) -> Outcome {
        if self.perfetto {
            let timeline = operator.timeline(&self.id).await?.ok_or_else(|| {
                Failure::new(Exit::Temporary, "no server is at work, which could read the journal")
                    .help("start one with `pathway serve`")
            })?;
            session.terminal.json(&perfetto::trace(&timeline))?;
            return Ok(Exit::Success);
        }
        let journal = operator.journal(&self.id).await?;
        if !self.test {
            session.terminal.json(&journal)?;
            return Ok(Exit::Success);
        }
        let (config, program) = session.compile()?;
        let given = config.variables.get(seal::VARIABLE).map(|variable| variable.value.as_str());
        let keys = SealKeys::find(given, &data_folder(&config.project, config.root.folder()))
            .map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        let unreadable = |why: String| Failure::new(Exit::Failure, format!("run `{}`: {why}", self.id));

        let name = journal.run.pathway.as_str();
        let now = program.pathways.get(name).cloned();
        let plan = match now.filter(|now| *now.digest == *journal.digest) {
            Some(now) => now,
            None => journal.plan(&config.variables).map_err(unreadable)?,
        };
        let events = journal.history(&config.project, keys.as_ref(), plan.clone()).map_err(unreadable)?;
        let exported = export(&plan, &events).ok_or_else(|| unreadable("it has not begun".to_owned()))?;
        let mask = mask_of(&config, &plan, &events);
        let exported = Exported { case: mask.json(exported.case), notes: exported.notes };
        session.terminal.result(file(&journal, &exported)?.trim_end())?;
        for note in &exported.notes {
            session.terminal.note(note)?;
        }
        Ok(Exit::Success)
    }
}

/// The text of the test file.
fn file(journal: &Journal, Exported { case, notes }: &Exported) -> Result<String, Failure> {
    let id = &journal.run.id;
    let suite: Json = json!({ "test": journal.run.pathway, "cases": { format!("run {id}"): case } });
    let yaml =
        serde_yaml::to_string(&suite).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let mut text = format!("# What came to run {id}, and what it did. Secrets are masked.\n");
    for note in notes {
        text.push_str(&format!("# Note: {note}.\n"));
    }
    text.push_str("# Say in `expect` what it should have done.\n");
    text.push_str(&yaml);
    Ok(text)
}

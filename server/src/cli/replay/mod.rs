//! `pathway replay`: what a definition would make of what happened in runs, told without doing anything.

mod shown;
mod stood_in;

use std::path::PathBuf;
use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::{Plan, Program};
use pathway_engine::journal::{Event, Kind, Outcome as Performed};
use pathway_engine::vm::{Difference, Mismatch, Vm};

use self::shown::{Compared, Verdict};
use self::stood_in::StoodIn;
use super::operator::{Operator, block_on};
use super::run::Mask;
use super::runs::status;
use super::terminal::counted;
use super::{Exit, Failure, Outcome, Session};
use crate::app::data_folder;
use crate::config::Config;
use crate::operations::{Journal, Listing, MOST};
use crate::seal::{self, SealKeys};
use crate::store::Status;

/// Tells where a changed pathway would do otherwise than runs did
///
/// What was recorded of each run is told to the pathway as it is in the files now, and to that which the
/// run began with. Nothing is called and nothing is changed. Exits with 1 if any run differs, or
/// cannot be compared.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Ids of runs
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// The file of a pathway, in the place of the project's of that name
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// The newest runs
    #[arg(long)]
    all: bool,
    /// Only with this status
    #[arg(long, requires = "all", value_parser = status)]
    status: Option<Status>,
    /// Only of this pathway
    #[arg(long, requires = "all")]
    pathway: Option<String>,
    /// At most so many
    #[arg(long, requires = "all", value_name = "N", default_value_t = 100)]
    limit: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let (config, program, name) = match &self.with {
            Some(file) => {
                let StoodIn { config, program, name } = StoodIn::by(session, file)?;
                (config, program, Some(name))
            }
            None => {
                let (config, program) = session.compile()?;
                (config, program, None)
            }
        };
        session.log_little(&config)?;
        let operator = Operator::of(&config)?;
        let given = config.variables.get(seal::VARIABLE).map(|variable| variable.value.as_str());
        let keys = SealKeys::find(given, &data_folder(&config.project, config.root.folder()))
            .map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        let replayer = Replayer { config: &config, program: &program, name, keys };
        let compared = block_on(async {
            let mut compared = Vec::new();
            for id in self.chosen(&operator, replayer.name.as_deref()).await? {
                let journal = operator.journal(&id).await.map_err(|failure| of(&id, failure))?;
                compared.push(replayer.compare(&journal));
            }
            Ok(compared)
        })?;
        self.tell(session, &compared)
    }

    /// The runs to compare.
    async fn chosen(&self, operator: &Operator, name: Option<&str>) -> Result<Vec<String>, Failure> {
        if !self.all {
            return Ok(self.ids.clone());
        }
        let pathway = self.pathway.clone().or_else(|| name.map(str::to_owned));
        let mut ids: Vec<String> = Vec::new();
        while ids.len() < self.limit {
            let limit = u32::try_from(self.limit - ids.len()).unwrap_or(MOST).min(MOST);
            let before = ids.last().cloned();
            let listing = Listing { status: self.status, pathway: pathway.clone(), before, limit };
            let page = operator.list(listing).await?;
            let is_last = page.len() < limit as usize;
            ids.extend(page.into_iter().map(|run| run.id));
            if is_last {
                break;
            }
        }
        Ok(ids)
    }

    fn tell(&self, session: &Session, compared: &[Compared]) -> Outcome {
        let agree = compared.iter().filter(|run| run.verdict == Verdict::Agrees).count();
        if self.json {
            session.terminal.json(&compared)?;
        } else {
            for run in compared {
                session.terminal.result(&run.to_string())?;
            }
            let (runs, not) = (counted(compared.len(), "run"), compared.len() - agree);
            session.terminal.note(&format!("{runs}: {agree} agree, {not} do not"))?;
        }
        Ok(if agree == compared.len() { Exit::Success } else { Exit::Failure })
    }
}

fn of(id: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Told { exit, message, help } => {
            Failure::Told { exit, message: format!("run `{id}`: {message}"), help }
        }
        other => other,
    }
}

/// Compares runs with the pathways of a project.
struct Replayer<'a> {
    config: &'a Config,
    program: &'a Program,
    /// The only pathway that is meant, if one is.
    name: Option<String>,
    keys: Option<SealKeys>,
}

impl Replayer<'_> {
    fn compare(&self, journal: &Journal) -> Compared {
        let run = &journal.run;
        let mut compared = Compared::of(journal);
        match self.replay(journal) {
            Err(why) => (compared.verdict, compared.why) = (Verdict::Unknown, Some(why)),
            Ok(Replayed { plan, now, events, difference }) => {
                compared.events = events.len();
                if let Some(difference) = difference {
                    let mask = mask_of(self.config, &plan, &events);
                    compared.verdict = Verdict::Differs;
                    compared.difference = Some(shown::Shown::of(&difference, &mask));
                    let onto = || Vm::onto(plan.clone(), now, &events).is_ok();
                    compared.redrivable = (run.status == Status::Parked.name()).then(onto);
                }
            }
        }
        compared
    }

    fn replay(&self, journal: &Journal) -> Result<Replayed, String> {
        let name = journal.run.pathway.as_str();
        if let Some(only) = self.name.as_ref().filter(|only| *only != name) {
            return Err(format!("it is a run of `{name}`, not of `{only}`"));
        }
        let now = self.program.pathways.get(name).cloned();
        let now = now.ok_or_else(|| format!("there is no pathway `{name}` here"))?;
        let plan = match *now.digest == *journal.digest {
            true => now.clone(),
            false => journal.plan(&self.config.variables)?,
        };
        let events = journal.history(&self.config.project, self.keys.as_ref(), plan.clone())?;
        let difference =
            Vm::compare(plan.clone(), now.clone(), &events).map_err(|mismatch| match mismatch {
                Mismatch::Compacted { .. } => mismatch.to_string(),
                _ => format!("its journal does not agree with its own definition: {mismatch}"),
            })?;
        Ok(Replayed { plan, now, events, difference })
    }
}

/// The secrets of the project, of the run's input and of what its steps were answered.
pub(super) fn mask_of(config: &Config, plan: &Plan, events: &[Event]) -> Mask {
    let started = events.first().and_then(|event| match &event.kind {
        Kind::Started(started) => Some(started),
        _ => None,
    });
    let input = started.map_or_else(|| Value::from(()), |started| started.input.value().clone());
    let mut mask = Mask::of(config, plan, &input);
    let kept = started.and_then(|started| started.rerun.as_ref()).map(|rerun| &rerun.kept);
    for (_, kept) in kept.into_iter().flatten().filter(|(step, _)| plan.is_secret(step)) {
        mask.learn(&kept.output());
    }
    for event in events {
        if let Kind::Performed(performed) = &event.kind
            && let Performed::Answer(answer) = &performed.outcome
            && plan.is_secret(&performed.instance)
        {
            mask.learn(answer);
        }
    }
    mask
}

/// A run that was replayed.
struct Replayed {
    plan: Arc<Plan>,
    now: Arc<Plan>,
    events: Vec<Event>,
    difference: Option<Difference>,
}

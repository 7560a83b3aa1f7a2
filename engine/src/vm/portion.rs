//! Which steps of a run are run again, and which keep what they came to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Recorded;
use crate::compile::{Address, BlockId, Place, Plan, step_path};
use crate::diagnostic::did_you_mean;
use crate::journal::Rerun;

/// Steps that are named where there is no such step.
const NAMED: usize = 20;

/// What of a run is run again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Portion {
    /// All of it.
    #[default]
    All,
    /// A step and all that depends on it; what else has finished stays.
    From(String),
    /// A step alone.
    Only(String),
}

/// Why a step cannot be run again so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortionError {
    /// There is none of that name.
    #[error("there is no step `{step}`{}", hint(.near.as_deref(), .known))]
    Unknown {
        /// What was asked for.
        step: String,
        /// What may be meant.
        near: Option<String>,
        /// The steps that there are.
        known: Vec<String>,
    },
    /// It cannot be run again by itself.
    #[error("`{step}` {why}: {}", way_out(.instead.as_deref()))]
    Unfit {
        /// What was asked for.
        step: String,
        /// Why it cannot be named.
        why: &'static str,
        /// The step around it that can be.
        instead: Option<String>,
    },
    /// A guard ended its block before it.
    #[error("the guard `{guard}` ended the run before `{step}`: run it again from `{guard}`, or all of it")]
    Unreached {
        /// What was asked for.
        step: String,
        /// The guard.
        guard: String,
    },
    /// What it reads is not there.
    #[error("`{step}` reads `{reads}`, which {why}: run it again from `{reads}`")]
    Missing {
        /// What was asked for.
        step: String,
        /// The step that it reads.
        reads: String,
        /// What is the matter with that.
        why: &'static str,
    },
    /// What a step did may hold or not.
    #[error(
        "`{step}` was to be undone and that did not succeed, so whether what it did holds is not known: \
         see to it, and run it again from `{step}`, or all of it"
    )]
    Uncertain {
        /// The step.
        step: String,
    },
}

fn hint(near: Option<&str>, known: &[String]) -> String {
    match near {
        Some(near) => format!(": did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!(": the pathway has `{}`", known.join("`, `")),
    }
}

fn way_out(step: Option<&str>) -> String {
    step.map_or_else(|| "run all of it again".to_owned(), |step| format!("run it again from `{step}`"))
}

impl Portion {
    /// What a run of `plan` that runs this of the run `of` again begins with; `recorded` is what that
    /// run's steps came to.
    ///
    /// # Errors
    /// The step is not there, or cannot be run again so.
    pub fn rerun(&self, plan: &Plan, of: Arc<str>, recorded: &Recorded) -> Result<Rerun, PortionError> {
        let selection = Selection { plan, addresses: plan.addresses(), recorded };
        let mut rerun = Rerun { of, kept: BTreeMap::new(), vars: BTreeMap::new(), only: None };
        match self {
            Self::All => return Ok(rerun),
            Self::From(step) => selection.from(step, &mut rerun)?,
            Self::Only(step) => selection.only(step, &mut rerun)?,
        }
        rerun.vars.clone_from(&recorded.vars);
        Ok(rerun)
    }
}

/// What runs again.
#[derive(Debug, Default)]
struct Again {
    /// Steps with all that is in them.
    whole: BTreeSet<Place>,
    /// Blocks of which a part does.
    entered: BTreeSet<Place>,
}

struct Selection<'a> {
    plan: &'a Plan,
    addresses: HashMap<Arc<str>, Address>,
    recorded: &'a Recorded,
}

impl Selection<'_> {
    fn from(&self, step: &str, rerun: &mut Rerun) -> Result<(), PortionError> {
        let address = self.address(step)?;
        let mut again = self.again(&[address]);
        if let Some(guard) = self.guard_before(address, &again.whole) {
            return Err(PortionError::Unreached { step: step.to_owned(), guard });
        }
        for step in self.recorded.uncertain() {
            let address = self.nearest(&step).and_then(|path| self.addresses.get(path));
            if !address.is_some_and(|address| address.0.iter().any(|place| again.whole.contains(place))) {
                return Err(PortionError::Uncertain { step });
            }
        }
        let undone = self.recorded.undone.iter().filter_map(|path| self.nearest(path));
        let seeds: Vec<&Address> = undone.filter_map(|path| self.addresses.get(path)).collect();
        if !seeds.is_empty() {
            again = self.again(&[&seeds[..], &[address]].concat());
        }
        self.keep(self.plan.root, &again, rerun);
        Ok(())
    }

    /// What runs again with these steps.
    fn again(&self, seeds: &[&Address]) -> Again {
        let mut again = Again::default();
        for (block, step) in seeds.iter().filter_map(|seed| seed.step()) {
            again.whole.extend(self.plan.affected(block, step).into_iter().map(|step| (block, step)));
        }
        for (block, step) in seeds.iter().flat_map(|seed| seed.around()).copied() {
            again.entered.insert((block, step));
            let after = self.plan.affected(block, step).into_iter().filter(|after| *after != step);
            again.whole.extend(after.map(|step| (block, step)));
        }
        again
    }

    /// Keeps what the steps of a block came to, but for those that run again.
    fn keep(&self, block: BlockId, again: &Again, rerun: &mut Rerun) {
        let steps = self.plan.block(block).map(|block| block.steps.as_slice()).unwrap_or_default();
        for (step, n) in steps.iter().zip(0..).filter(|(_, n)| !again.whole.contains(&(block, *n))) {
            let finished = self.recorded.steps.get(&*step.path);
            let named = self.addresses.contains_key(&step.path) && !again.entered.contains(&(block, n));
            if let Some(kept) = finished.filter(|_| named) {
                rerun.kept.insert(step.path.clone(), kept.clone());
            } else if step.is_open() {
                step.blocks.iter().for_each(|inner| self.keep(*inner, again, rerun));
            }
        }
    }

    fn only(&self, step: &str, rerun: &mut Rerun) -> Result<(), PortionError> {
        let address = self.address(step)?;
        if self.plan.is_guard(step) {
            let why = "ends its block and does nothing else";
            return Err(PortionError::Unfit { step: step.to_owned(), why, instead: Some(step.to_owned()) });
        }
        if let Some(guard) = self.guard_before(address, &BTreeSet::new()) {
            return Err(PortionError::Unreached { step: step.to_owned(), guard });
        }
        for read in address.0.iter().flat_map(|place| self.plan.reads(*place)) {
            let missing =
                |why| PortionError::Missing { step: step.to_owned(), reads: read.path.to_string(), why };
            let is_undone = |undone: &String| self.nearest(undone) == Some(&*read.path);
            if self.recorded.undone.iter().any(is_undone) {
                return Err(missing("was undone"));
            }
            let kept = self.recorded.steps.get(&*read.path);
            let kept = kept.ok_or_else(|| missing("has no recorded output"))?;
            rerun.kept.insert(read.path.clone(), kept.clone());
        }
        rerun.only = Some(step.into());
        Ok(())
    }

    /// A guard that ended a block before it came to a step; one that is asked again is not meant.
    fn guard_before(&self, address: &Address, again: &BTreeSet<Place>) -> Option<String> {
        address.0.iter().find_map(|(block, step)| {
            let steps = self.plan.block(*block)?.steps.iter().zip(0..*step);
            let mut fired = steps.filter(|(guard, n)| {
                self.recorded.fired.contains(&*guard.path) && !again.contains(&(*block, *n))
            });
            fired.next().map(|(guard, _)| guard.path.to_string())
        })
    }

    fn address(&self, step: &str) -> Result<&Address, PortionError> {
        if let Some(address) = self.addresses.get(step) {
            return Ok(address);
        }
        let path = step_path(step);
        let instead = self.nearest(&path).map(str::to_owned);
        let several = |why| PortionError::Unfit { step: step.to_owned(), why, instead: instead.clone() };
        let is_there = self.plan.steps().any(|known| known == path);
        Err(match &instead {
            _ if !is_there => {
                let mut known: Vec<String> = self.addresses.keys().map(ToString::to_string).collect();
                known.sort();
                let near = did_you_mean(step, known.iter().map(String::as_str)).map(str::to_owned);
                known.truncate(NAMED);
                PortionError::Unknown { step: step.to_owned(), near, known }
            }
            _ if path != step => several("names one of several executions"),
            _ if path.split('.').any(|name| name == "on_error" || name == "compensate") => {
                several("runs only where something has failed")
            }
            Some(around) if self.is_repeated(around) => {
                several("is part of a step that is repeated, and runs as often as that")
            }
            _ => several("is the name of steps in several cases"),
        })
    }

    fn is_repeated(&self, path: &str) -> bool {
        let step = self.addresses.get(path).and_then(Address::step);
        let step = step.and_then(|(block, step)| self.plan.step(block, step));
        step.is_some_and(|step| !step.is_open())
    }

    /// The step itself, or the nearest around it that can be named.
    fn nearest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut path = path;
        loop {
            if self.addresses.contains_key(path) {
                return Some(path);
            }
            (path, _) = path.rsplit_once('.')?;
        }
    }
}

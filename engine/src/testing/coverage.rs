//! Which steps, sides of `when` and cases of `switch` tests have reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Setting;
use crate::compile::{Plan, Step, step_path};
use crate::source::Span;
use crate::vm::{Change, Trace};

/// What was reached, of all pathways that ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    pathways: BTreeSet<Arc<str>>,
    marks: BTreeSet<(Arc<str>, String, Mark)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Ran,
    /// Its `when` was false.
    LeftOut,
    Chose(usize),
}

/// Something that no test has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The path of the step.
    pub step: String,
    /// What of it.
    pub what: String,
    /// Where.
    pub span: Option<Span>,
}

/// How much of a pathway was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Its name.
    pub pathway: Arc<str>,
    /// Steps that ran, and all.
    pub steps: (usize, usize),
    /// Sides of `when` and cases of `switch` that were taken, and all.
    pub branches: (usize, usize),
    /// What was not reached, in the order written.
    pub gaps: Vec<Gap>,
}

impl Reached {
    /// Takes note of what happened in a run of `plan`; `claimed` says that the step was left out because
    /// another run had done it.
    pub(super) fn note(&mut self, plan: &Plan, trace: &Trace, claimed: bool) {
        self.pathways.insert(plan.name.clone());
        let mark = match &trace.change {
            Change::Begun { .. } | Change::Finished { .. } | Change::Failed { .. } => Mark::Ran,
            Change::Skipped if !claimed && !trace.instance.ends_with(']') => Mark::LeftOut,
            Change::Chose { block } => Mark::Chose(*block),
            _ => return,
        };
        self.marks.insert((plan.name.clone(), step_path(&trace.instance), mark));
    }

    /// Adds what others have reached.
    pub fn extend(&mut self, other: &Self) {
        self.pathways.extend(other.pathways.iter().cloned());
        self.marks.extend(other.marks.iter().cloned());
    }

    /// How much of each pathway that ran was reached.
    #[must_use]
    pub fn coverage(&self, setting: Setting<'_>) -> Vec<Coverage> {
        let plans = setting.program.pathways.values().filter(|plan| self.pathways.contains(&plan.name));
        plans.map(|plan| self.of(plan)).collect()
    }

    fn of(&self, plan: &Plan) -> Coverage {
        let mut coverage =
            Coverage { pathway: plan.name.clone(), steps: (0, 0), branches: (0, 0), gaps: Vec::new() };
        // Steps of the same path, in cases of a `switch`, count as one.
        let mut steps: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
        for step in plan.blocks.iter().flat_map(|block| &block.steps) {
            steps.entry(&step.path).or_default().push(step);
        }
        for (path, steps) in steps {
            let has = |mark: Mark| self.marks.contains(&(plan.name.clone(), path.to_owned(), mark));
            let span = plan.place(path);
            let mut miss = |what: String| coverage.gaps.push(Gap { step: path.to_owned(), what, span });
            let ran = has(Mark::Ran);
            coverage.steps.1 += 1;
            coverage.steps.0 += usize::from(ran);
            if !ran {
                miss("never ran".to_owned());
            }
            if steps.iter().any(|step| step.when.is_some()) {
                let left_out = has(Mark::LeftOut);
                coverage.branches.1 += 2;
                coverage.branches.0 += usize::from(ran) + usize::from(left_out);
                if !left_out {
                    miss("its `when` was never false".to_owned());
                }
            }
            let choices =
                steps.iter().map(|step| step.action.choices()).max_by_key(Vec::len).unwrap_or_default();
            if choices.len() > 1 {
                for (n, choice) in choices.into_iter().enumerate() {
                    let chosen = has(Mark::Chose(n));
                    coverage.branches.1 += 1;
                    coverage.branches.0 += usize::from(chosen);
                    if !chosen {
                        miss(format!("`{choice}` was never chosen"));
                    }
                }
            }
        }
        coverage.gaps.sort_by_key(|gap| gap.span.map(|span| span.start));
        coverage
    }
}

//! What happened to the steps of a run says when an iteration of a `while` begins, and when the step is
//! over. For whoever looks on, an iteration is over when the next one begins, or the step is.

use std::collections::HashMap;

use pathway_engine::Value;
use pathway_engine::vm::{Change, Trace};

/// The same, with the ends of iterations.
pub(super) fn with_ends(happened: Vec<Trace>) -> Vec<Trace> {
    // The last iteration of a step, where it is under way.
    let mut last: HashMap<String, String> = HashMap::new();
    let mut told = Vec::with_capacity(happened.len());
    for trace in happened {
        let (at, change) = (trace.at, &trace.change);
        if let Some(step) = step_of(&trace.instance) {
            match change {
                Change::Begun { .. } => {
                    let before = last.insert(step.to_owned(), trace.instance.clone());
                    if let Some(instance) = before.filter(|before| *before != trace.instance) {
                        let change = Change::Finished { output: Value::from(()) };
                        told.push(Trace { at, instance, change });
                    }
                }
                Change::Finished { .. } | Change::Failed { .. } | Change::Cancelled => {
                    last.remove(step);
                    // Of an item it is said with its last iteration only.
                    if step.ends_with(']') {
                        told.push(Trace { at, instance: step.to_owned(), change: change.clone() });
                    }
                }
                _ => {}
            }
        } else if let Change::Finished { .. } | Change::Failed { .. } | Change::Cancelled = change
            && let Some(instance) = last.remove(&trace.instance)
        {
            told.push(Trace { at, instance, change: change.clone() });
        }
        told.push(trace);
    }
    told
}

/// The step, of an iteration after its first: that is called as the step is.
fn step_of(instance: &str) -> Option<&str> {
    let (step, iteration) = instance.rsplit_once('~')?;
    iteration.bytes().all(|b| b.is_ascii_digit()).then_some(step)
}

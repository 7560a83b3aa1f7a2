//! Schedules: each tick is one run, and none is left out.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::journal::Kind;

use super::facts::{Facts, Known};
use super::{Kept, broken};

/// The pathway that begins by the clock.
pub(crate) const SCHEDULED: &str = "tock";
/// Seconds between two ticks.
const EVERY: i64 = 10;

/// From the first tick on, each has its run.
pub(crate) fn are_all_there(facts: &Facts) -> Kept {
    let mut seen = BTreeSet::new();
    for run in facts.runs().filter(|run| run.pathway == SCHEDULED && run.rerun_of.is_none()) {
        let tick = tick(run);
        if !seen.insert(tick) {
            return broken("a tick is one run", format!("{tick} is two"), [run.public_id.clone()]);
        }
    }
    for (tick, next) in seen.iter().zip(seen.iter().skip(1)) {
        if next.as_second() - tick.as_second() != EVERY {
            return broken("no tick is left out", format!("{next} came after {tick}"), [SCHEDULED]);
        }
    }
    Ok(())
}

fn tick(run: &Known) -> Timestamp {
    let Kind::Started(started) = &run.events[0].kind else { panic!("it did not begin") };
    let at = started.input.get_attr("at").unwrap_or(Value::UNDEFINED);
    at.as_str().unwrap().parse().unwrap()
}

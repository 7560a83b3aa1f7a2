//! A run as a trace that Perfetto and Chrome show: a process, whose threads are lanes into which attempts
//! are packed so that none covers another, and how many steps run.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::operations::{Bar, Timeline};

/// The only process.
const PROCESS: u32 = 1;

/// The trace, in the format of `chrome://tracing`.
pub(super) fn trace(timeline: &Timeline) -> Json {
    let micros = |at: Timestamp| at.duration_since(timeline.from).as_micros();
    let about = |name: &str, lane: usize, value: &str| json!({ "ph": "M", "pid": PROCESS, "tid": lane, "name": name, "args": { "name": value } });
    let mut events = vec![about("process_name", 0, &format!("{} {}", timeline.pathway, timeline.id))];
    let mut bars: Vec<(&str, &Bar)> =
        timeline.rows.iter().flat_map(|row| row.bars.iter().map(|bar| (row.path.as_str(), bar))).collect();
    // Of those that begin together the longest, which holds the others, comes first.
    bars.sort_by_key(|(_, bar)| (bar.from, std::cmp::Reverse(bar.times(timeline.to).0)));
    let mut free: Vec<i128> = Vec::new();
    for (path, bar) in bars {
        let (to, turn) = bar.times(timeline.to);
        let (from, turn) = (micros(bar.from), micros(turn));
        // What took no time shall be seen, too.
        let to = micros(to).max(from + 1);
        let lane = free.iter().position(|free| *free <= from).unwrap_or(free.len());
        match free.get_mut(lane) {
            Some(free) => *free = to,
            None => {
                events.push(about("thread_name", lane + 1, &format!("lane {}", lane + 1)));
                free.push(to);
            }
        }
        let slice = |name: String, from: i128, to: i128| {
            let result = bar.result.as_deref().unwrap_or("under way");
            let arguments = json!({ "step": path, "attempt": bar.attempt, "result": result });
            json!({
                "ph": "X", "pid": PROCESS, "tid": lane + 1, "name": name, "cat": "step",
                "ts": from, "dur": to - from, "args": arguments,
            })
        };
        let name = if bar.attempt > 1 { format!("{path}, attempt {}", bar.attempt) } else { path.to_owned() };
        events.push(slice(name, from, to));
        if turn > from {
            events.push(slice("waits for its turn".to_owned(), from, turn.min(to)));
        }
    }
    events.extend(running(timeline).into_iter().map(|(at, count)| {
        json!({ "ph": "C", "pid": PROCESS, "name": "running steps", "ts": micros(at), "args": { "steps": count } })
    }));
    let mut trace = json!({ "displayTimeUnit": "ms", "traceEvents": events });
    if let (Some(untold), Some(trace)) = (&timeline.untold, trace.as_object_mut()) {
        trace.insert("otherData".to_owned(), json!({ "untold": untold }));
    }
    trace
}

/// How many steps run from each time on at which that changes. Those that hold others do not count.
fn running(timeline: &Timeline) -> Vec<(Timestamp, i64)> {
    let mut changes: Vec<(Timestamp, i64)> = Vec::new();
    for bar in timeline.leaves().flat_map(|row| &row.bars) {
        let (to, turn) = bar.times(timeline.to);
        changes.push((turn, 1));
        if bar.to.is_some() {
            changes.push((to, -1));
        }
    }
    changes.sort_unstable();
    let mut count = 0;
    let mut counted: Vec<(Timestamp, i64)> = Vec::new();
    for (at, change) in changes {
        count += change;
        match counted.last_mut().filter(|(last, _)| *last == at) {
            Some((_, last)) => *last = count,
            None => counted.push((at, count)),
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::cli::runs::timeline::tests::timelines;

    proptest! {
        #[test]
        fn every_attempt_is_a_slice_and_none_covers_another(timeline in timelines()) {
            let trace = trace(&timeline);
            let events = trace["traceEvents"].as_array().unwrap();
            let of = |kind: &'static str| events.iter().filter(move |event| event["ph"] == kind);
            let (waits, slices): (Vec<_>, Vec<_>) = of("X").partition(|slice| slice["name"] == "waits for its turn");
            let span = |slice: &Json| {
                let from = slice["ts"].as_i64().unwrap();
                (from, from + slice["dur"].as_i64().unwrap())
            };
            prop_assert_eq!(slices.len(), timeline.rows.iter().map(|row| row.bars.len()).sum::<usize>());
            let mut lanes: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
            for slice in &slices {
                lanes.entry(slice["tid"].as_i64().unwrap()).or_default().push(span(slice));
            }
            for spans in lanes.values_mut() {
                spans.sort_unstable();
                prop_assert!(spans.windows(2).all(|two| two[0].1 <= two[1].0), "{:?}", spans);
            }
            for wait in waits {
                let (from, to) = span(wait);
                let within = |slice: &&&Json| slice["tid"] == wait["tid"] && span(slice).0 == from && to <= span(slice).1;
                prop_assert!(slices.iter().any(|slice| within(&slice)), "{}", wait);
            }
            prop_assert_eq!(of("M").filter(|event| event["name"] == "thread_name").count(), lanes.len());
            let counts: Vec<i64> = of("C").map(|event| event["args"]["steps"].as_i64().unwrap()).collect();
            prop_assert!(counts.iter().all(|count| *count >= 0), "{:?}", counts);
            let open = timeline.leaves().flat_map(|row| &row.bars).filter(|bar| bar.to.is_none()).count();
            prop_assert_eq!(counts.last().copied().unwrap_or_default(), open as i64);
        }
    }
}

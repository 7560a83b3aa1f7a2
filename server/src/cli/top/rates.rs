//! What two looks differ in, for each second of the time between.

use std::time::Duration;

use serde::Serialize;

use crate::operations::{Bucket, Overview, Pathway};

/// What happened of a pathway, for each second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Rate {
    pub(super) pathway: String,
    /// Runs that began.
    pub(super) started: f64,
    /// Runs that succeeded, or were called off.
    pub(super) done: f64,
    /// Runs that failed, or were parked.
    pub(super) failed: f64,
    /// Half of them took no longer, in seconds; none: none has ended.
    pub(super) p50: Option<f64>,
    /// Ninety-nine of a hundred did not.
    pub(super) p99: Option<f64>,
}

/// Of each pathway of now: what came since `before`, or since it was first counted.
pub(super) fn rates(now: &Overview, before: Option<&Overview>, over: Duration) -> Vec<Rate> {
    let rate = |pathway: &Pathway| {
        let before = before.and_then(|it| it.pathways.iter().find(|old| old.name == pathway.name));
        let since = |count: fn(&Pathway) -> u64| {
            per_second(count(pathway).saturating_sub(before.map_or(0, count)), over)
        };
        let took = before.map_or_else(|| pathway.took.buckets.clone(), |old| came(pathway, old));
        Rate {
            pathway: pathway.name.clone(),
            started: since(|it| it.started),
            done: since(|it| it.succeeded + it.cancelled),
            failed: since(|it| it.failed + it.parked),
            p50: quantile(&took, 0.5),
            p99: quantile(&took, 0.99),
        }
    };
    now.pathways.iter().map(rate).collect()
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn per_second(count: u64, over: Duration) -> f64 {
    let seconds = over.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// How long the runs took that ended between.
fn came(now: &Pathway, before: &Pathway) -> Vec<Bucket> {
    let old = before.took.buckets.iter().map(|bucket| bucket.count).chain(std::iter::repeat(0));
    let new = now.took.buckets.iter().zip(old);
    new.map(|(bucket, old)| Bucket { count: bucket.count.saturating_sub(old), ..*bucket }).collect()
}

/// How long that part of all took at most, as if those of a bucket were evenly spread. Of what took longer
/// than all bounds only the last of these is known.
#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn quantile(buckets: &[Bucket], part: f64) -> Option<f64> {
    let all: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    if all == 0 {
        return None;
    }
    let rank = part * all as f64;
    let (mut below, mut from) = (0.0, 0.0);
    for Bucket { up_to, count } in buckets {
        let count = *count as f64;
        let Some(to) = up_to else { break };
        if count > 0.0 && below + count >= rank {
            return Some(from + (to - from) * ((rank - below) / count));
        }
        (below, from) = (below + count, *to);
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// It is in the bucket of the one that is meant, whatever the counts are.
        #[test]
        fn a_quantile_is_where_the_one_of_that_rank_is(
            counts in proptest::collection::vec(0_u64..50, 1..8), part in 0.01_f64..1.0
        ) {
            let bounds: Vec<Option<f64>> = (1..counts.len()).map(|n| Some(n as f64)).chain([None]).collect();
            let buckets: Vec<Bucket> =
                bounds.iter().zip(&counts).map(|(up_to, count)| Bucket { up_to: *up_to, count: *count }).collect();
            let all: Vec<f64> = (0..counts.len())
                .flat_map(|n| std::iter::repeat_n(n as f64, usize::try_from(counts[n]).unwrap()))
                .collect();
            let found = quantile(&buckets, part);
            prop_assert_eq!(found.is_some(), !all.is_empty());
            let Some(found) = found else { return Ok(()) };
            let rank = ((part * all.len() as f64).ceil() as usize).clamp(1, all.len());
            let from = all[rank - 1];
            let last = (counts.len() - 1) as f64;
            prop_assert!(found >= from.min(last) && found <= (from + 1.0).min(last), "{} of {:?}", found, counts);
        }
    }
}

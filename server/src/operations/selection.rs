//! Which parked runs are redriven together.

use std::num::NonZeroU32;

use jiff::Timestamp;
use pathway_engine::vm::Class;
use serde::{Deserialize, Serialize};

use super::{Error, MOST, find};
use crate::gateway::outcome;
use crate::runner::Version;
use crate::store::{Run, Status, Store};

/// Runs that are looked at in one go.
const PAGE: u32 = 500;

/// Parked runs, by what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Only of this pathway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pathway: Option<String>,
    /// Only those that failed with this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Only those admitted so many seconds ago, or longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<u32>,
    /// Only those admitted after this one, by its id: to go on where a redrive ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
    /// At most so many a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
    /// By which definition they go on.
    pub definition: Version,
    /// Only tells which they are.
    pub dry_run: bool,
}

impl Selection {
    /// The runs, the oldest first, and whether there are more.
    pub(super) async fn select(&self, store: &dyn Store, now: Timestamp) -> Result<(Vec<Run>, bool), Error> {
        let limit = self.limit.map_or(MOST, NonZeroU32::get).min(MOST) as usize;
        let mut after = match &self.after {
            Some(id) => Some(find(store, id).await?.id),
            None => None,
        };
        let mut selected = Vec::new();
        loop {
            let page = store.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok((selected, false)) };
            after = Some(last.id);
            for run in page.into_iter().filter(|run| self.admits(run, now)) {
                if selected.len() == limit {
                    return Ok((selected, true));
                }
                selected.push(run);
            }
        }
    }

    fn admits(&self, run: &Run, now: Timestamp) -> bool {
        let age = || now.as_millisecond().saturating_sub(run.created_at);
        run.status == Status::Parked
            && self.pathway.as_ref().is_none_or(|pathway| *pathway == run.pathway)
            && self.older_than.is_none_or(|seconds| age() >= i64::from(seconds) * 1000)
            && self
                .class
                .is_none_or(|class| matches!(outcome::of(run), Some(Err(failure)) if failure.class == class))
    }
}

//! What was seen of a server so far: the last look, the one before, and since when it does not answer.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::rates::{Rate, rates};
use crate::cli::Failure;
use crate::operations::Overview;

/// What was seen of a server.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) url: String,
    pub(super) now: Overview,
    /// When that was, by our clock.
    at: Instant,
    /// What was seen before of the same process, and how long before.
    pub(super) before: Option<(Overview, Duration)>,
    pub(super) away: Option<Away>,
}

/// A server that does not answer.
#[derive(Debug)]
pub(super) struct Away {
    pub(super) since: Timestamp,
    pub(super) why: String,
}

/// A look, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    #[serde(flatten)]
    overview: &'a Overview,
    /// Seconds that rates are of.
    over: f64,
    rates: Vec<Rate>,
}

impl Seen {
    pub(super) fn new(url: String, now: Overview, at: Instant) -> Self {
        Self { url, now, at, before: None, away: None }
    }

    /// It was seen again. Another process counts anew.
    pub(super) fn see(&mut self, url: String, now: Overview, at: Instant) {
        let is_same = now.since == self.now.since;
        let before = std::mem::replace(&mut self.now, now);
        self.before = is_same.then(|| (before, at.duration_since(self.at)));
        (self.url, self.at, self.away) = (url, at, None);
    }

    /// It did not answer.
    pub(super) fn miss(&mut self, failure: &Failure, now: Timestamp) {
        let since = self.away.as_ref().map_or(now, |away| away.since);
        self.away = Some(Away { since, why: failure.to_string() });
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    pub(super) fn why_away(&self) -> Option<&str> {
        self.away.as_ref().map(|away| away.why.as_str())
    }

    /// How long rates are of: what passed since the look before, or else since it began.
    pub(super) fn over(&self) -> Duration {
        match &self.before {
            Some((_, passed)) => *passed,
            None => Duration::try_from(self.now.now.duration_since(self.now.since)).unwrap_or_default(),
        }
    }

    pub(super) fn rates(&self) -> Vec<Rate> {
        rates(&self.now, self.before.as_ref().map(|(before, _)| before), self.over())
    }

    pub(super) fn told(&self) -> Told<'_> {
        Told { overview: &self.now, over: self.over().as_secs_f64(), rates: self.rates() }
    }
}

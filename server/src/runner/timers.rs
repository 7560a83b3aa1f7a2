//! What a run has set to be woken by.
//!
//! What is to last a while is measured by the time that passes, not by the clock: that may be set forth
//! and back, or be another one than that of the process which had the run before. Only who waits for a
//! time of the calendar goes by the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::Clock;

/// When a timer is due, by the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    /// From when on time is to pass until then; none: it is a time of the calendar.
    pub(super) since: Option<Timestamp>,
}

/// See above.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeMap<(Instant, u64), Due>);

impl Timers {
    /// Sets a timer.
    pub(super) fn set(&mut self, timer: u64, due: Due, clock: &Clock) {
        let left = between(clock.now(), due.at);
        // A clock that is behind makes nobody wait longer than all of it.
        let wait = due.since.map_or(left, |since| left.min(between(since, due.at)));
        self.0.insert((Instant::now() + wait, timer), due);
    }

    /// Those that are set.
    pub(super) fn ids(&self) -> BTreeSet<u64> {
        self.0.keys().map(|(_, timer)| *timer).collect()
    }

    /// After how long the next may be due.
    pub(super) fn next(&self) -> Option<Duration> {
        let ((at, _), _) = self.0.first_key_value()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Takes one that is due, and when it was to be.
    pub(super) fn take(&mut self, clock: &Clock) -> Option<(u64, Timestamp)> {
        let now = Instant::now();
        loop {
            let first = self.0.first_entry().filter(|first| first.key().0 <= now)?;
            let ((_, timer), due) = first.remove_entry();
            if due.since.is_some() || due.at <= clock.now() {
                return Some((timer, due.at));
            }
            // The clock was set back.
            self.set(timer, due, clock);
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const SPAN: Duration = Duration::from_secs(10);

    fn clock() -> (Clock, impl Fn(i64)) {
        let ahead = Arc::new(Mutex::new(0));
        let (started, told) = (Instant::now(), ahead.clone());
        let start = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1000);
        let now = move || {
            let ahead = jiff::SignedDuration::from_secs(*told.lock().unwrap());
            start + started.elapsed() + ahead
        };
        (Clock::new(now), move |seconds| *ahead.lock().unwrap() = seconds)
    }

    /// After how many seconds it fires; it is looked at each second.
    async fn fires(timers: &mut Timers, clock: &Clock) -> u64 {
        let began = Instant::now();
        while timers.take(clock).is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_last_a_while_lasts_so_long_whatever_the_clock_says() {
        for ahead in [0, 5, -5, 3600, -3600] {
            let ((clock, set), mut timers) = (clock(), Timers::default());
            let now = clock.now();
            timers.set(0, Due { at: now + SPAN, since: Some(now) }, &clock);
            set(ahead);
            assert_eq!(fires(&mut timers, &clock).await, 10, "a clock {ahead} s ahead");
            // As a process takes it up that has another clock.
            set(-ahead.abs());
            timers.set(0, Due { at: now + SPAN, since: Some(now) }, &clock);
            assert!(fires(&mut timers, &clock).await <= 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_the_calendar_is_waited_for_by_the_clock() {
        for (ahead, after) in [(0, 10), (-5, 15), (-3600, 3610)] {
            let ((clock, set), mut timers) = (clock(), Timers::default());
            timers.set(0, Due { at: clock.now() + SPAN, since: None }, &clock);
            set(ahead);
            assert_eq!(fires(&mut timers, &clock).await, after, "a clock {ahead} s ahead");
        }
    }
}

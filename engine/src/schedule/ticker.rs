//! Which ticks are due: those that come, and of those that were missed the latest.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Calendar;

/// A tick that would be later than this was missed.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// A schedule as time passes.
#[derive(Debug, Clone)]
pub struct Ticker {
    calendar: Calendar,
    catch_up: u32,
    /// The last tick that is settled, or when there was none yet.
    last: Timestamp,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The ticks, in their order.
    pub ticks: Vec<Timestamp>,
    /// Whether others were missed before them that are not made up for.
    pub missed: bool,
}

impl Ticker {
    /// A schedule whose ticks up to `last` are settled. Of those that are missed, the latest
    /// `catch_up` are made up for.
    #[must_use]
    pub const fn new(calendar: Calendar, catch_up: u32, last: Timestamp) -> Self {
        Self { calendar, catch_up, last }
    }

    /// Its calendar.
    #[must_use]
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// What is due at `now`. It stays due until it is [settled](Ticker::settle). A tick is on
    /// time if it is at most a minute late and none is due after it; all others were missed.
    #[must_use]
    pub fn due(&mut self, now: Timestamp) -> Due {
        // The clock was set back by more than it usually is: ticks that come again are the same
        // ones, and start nothing twice.
        if self.last.duration_since(now) > LATE {
            self.last = now;
        }
        let wanted = usize::try_from(self.catch_up).unwrap_or(usize::MAX).saturating_add(2);
        let mut ticks = self.calendar.latest(self.last, now, wanted);
        let on_time = ticks.last().is_some_and(|tick| now.duration_since(*tick) <= LATE);
        let kept = wanted - if on_time { 1 } else { 2 };
        let missed = ticks.len() > kept;
        let newest = ticks.last().copied();
        ticks.drain(..ticks.len().saturating_sub(kept));
        if let (true, Some(newest)) = (ticks.is_empty(), newest) {
            self.settle(newest);
        }
        Due { ticks, missed }
    }

    /// Ticks up to `tick` are done with.
    pub fn settle(&mut self, tick: Timestamp) {
        self.last = self.last.max(tick);
    }

    /// How long it is until the next tick; none: it is out of reach.
    #[must_use]
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        let next = self.calendar.next(self.last)?;
        Some(Duration::try_from(next.duration_since(now)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ticker(cron: &str, catch_up: u32, last: &str) -> Ticker {
        Ticker::new(Calendar::new(cron, TimeZone::UTC).unwrap(), catch_up, at(last))
    }

    #[test]
    fn a_tick_is_due_at_its_time_until_it_is_settled() {
        let mut ticker = ticker("0 3 * * *", 0, "2024-05-01T12:00:00Z");
        assert_eq!(ticker.due(at("2024-05-02T02:59:59.999Z")), Due::default());
        assert_eq!(ticker.wait(at("2024-05-02T02:59:00Z")), Some(Duration::from_secs(60)));
        let due = Due { ticks: vec![at("2024-05-02T03:00:00Z")], missed: false };
        assert_eq!(ticker.due(at("2024-05-02T03:00:00Z")), due);
        assert_eq!(ticker.due(at("2024-05-02T03:00:59Z")), due);
        assert_eq!(ticker.wait(at("2024-05-02T03:00:59Z")), Some(Duration::ZERO));
        ticker.settle(at("2024-05-02T03:00:00Z"));
        assert_eq!(ticker.due(at("2024-05-02T03:00:59Z")), Due::default());
        assert_eq!(ticker.wait(at("2024-05-03T02:00:00Z")), Some(Duration::from_secs(3600)));
    }

    #[test]
    fn of_those_that_were_missed_the_latest_are_made_up_for() {
        let due = |catch_up, now| {
            let due = ticker("0 * * * *", catch_up, "2024-05-01T00:00:00Z").due(at(now));
            (due.ticks.iter().map(|tick| tick.strftime("%H").to_string()).collect::<Vec<_>>(), due.missed)
        };
        assert_eq!(due(0, "2024-05-01T05:30:00Z"), (vec![], true));
        assert_eq!(due(1, "2024-05-01T05:30:00Z"), (vec!["05".to_owned()], true));
        assert_eq!(due(9, "2024-05-01T02:30:00Z"), (vec!["01".to_owned(), "02".to_owned()], false));
        // One is on time, and missed are those before it.
        assert_eq!(due(0, "2024-05-01T05:00:30Z"), (vec!["05".to_owned()], true));
        assert_eq!(due(1, "2024-05-01T02:00:30Z"), (vec!["01".to_owned(), "02".to_owned()], false));
    }

    #[test]
    fn what_is_not_made_up_for_is_not_waited_for() {
        let mut ticker = ticker("0 3 * * *", 0, "2024-05-01T00:00:00Z");
        let now = at("2024-05-03T04:00:00Z");
        assert_eq!(ticker.due(now), Due { ticks: vec![], missed: true });
        assert_eq!(ticker.wait(now), Some(Duration::from_secs(23 * 3600)));
    }

    #[test]
    fn a_clock_that_was_wrong_stops_nothing() {
        let mut ticker = ticker("0 * * * *", 1, "2034-05-01T00:00:00Z");
        assert_eq!(ticker.due(at("2024-05-01T00:59:00Z")), Due::default());
        assert_eq!(ticker.due(at("2024-05-01T01:00:00Z")).ticks, [at("2024-05-01T01:00:00Z")]);
        // A little back is not set back: the tick is not due again.
        ticker.settle(at("2024-05-01T01:00:00Z"));
        assert_eq!(ticker.due(at("2024-05-01T00:59:59Z")), Due::default());
        assert_eq!(ticker.due(at("2024-05-01T01:00:00Z")), Due::default());
    }

    proptest! {
        /// However it is asked, no tick comes twice, none is early, all come in order, and who
        /// asks in time gets all.
        #[test]
        fn each_tick_comes_once(
            waits in prop::collection::vec(1i64..400, 1..60),
            catch_up in 0u32..4,
            cron in prop::sample::select(vec!["* * * * *", "*/7 * * * * *", "1,2,30 0-3 * * *"]),
        ) {
            let mut now = at("2024-05-01T00:00:00Z");
            let mut ticker = Ticker::new(Calendar::new(cron, TimeZone::UTC).unwrap(), catch_up, now);
            let (mut seen, mut prompt) = (vec![now], true);
            for wait in waits {
                prompt &= ticker.wait(now).unwrap() >= Duration::from_secs(wait as u64 - 1);
                now += SignedDuration::from_secs(wait);
                let due = ticker.due(now);
                prop_assert!(due.ticks.len() <= catch_up as usize + 1);
                for tick in due.ticks {
                    prop_assert!(tick > *seen.last().unwrap() && tick <= now);
                    seen.push(tick);
                    ticker.settle(tick);
                }
                prop_assert!(ticker.due(now).ticks.is_empty());
                prop_assert!(ticker.wait(now).unwrap() > Duration::ZERO);
                if prompt {
                    prop_assert!(!due.missed);
                }
            }
        }
    }
}

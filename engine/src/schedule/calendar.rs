//! The times that a cron expression means in a time zone.
//!
//! Where the clock is put forward, a time that is left out still ticks: once, when the clock
//! shows time again. Where it is put back, a time that comes twice ticks at its first turn. An
//! expression that names no hours (`*`, `*/2`) is about time that passes rather than about
//! hours of a day: it ticks by the clock throughout, so that every five minutes stay that.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Fields of an expression: what each is called and what it may be.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, `L` or `W`"),
    ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT, `#` or `L`"),
];
/// Bytes of an expression.
const LONGEST: usize = 256;

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
    /// Whether it names hours of a day.
    names_hours: bool,
}

/// What is wrong with a cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// It has so many fields, not five or six.
    Fields(usize),
    /// This field cannot be read.
    Field {
        /// What stands there.
        text: String,
        /// What the field is called.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// There is no such time.
    Never,
}

/// The time zone called `name` in the database of time zones.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The names of all time zones.
pub fn zones() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.to_string()).collect()
}

impl Calendar {
    /// The times that `text` means in `zone`: five fields, six with seconds first, or one of
    /// `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`.
    ///
    /// # Errors
    /// What is wrong with `text`.
    pub fn new(text: &str, zone: TimeZone) -> Result<Self, Mistake> {
        let cron = parse(text)?;
        let fields: Vec<_> = text.split_whitespace().collect();
        // Counted from the end, since seconds may be left out.
        let names_hours = match fields.iter().rev().nth(3) {
            Some(hours) => !hours.starts_with('*'),
            None => !text.trim().eq_ignore_ascii_case("@hourly"),
        };
        let calendar = Self { cron, zone, names_hours };
        // Calendars repeat: what does not come after this does not come.
        match calendar.cron.find_next_occurrence(&DateTime::constant(2000, 1, 1, 0, 0, 0, 0), true) {
            Ok(_) => Ok(calendar),
            Err(_) => Err(Mistake::Never),
        }
    }

    /// The first tick after `after`.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = after.to_zoned(self.zone.clone());
        if !self.names_hours {
            return self.cron.find_next_occurrence(&start, false).ok().map(|tick| tick.timestamp());
        }
        let mut civil = start.datetime();
        loop {
            civil = self.cron.find_next_occurrence(&civil, false).ok()?;
            let tick = self.resolve(civil)?;
            if tick > after {
                return Some(tick);
            }
        }
    }

    /// The latest ticks after `after` and not after `until`, at most `count`, in their order.
    #[must_use]
    pub fn latest(&self, after: Timestamp, until: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut ticks = Vec::new();
        let mut at = until;
        while ticks.len() < count
            && let Some(tick) = self.last(at).filter(|tick| *tick > after)
        {
            ticks.push(tick);
            let Ok(before) = tick.checked_sub(SignedDuration::from_nanos(1)) else { break };
            at = before;
        }
        ticks.reverse();
        ticks
    }

    /// The last tick that is not after `until`.
    fn last(&self, until: Timestamp) -> Option<Timestamp> {
        let start = until.to_zoned(self.zone.clone());
        if !self.names_hours {
            return self.cron.find_previous_occurrence(&start, true).ok().map(|tick| tick.timestamp());
        }
        let mut civil = start.datetime();
        let mut found = None;
        // In the second turn of an hour, its later times have ticked already.
        while let Ok(after) = self.cron.find_next_occurrence(&civil, false)
            && let Some(tick) = self.resolve(after).filter(|tick| *tick <= until)
        {
            (civil, found) = (after, Some(tick));
        }
        if found.is_some() {
            return found;
        }
        let mut inclusive = true;
        loop {
            civil = self.cron.find_previous_occurrence(&civil, inclusive).ok()?;
            inclusive = false;
            if let Some(tick) = self.resolve(civil).filter(|tick| *tick <= until) {
                return Some(tick);
            }
        }
    }

    /// When the clock shows `civil` first, or shows time again where it does not.
    fn resolve(&self, civil: DateTime) -> Option<Timestamp> {
        let zoned = self.zone.to_ambiguous_zoned(civil);
        match zoned.offset() {
            // What the clock would show with the offset of before, the gap lies between.
            AmbiguousOffset::Gap { before, .. } => {
                let within = before.to_timestamp(civil).ok()?;
                let nanosecond = SignedDuration::from_nanos(1);
                self.zone.preceding(within.checked_add(nanosecond).ok()?).next().map(|it| it.timestamp())
            }
            _ => zoned.earlier().ok().map(|zoned| zoned.timestamp()),
        }
    }

    /// A time as its zone shows it, in the form of RFC 3339.
    #[must_use]
    pub fn show(&self, tick: Timestamp) -> String {
        tick.display_with_offset(self.zone.to_offset(tick)).to_string()
    }
}

fn parse(text: &str) -> Result<Cron, Mistake> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let fields: Vec<_> = text.split_whitespace().collect();
    let is_name = matches!(fields.as_slice(), [name] if name.starts_with('@'));
    let names = match fields.len() {
        5 => FIELDS.get(1..),
        6 => FIELDS.get(..),
        1 if is_name => None,
        n => return Err(Mistake::Fields(n)),
    };
    if text.len() <= LONGEST
        && let Ok(cron) = parser.parse(text)
    {
        return Ok(cron);
    }
    for (n, (field, (name, range))) in fields.iter().zip(names.unwrap_or_default()).enumerate() {
        let mut alone = vec!["*"; fields.len()];
        if let Some(place) = alone.get_mut(n) {
            *place = field;
        }
        if field.len() > LONGEST || parser.parse(&alone.join(" ")).is_err() {
            let text = field.chars().take(40).collect();
            return Err(Mistake::Field { text, name, range });
        }
    }
    Err(Mistake::Fields(fields.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calendar(cron: &str, name: &str) -> Calendar {
        Calendar::new(cron, zone(name).unwrap()).unwrap()
    }

    /// The ticks of a day, as their zone shows them.
    fn day(cron: &str, name: &str, date: &str) -> Vec<String> {
        let calendar = calendar(cron, name);
        let date: jiff::civil::Date = date.parse().unwrap();
        let start = |date: jiff::civil::Date| date.to_zoned(zone(name).unwrap()).unwrap().timestamp();
        let mut at = start(date) - SignedDuration::from_nanos(1);
        let mut ticks = Vec::new();
        while let Some(tick) = calendar.next(at).filter(|tick| *tick < start(date.tomorrow().unwrap())) {
            ticks.push(calendar.show(tick));
            at = tick;
        }
        ticks
    }

    #[test]
    fn five_fields_six_and_names() {
        assert_eq!(day("0 3 * * *", "Asia/Kolkata", "2024-05-01"), ["2024-05-01T03:00:00+05:30"]);
        assert_eq!(day("0 3 1 * *", "Asia/Kolkata", "2024-05-02"), [""; 0]);
        assert_eq!(day("30 0 6 * * *", "UTC", "2024-05-01"), ["2024-05-01T06:00:30+00:00"]);
        assert_eq!(day("@daily", "Europe/Paris", "2024-05-01"), ["2024-05-01T00:00:00+02:00"]);
        assert_eq!(day("@hourly", "UTC", "2024-05-01").len(), 24);
        assert_eq!(day("0 9 * * mon-fri", "UTC", "2024-05-04"), [""; 0], "a Saturday");
        assert_eq!(day("0 0 L * *", "UTC", "2024-02-29").len(), 1, "the last of a month");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| Calendar::new(text, TimeZone::UTC).unwrap_err();
        let field = |text: &str| match wrong(text) {
            Mistake::Field { text, name, .. } => (text, name),
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(""), Mistake::Fields(0));
        assert_eq!(wrong("* * * *"), Mistake::Fields(4));
        assert_eq!(wrong("0 0 0 * * * 2024"), Mistake::Fields(7));
        assert_eq!(wrong("@fortnightly"), Mistake::Fields(1));
        assert_eq!(field("61 * * * *"), ("61".to_owned(), "minute"));
        assert_eq!(field("0 24 * * *"), ("24".to_owned(), "hour"));
        assert_eq!(field("0 0 * * someday"), ("someday".to_owned(), "day of the week"));
        assert_eq!(field("61 0 0 * * *"), ("61".to_owned(), "second"));
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert_eq!(wrong(never), Mistake::Never, "{never}");
        }
        assert!(zone("Asia/Kolkatta").is_none());
        assert!(zones().iter().any(|name| name == "Asia/Kolkata"));
    }

    #[test]
    fn a_time_that_is_left_out_ticks_once_when_the_clock_goes_on() {
        let day = |cron| day(cron, "America/New_York", "2024-03-10");
        assert_eq!(day("30 2 * * *"), ["2024-03-10T03:00:00-04:00"]);
        assert_eq!(day("0 2 * * *"), ["2024-03-10T03:00:00-04:00"]);
        assert_eq!(day("*/15 2 * * *"), ["2024-03-10T03:00:00-04:00"]);
        assert_eq!(day("0,30 2,3 * * *"), ["2024-03-10T03:00:00-04:00", "2024-03-10T03:30:00-04:00"]);
        // Nothing is owed for time that did not pass.
        assert_eq!(day("0 * * * *").len(), 23);
        assert_eq!(day("*/30 * * * *").len(), 46);
    }

    #[test]
    fn a_time_that_comes_twice_ticks_once() {
        let day = |cron| day(cron, "America/New_York", "2024-11-03");
        assert_eq!(day("30 1 * * *"), ["2024-11-03T01:30:00-04:00"]);
        assert_eq!(day("0,30 1,2 * * *").len(), 4);
        // Where no hour is named, it ticks for the time that passes.
        assert_eq!(day("0 * * * *").len(), 25);
        assert_eq!(day("*/30 * * * *").len(), 50);
    }

    #[test]
    fn a_day_that_is_left_out_ticks_when_the_next_begins() {
        let day = |date| day("0 12 * * *", "Pacific/Apia", date);
        assert_eq!(day("2011-12-31"), ["2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"]);
    }

    fn crons() -> impl Strategy<Value = String> {
        let minute = prop_oneof!["[0-9]", "[1-5][0-9]", Just("*".to_owned()), Just("*/20".to_owned())];
        let hour = prop_oneof!["[0-4]", "[0-2],[2-4]", Just("*".to_owned()), Just("*/3".to_owned())];
        (minute, hour).prop_map(|(minute, hour)| format!("{minute} {hour} * * *"))
    }

    const ZONES: [&str; 5] =
        ["America/New_York", "Europe/Paris", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns"];

    proptest! {
        /// Forward and backward, from wherever, in the months in which clocks change.
        #[test]
        fn ticks_are_the_same_both_ways(
            cron in crons(),
            zone in prop::sample::select(&ZONES[..]),
            year in 1980i16..2030,
            month in prop::sample::select(vec![3i8, 4, 9, 10, 11]),
            day in 1i8..=28,
            hours in 1i64..100,
        ) {
            let calendar = calendar(&cron, zone);
            let first = jiff::civil::date(year, month, day).to_zoned(TimeZone::UTC).unwrap().timestamp();
            let until = first + SignedDuration::from_hours(hours);
            let mut forward = Vec::new();
            let mut at = first;
            while let Some(tick) = calendar.next(at).filter(|tick| *tick <= until) {
                prop_assert!(tick > at);
                forward.push(tick);
                at = tick;
            }
            prop_assert_eq!(calendar.latest(first, until, usize::MAX), forward);
        }

        #[test]
        fn no_text_is_too_strange(text in "[ -~]{0,30}|[-0-9*/,#LW?+@ ]{0,30}|\\PC{0,20}") {
            if let Ok(calendar) = Calendar::new(&text, TimeZone::UTC) {
                let now = Timestamp::from_second(1_700_000_000).unwrap();
                prop_assert!(calendar.next(now).is_some());
            }
        }
    }
}

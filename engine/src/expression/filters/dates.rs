//! Dates and times, as text: `2024-05-20`, `2024-05`, or RFC 3339. All in UTC.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::{Call, Definition, Undefined, optional, required, text};
use crate::Value;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "date",
        parameters: &[optional("format", "'%Y-%m-%d'")],
        about: "The date of a date, a time (in UTC) or a month `YYYY-MM`, in a strftime format.",
        examples: &[
            ("'2024-05-20T23:30:00-02:00' | date", r#""2024-05-21""#),
            ("'2024-05' | date", r#""2024-05-01""#),
            ("'2024-05-20' | date('%Y-%m')", r#""2024-05""#),
            ("'2024-05-20T08:05:00Z' | date('%d.%m.%Y %H:%M')", r#""20.05.2024 08:05""#),
        ],
        undefined: Undefined::Refused,
        function: date,
    },
    Definition {
        name: "start_of",
        parameters: &[required("period")],
        about: "The first day, or moment, of its `day`, `week` (from Monday), `month` or `year`; `monthly` and the like do as well.",
        examples: &[
            ("'2024-05-20' | start_of('month')", r#""2024-05-01""#),
            ("'2024-05-22' | start_of('week')", r#""2024-05-20""#),
            ("'2024-05-20T08:05:00Z' | start_of('yearly')", r#""2024-01-01T00:00:00Z""#),
        ],
        undefined: Undefined::Refused,
        function: |call| period(call, |start, _| Ok(start), Ok),
    },
    Definition {
        name: "end_of",
        parameters: &[required("period")],
        about: "The last day, or millisecond, of its `day`, `week`, `month` or `year`.",
        examples: &[
            ("'2024-02-10' | end_of('month')", r#""2024-02-29""#),
            ("'2024-05-20T08:05:00Z' | end_of('day')", r#""2024-05-20T23:59:59.999Z""#),
        ],
        undefined: Undefined::Refused,
        function: |call| {
            period(
                call,
                |start, next| if start == next { Ok(start) } else { next.yesterday().map_err(out_of_range) },
                |at| at.checked_add(86_399_999.milliseconds()).map_err(out_of_range),
            )
        },
    },
    Definition {
        name: "next",
        parameters: &[required("period")],
        about: "The first day, or moment, of the next `day`, `week`, `month` or `year`.",
        examples: &[
            ("'2024-05-20' | next('month')", r#""2024-06-01""#),
            ("'2024-12-31' | next('daily')", r#""2025-01-01""#),
            ("'2024-05-20T08:05:00Z' | next('week')", r#""2024-05-27T00:00:00Z""#),
        ],
        undefined: Undefined::Refused,
        function: |call| period(call, |_, next| Ok(next), Ok),
    },
    Definition {
        name: "add",
        parameters: &[required("duration")],
        about: "The date or time so much later: `y`, `mo`, `w`, `d`, and for times `h`, `m`, `s`; `-` goes back.",
        examples: &[
            ("'2024-02-28' | add('2d')", r#""2024-03-01""#),
            ("'2024-01-31' | add('1mo')", r#""2024-02-29""#),
            ("'2024-05-20T08:05:00Z' | add('-2h30m')", r#""2024-05-20T05:35:00Z""#),
        ],
        undefined: Undefined::Refused,
        function: add,
    },
];

/// What a text says: a day or a moment.
enum Moment {
    Date(Date),
    Time(Timestamp),
}

fn read(value: &Value) -> Result<Moment, String> {
    let text = text(value).map_err(|said| said.replace("text", "a date as text"))?;
    let wrong = || format!("`{}` is not a date, a time or a month", shortened(text));
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    let marks = |at: usize, mark: char| text.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let is_month = digits(0..4) && marks(4, '-') && digits(5..7);
    match text.len() {
        7 if is_month => format!("{text}-01").parse().map(Moment::Date).map_err(|_| wrong()),
        10 if is_month && marks(7, '-') && digits(8..10) => {
            text.parse().map(Moment::Date).map_err(|_| wrong())
        }
        20..=40 if is_month && is_time(text.get(10..).unwrap_or("")) => {
            text.parse().map(Moment::Time).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// Whether `text` is the time of RFC 3339: `T12:00:00`, a fraction perhaps, and an offset.
fn is_time(text: &str) -> bool {
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let Some(rest) = form.strip_prefix(['T', 't']).and_then(|rest| rest.strip_prefix("00:00:00")) else {
        return false;
    };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with('0') => fraction.trim_start_matches('0'),
        Some(_) => return false,
        None => rest,
    };
    matches!(rest, "Z" | "z" | "+00:00" | "-00:00")
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn out_of_range(_: jiff::Error) -> String {
    "the date is out of range".to_owned()
}

fn midnight(date: Date) -> Result<Timestamp, String> {
    date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(out_of_range)
}

fn date(call: &Call) -> Result<Value, String> {
    let moment = read(&call.input)?;
    let Some(format) = call.text(0)? else {
        return Ok(Value::from(match moment {
            Moment::Date(date) => date.to_string(),
            Moment::Time(time) => time.to_zoned(TimeZone::UTC).date().to_string(),
        }));
    };
    let time = match moment {
        Moment::Date(date) => midnight(date)?,
        Moment::Time(time) => time,
    };
    if format.len() > 200 {
        return Err("the format is too long".to_owned());
    }
    let zoned = time.to_zoned(TimeZone::UTC);
    jiff::fmt::strtime::format(format, &zoned)
        .map(Value::from)
        .map_err(|error| format!("`{format}`: {error}"))
}

enum Period {
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    fn of(name: &str) -> Result<Self, String> {
        match name {
            "day" | "daily" => Ok(Self::Day),
            "week" | "weekly" => Ok(Self::Week),
            "month" | "monthly" => Ok(Self::Month),
            "year" | "yearly" => Ok(Self::Year),
            other => Err(format!("`{}` is not `day`, `week`, `month` or `year`", shortened(other))),
        }
    }
}

/// Refuses what is the name of no period.
pub(super) fn verify_period(name: &str) -> Result<(), String> {
    Period::of(name).map(|_| ())
}

/// Refuses what is no duration.
pub(super) fn verify_duration(text: &str) -> Result<(), String> {
    duration(text).map(|_| ())
}

/// A date or time of the period around the input: `of` chooses between its first day and the
/// next one's, `at` a moment of that day.
fn period(
    call: &Call,
    of: fn(Date, Date) -> Result<Date, String>,
    at: fn(Timestamp) -> Result<Timestamp, String>,
) -> Result<Value, String> {
    let name = call.text(0)?.unwrap_or("");
    let moment = read(&call.input)?;
    let day = match &moment {
        Moment::Date(date) => *date,
        Moment::Time(time) => time.to_zoned(TimeZone::UTC).date(),
    };
    let (start, length) = match Period::of(name)? {
        Period::Day => (day, 1.day()),
        Period::Week => {
            let since = i64::from(day.weekday().since(Weekday::Monday));
            (day.checked_sub(since.days()).map_err(out_of_range)?, 1.week())
        }
        Period::Month => (day.first_of_month(), 1.month()),
        Period::Year => (day.first_of_year(), 1.year()),
    };
    let next = start.checked_add(length).map_err(out_of_range)?;
    let chosen = of(start, next)?;
    Ok(Value::from(match moment {
        Moment::Date(_) => chosen.to_string(),
        Moment::Time(_) => at(midnight(chosen)?)?.to_string(),
    }))
}

fn add(call: &Call) -> Result<Value, String> {
    let text = call.text(0)?.unwrap_or("");
    let (days, seconds) = duration(text)?;
    match read(&call.input)? {
        Moment::Date(_) if seconds != 0 => Err("hours cannot be added to a date".to_owned()),
        Moment::Date(date) => {
            date.checked_add(days).map(|date| Value::from(date.to_string())).map_err(out_of_range)
        }
        Moment::Time(time) => {
            let zoned = time.to_zoned(TimeZone::UTC).checked_add(days).map_err(out_of_range)?;
            let span = Span::new().try_seconds(seconds).map_err(out_of_range)?;
            let later = zoned.timestamp().checked_add(span).map_err(out_of_range)?;
            Ok(Value::from(later.to_string()))
        }
    }
}

fn duration(text: &str) -> Result<(Span, i64), String> {
    let wrong = || format!("`{}` is not a duration such as `1d`, `-1d` or `2h30m`", shortened(text));
    parsed_duration(text).ok_or_else(wrong)
}

/// `1y2mo3w4d` as a span of the calendar and `5h6m7s` in seconds.
fn parsed_duration(text: &str) -> Option<(Span, i64)> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (mut days, mut seconds) = (Span::new(), 0i64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit)?;
        let number = sign * number.parse::<i64>().ok()?;
        match unit {
            "y" => days = days.try_years(number).ok()?,
            "mo" => days = days.try_months(number).ok()?,
            "w" => days = days.try_weeks(number).ok()?,
            "d" => days = days.try_days(number).ok()?,
            "h" => seconds = seconds.checked_add(number.checked_mul(3600)?)?,
            "m" => seconds = seconds.checked_add(number.checked_mul(60)?)?,
            "s" => seconds = seconds.checked_add(number)?,
            _ => return None,
        }
        rest = after;
    }
    Some((days, seconds))
}

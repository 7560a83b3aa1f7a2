//! `on.schedule`: runs that begin by the clock.

use jiff::Timestamp;

use super::{Fields, Reader, list, scalar, whole};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{EvalError, Tree};
use crate::reference::{Field, Object, Of, Takes, Word};
use crate::schedule::{Calendar, Mistake, zone, zones};
use crate::source::{Kind, Node, Span, Spanned};
use crate::vm::{Extra, Outside};

const BAD_CRON: Code = Code("PW0270");
const UNKNOWN_ZONE: Code = Code("PW0271");
const NEVER: Code = Code("PW0272");
const MANY: Code = Code("PW0273");
const SAME: Code = Code("PW0274");

/// Missed ticks that may be made up for; more than a few deserve a second look.
const MOST: u32 = 10_000;
const FEW: u32 = 100;

/// Its fields.
pub(crate) static SCHEDULE: Object = Object::new(
    "schedule",
    &[
        Field::new("name", Takes::Name(Of::New), "by which it is known when its times are changed"),
        Field::required(
            "cron",
            Takes::Plain,
            "minute, hour, day of the month, month and day of the week; or `@daily` and the like",
        ),
        Field::new("zone", Takes::Plain, "the time zone, such as `Europe/Berlin`; UTC where nothing is said"),
        Field::new(
            "catch_up",
            Takes::Count(0, MOST),
            "how many missed ticks are made up for; 1 where nothing is said",
        ),
        Field::new("overlap", Takes::Words(OVERLAP_WORDS), "what a tick does while the run before goes on"),
        Field::new("input", Takes::Template, "what its runs are given; else `{scheduled_at}`"),
    ],
);

const OVERLAP_WORDS: &[Word] = &[
    Word("skip", "nothing: the tick is left out"),
    Word("queue", "its run waits"),
    Word("allow", "its run begins all the same"),
];

/// A schedule.
#[derive(Debug)]
pub struct Schedule {
    /// By which it is known from one start to the next: its name, else its expression and zone.
    pub name: String,
    /// Its times.
    pub calendar: Calendar,
    /// How many missed ticks are made up for.
    pub catch_up: u32,
    /// What happens while the run before goes on.
    pub overlap: Overlap,
    /// What its runs are given; none: when they were due.
    pub input: Option<Tree>,
    /// Where it stands.
    pub span: Span,
}

/// What a tick does while the run of the tick before goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Nothing: it is left out.
    Skip,
    /// Its run waits.
    Queue,
    /// Its run begins all the same.
    Allow,
}

const OVERLAPS: [(&str, Overlap); 3] =
    [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];

impl Schedule {
    /// Reads one schedule or a list of them.
    pub(super) fn parse_all(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<Self>> {
        let Kind::List(items) = &node.kind else { return Self::parse(node, reader).map(|one| vec![one]) };
        let schedules = whole(items.iter().map(|item| Self::parse(item, reader)))?;
        for (n, schedule) in schedules.iter().enumerate() {
            if let Some(first) = schedules.iter().take(n).find(|first| first.name == schedule.name) {
                reader.diagnostics.push(
                    Diagnostic::error(SAME, format!("two schedules are `{}`", schedule.name))
                        .at(schedule.span, "second")
                        .at(first.span, "first")
                        .help("leave one of them out, or give each a `name`"),
                );
            }
        }
        Some(schedules)
    }

    /// What the run of a tick is given.
    ///
    /// # Errors
    /// If it cannot be computed.
    pub fn input_at(&self, tick: Timestamp) -> Result<Value, EvalError> {
        let scheduled_at = Value::from(self.calendar.show(tick));
        match &self.input {
            None => Ok(Value::from_pairs([("scheduled_at", scheduled_at)])),
            Some(tree) => Outside { extra: Extra::ScheduledAt(scheduled_at), now: tick }.eval(tree),
        }
    }

    fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "`schedule`", reader.diagnostics)?;
        let name = fields.take("name").map(|node| scalar::word(node, "`name`", reader.diagnostics));
        let cron = fields
            .require("cron", reader.diagnostics)
            .and_then(|node| scalar::word(node, "`cron`", reader.diagnostics));
        let place = fields.take("zone").map(|node| scalar::word(node, "`zone`", reader.diagnostics));
        let catch_up = fields.take("catch_up").map(|node| count(node, reader.diagnostics));
        let overlap = fields
            .take("overlap")
            .map(|node| scalar::choice(node, "`overlap`", &OVERLAPS, reader.diagnostics));
        let input = fields.take("input").map(|node| reader.tree(node));
        fields.finish(reader.diagnostics);

        let place = place.unwrap_or_else(|| Some(Spanned::new("UTC".to_owned(), node.span)));
        let time_zone = place.as_ref().and_then(|place| read_zone(place, reader.diagnostics));
        // What is wrong with an expression does not depend on its zone.
        let somewhere = time_zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
        let calendar = cron.as_ref().and_then(|cron| match Calendar::new(&cron.value, somewhere) {
            Ok(calendar) => Some(calendar),
            Err(mistake) => {
                reader.diagnostics.push(explain(&mistake, cron));
                None
            }
        });
        let name = name.map(|name| name.filter(|name| scalar::name(name, "a schedule", reader.diagnostics)));
        let known_as = match name {
            Some(name) => name?.value,
            None => format!("{} {}", words(&cron?.value), place.as_ref()?.value),
        };
        time_zone?;
        Some(Self {
            name: known_as,
            calendar: calendar?,
            catch_up: catch_up.unwrap_or(Some(1))?,
            overlap: overlap.unwrap_or(Some(Overlap::Skip))?,
            input: input.map_or(Some(None), |input| input.map(Some))?,
            span: node.span,
        })
    }
}

/// With one space between words, so that it is laid out as one likes.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn count(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let count = scalar::count(node, "`catch_up`", 0..=MOST, diagnostics)?;
    if count > FEW {
        diagnostics.push(
            Diagnostic::warning(MANY, format!("up to {count} runs would begin at once after a stop"))
                .at(node.span, "many ticks to make up for")
                .help("let a run do what several missed ones would have done, and make up for one"),
        );
    }
    Some(count)
}

fn read_zone(place: &Spanned<String>, diagnostics: &mut Diagnostics) -> Option<jiff::tz::TimeZone> {
    let found = zone(&place.value);
    if found.is_none() {
        let names = zones();
        diagnostics.push(
            Diagnostic::error(UNKNOWN_ZONE, format!("there is no time zone `{}`", place.value))
                .at(place.span, "unknown time zone")
                .help("use a name of the time zone database, such as `Europe/Berlin`")
                .suggest(&place.value, names.iter().map(String::as_str)),
        );
    }
    found
}

fn explain(mistake: &Mistake, cron: &Spanned<String>) -> Diagnostic {
    let text = &cron.value;
    let bad = || Diagnostic::error(BAD_CRON, format!("`{text}` is not a cron expression"));
    match mistake {
        Mistake::Never => Diagnostic::error(NEVER, format!("`{text}` never comes"))
            .at(cron.span, "there is no such date")
            .help("look at the day and the month together"),
        Mistake::Field { text, name, range } => bad()
            .at(cron.span, format!("`{text}` cannot be the {name}"))
            .help(format!("it may be `*`, or {range}, with `,`, `-` and `/`")),
        Mistake::Fields(n) => {
            bad().at(cron.span, format!("it has {n} field{}", if *n == 1 { "" } else { "s" })).help(format!(
                "write minute, hour, day of the month, month and day of the week, or {}",
                list(&["@hourly", "@daily", "@weekly", "@monthly", "@yearly"])
            ))
        }
    }
}

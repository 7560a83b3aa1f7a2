//! A key of a map, what it takes, and what maps of keys there are.

use std::fmt;

use crate::document::list;

/// A key that a map may have.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What stands under it.
    pub takes: Takes,
    /// One line.
    pub summary: &'static str,
    /// Whether the map needs it.
    pub is_required: bool,
}

impl Field {
    /// One that may be left out.
    #[must_use]
    pub const fn new(name: &'static str, takes: Takes, summary: &'static str) -> Self {
        Self { name, takes, summary, is_required: false }
    }

    /// One that may not.
    #[must_use]
    pub const fn required(name: &'static str, takes: Takes, summary: &'static str) -> Self {
        Self { name, takes, summary, is_required: true }
    }
}

/// A map whose keys are given.
#[derive(Debug)]
pub struct Object {
    /// What it is called: one word.
    pub title: &'static str,
    /// Its keys, in the order in which help lists them.
    pub fields: &'static [Field],
    /// What of them goes together.
    pub rules: &'static [Rule],
    /// What stands under keys that are not listed; none: there are no others.
    pub others: Option<Takes>,
}

impl Object {
    /// One in which any keys go together.
    #[must_use]
    pub const fn new(title: &'static str, fields: &'static [Field]) -> Self {
        Self { title, fields, rules: &[], others: None }
    }

    /// One with rules.
    #[must_use]
    pub const fn with(title: &'static str, fields: &'static [Field], rules: &'static [Rule]) -> Self {
        Self { title, fields, rules, others: None }
    }
}

/// What of the keys of a map goes together.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// No two of these.
    AtMostOne(&'static [&'static str]),
    /// One of these, or several.
    AtLeastOne(&'static [&'static str]),
    /// The first only beside the second.
    With(&'static str, &'static str),
}

/// A word of a closed set, and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Word(pub &'static str, pub &'static str);

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The thing itself: its author chooses it.
    New,
    /// A service of the project.
    Service,
    /// A topic of the project.
    Topic,
    /// A pathway of the project.
    Pathway,
    /// A step of the same block.
    Step,
    /// A step of the pathway that is tested.
    TestedStep,
}

/// What stands under a key.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Any value, whose texts are templates.
    Template,
    /// Text that may be a template; numbers and booleans are taken as their text.
    Text,
    /// An expression without braces.
    Expression,
    /// An expression that yields true or false; what is undefined is false.
    Condition,
    /// A duration, or a template that yields one.
    DurationText,
    /// A time, or a template that yields one.
    TimeText,
    /// An error class, or a template that yields one.
    ClassText,
    /// A map from names that the author chooses to texts that may be templates.
    Texts,
    /// As before, or a template that yields a map.
    TextsOrTemplate,
    /// A name.
    Name(Of),
    /// Text that is taken as it stands.
    Plain,
    /// One of some words.
    Words(&'static [Word]),
    /// `true` or `false`.
    Flag,
    /// `true`.
    True,
    /// A whole number within a range.
    Count(u32, u32),
    /// A status of HTTP.
    Status,
    /// A number within a range.
    Number(u32, u32),
    /// Any number.
    AnyNumber,
    /// Such as `30s`.
    Duration,
    /// A time in the form of RFC 3339.
    Time,
    /// Such as `10MiB`.
    Size,
    /// Such as `50/s`.
    Rate,
    /// An error class.
    Class,
    /// The path of a JSON Schema, or one written in place.
    Schema,
    /// Any value, taken as it stands.
    Data,
    /// What a value is to look like.
    Pattern,
    /// A text, number or boolean.
    Scalar,
    /// A list.
    List(&'static Takes),
    /// A map from names that the author chooses.
    Map(&'static Takes),
    /// A map whose keys are given.
    Object(&'static Object),
    /// What is said of the calls of a service: the fields of `http` but the service.
    Call,
    /// A map from names to steps.
    Steps,
    /// One verb and its modifiers.
    Step,
    /// A step that undoes another.
    Compensation,
    /// This, or nothing.
    OrNothing(&'static Takes),
    /// One of these.
    OneOf(&'static [Takes]),
}

/// In a few words, as tables of fields show it.
impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Template | Self::Text => "template",
            Self::Expression => "expression",
            Self::Condition => "condition",
            Self::DurationText => "duration, or template",
            Self::TimeText => "time, or template",
            Self::ClassText => "class, or template",
            Self::Texts => "map of templates",
            Self::TextsOrTemplate => "map of templates, or template",
            Self::Name(Of::New) => "name",
            Self::Name(Of::Service) => "name of a service",
            Self::Name(Of::Topic) => "name of a topic",
            Self::Name(Of::Pathway) => "name of a pathway",
            Self::Name(Of::Step | Of::TestedStep) => "name of a step",
            Self::Plain => "text",
            Self::Words(words) => {
                let names: Vec<&str> = words.iter().map(|word| word.0).collect();
                return f.write_str(&list(&names));
            }
            Self::Flag => "`true` or `false`",
            Self::True => "`true`",
            Self::Count(from, to) => return write!(f, "whole number, {from} to {to}"),
            Self::Status => "HTTP status",
            Self::Number(from, to) => return write!(f, "number, {from} to {to}"),
            Self::AnyNumber => "number",
            Self::Duration => "duration",
            Self::Time => "time",
            Self::Size => "size",
            Self::Rate => "rate",
            Self::Class => "error class",
            Self::Schema => "schema",
            Self::Data => "value",
            Self::Pattern => "value, or what holds of it",
            Self::Scalar => "text or number",
            Self::List(item) => return write!(f, "list ({item})"),
            Self::Map(item) => return write!(f, "map ({item})"),
            Self::Object(object) => object.title,
            Self::Call => "fields of `http`",
            Self::Steps => "map of steps",
            Self::Step => "step",
            Self::Compensation => "step without a name",
            Self::OrNothing(inner) => return inner.fmt(f),
            Self::OneOf(several) => {
                for (n, one) in several.iter().enumerate() {
                    let before = if n == 0 { "" } else { ", or " };
                    write!(f, "{before}{one}")?;
                }
                return Ok(());
            }
        };
        f.write_str(text)
    }
}

impl Takes {
    /// How such a value is written, where that does not go without saying.
    #[must_use]
    pub fn example(self) -> Option<&'static str> {
        match self {
            Self::Duration | Self::DurationText => Some("`250ms`, `30s`, `1m30s`, `2h`, `7d`"),
            Self::Time | Self::TimeText => Some("`2025-01-31T09:00:00Z`"),
            Self::Size => Some("`512KB`, `10MiB`"),
            Self::Rate => Some("`50/s`, `100/m`, `1000/h`"),
            Self::Expression | Self::Condition => Some("`input.amount > 100`, without braces"),
            Self::Text | Self::Template => Some("`\"{{ input.name }}\"` yields a value, also within text"),
            Self::Schema => Some("`../schemas/order.json`, or the schema itself"),
            _ => None,
        }
    }
}

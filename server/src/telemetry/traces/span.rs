//! A span: something that took a while, and where in a trace it stands.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::trace::TraceContext;

/// Characters of what is told of a failure, and of any other text.
const LONGEST: usize = 1024;

/// A span that is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    /// Its trace and its id.
    pub(crate) place: TraceContext,
    /// The span above it; none: the trace begins with it.
    pub(crate) parent: Option<u64>,
    /// What it is of: one of few, so that spans can be counted by it.
    pub(crate) name: Cow<'static, str>,
    /// Its part in what happens between services.
    pub(crate) kind: Kind,
    /// When it began.
    pub(crate) from: Timestamp,
    /// When it ended.
    pub(crate) to: Timestamp,
    /// What else is known of it.
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
    /// Whether it went well, where that can be said.
    pub(crate) outcome: Option<Result<(), String>>,
}

/// A span's part in what happens between services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// None.
    Internal = 1,
    /// Somebody is answered.
    Server = 2,
    /// Somebody is asked.
    Client = 3,
    /// A record is published.
    Producer = 4,
    /// A record is worked on.
    Consumer = 5,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// In words.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl Span {
    /// One of which nothing else is known.
    #[must_use]
    pub(crate) fn new(
        (place, parent): (TraceContext, Option<u64>),
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        (from, to): (Timestamp, Timestamp),
    ) -> Self {
        let (attributes, outcome) = (Vec::new(), None);
        // Whatever clocks say, it does not end before it begins.
        Self { place, parent, name: bounded(name.into()), kind, from, to: to.max(from), attributes, outcome }
    }

    /// The publishing of a record.
    #[must_use]
    pub(crate) fn send(
        at: (TraceContext, Option<u64>),
        topic: &str,
        system: &'static str,
        times: (Timestamp, Timestamp),
    ) -> Self {
        Self::new(at, format!("send {topic}"), Kind::Producer, times)
            .with("messaging.system", system)
            .with("messaging.operation.name", "send")
            .with("messaging.operation.type", "send")
            .with("messaging.destination.name", topic.to_owned())
    }

    /// With that said of it.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.say(name, value);
        self
    }

    /// As [`Span::with`].
    pub(crate) fn say(&mut self, name: &'static str, value: impl Into<Attribute>) {
        let value = match value.into() {
            Attribute::Text(text) => Attribute::Text(bounded(text)),
            number @ Attribute::Number(_) => number,
        };
        self.attributes.push((name, value));
    }

    /// It went well.
    #[must_use]
    pub(crate) fn went_well(self) -> Self {
        Self { outcome: Some(Ok(())), ..self }
    }

    /// It failed, in a way that has a short name.
    pub(crate) fn fail(&mut self, kind: impl Into<Attribute>, message: &str) {
        self.say("error.type", kind);
        self.outcome = Some(Err(message.chars().take(LONGEST).collect()));
    }
}

fn bounded(text: Cow<'static, str>) -> Cow<'static, str> {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some(_) => Cow::Owned(text.chars().take(LONGEST).collect()),
    }
}

impl From<&'static str> for Attribute {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Attribute {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

//! How a step or a run fails.

use super::Compensation;
use crate::Value;
use crate::schema::Violation;
use crate::source::Span;
use crate::value::with_field;
use serde::{Deserialize, Serialize};

/// The kinds of failure; one table says what each means over HTTP and whether it is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The input, or what a `validate` checked, is not as it must be.
    Invalid,
    /// The caller may not do this.
    Denied,
    /// What was asked for does not exist.
    NotFound,
    /// It clashes with what is there.
    Conflict,
    /// Too many requests.
    RateLimited,
    /// An upstream could not be reached or failed (5xx).
    Outage,
    /// It took too long.
    Timeout,
    /// An upstream answered what cannot be used.
    Upstream,
    /// An expression could not be evaluated.
    Expression,
    /// Somebody called it off.
    Cancelled,
    /// The pathway is wrong: its return breaks its own `output` schema, and the like.
    Bug,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::RateLimited,
        Self::Outage,
        Self::Timeout,
        Self::Upstream,
        Self::Expression,
        Self::Cancelled,
        Self::Bug,
    ];

    /// Its name in the language, the HTTP status it becomes, whether it is retried by default.
    const fn row(self) -> (&'static str, u16, bool) {
        match self {
            Self::Invalid => ("invalid", 422, false),
            Self::Denied => ("denied", 403, false),
            Self::NotFound => ("not_found", 404, false),
            Self::Conflict => ("conflict", 409, false),
            Self::RateLimited => ("rate_limited", 429, true),
            Self::Outage => ("outage", 503, true),
            Self::Timeout => ("timeout", 504, true),
            Self::Upstream => ("upstream", 502, false),
            Self::Expression => ("expression", 500, false),
            Self::Cancelled => ("cancelled", 409, false),
            Self::Bug => ("bug", 500, false),
        }
    }

    /// Its name in the language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status of a reply that fails so.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        self.row().1
    }

    /// Whether `retry` without `on` attempts it again.
    #[must_use]
    pub const fn is_retried(self) -> bool {
        self.row().2
    }

    /// What it is when a service answers a call with a status that is no answer. A call in the name of
    /// the caller may fail for what the caller did.
    #[must_use]
    pub const fn of_status(status: u16, as_caller: bool) -> Self {
        match status {
            408 | 504 => Self::Timeout,
            425 | 429 => Self::RateLimited,
            500..=599 => Self::Outage,
            401 | 403 if as_caller => Self::Denied,
            404 if as_caller => Self::NotFound,
            409 if as_caller => Self::Conflict,
            400 | 422 if as_caller => Self::Invalid,
            _ => Self::Upstream,
        }
    }

    /// The class called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// A failure of a step or run: what `error` is bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: Class,
    /// Ours, and safe to show to anyone.
    pub message: String,
    /// The author's own code, of a `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The upstream's or the author's HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For operators: an upstream's body and URL, violations of a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Ways in which a value broke a schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The instance of the step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How many attempts were made.
    #[serde(default)]
    pub attempts: u32,
    /// Milliseconds that an upstream asked us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// What was undone because of it, and what could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<Box<Compensation>>,
    /// Where the expression stands that failed; known to the process that evaluated it only.
    #[serde(skip)]
    pub place: Option<Span>,
}

impl Failure {
    /// A failure of `class`.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            code: None,
            status: None,
            details: None,
            violations: Vec::new(),
            step: None,
            attempts: 0,
            retry_after: None,
            compensation: None,
            place: None,
        }
    }

    /// A value that may not grow further.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(Class::Expression, "the value is too large or nested too deeply")
    }

    /// A value breaks its schema; `what` is what the message calls the value.
    #[must_use]
    pub fn violated(class: Class, what: &str, violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [] => format!("{what} does not match its schema"),
            [one] => format!("{what} does not match its schema: `{}` {}", one.pointer, one.detail),
            [one, rest @ ..] => {
                let more = rest.len();
                format!(
                    "{what} does not match its schema: `{}` {} (and {more} more)",
                    one.pointer, one.detail
                )
            }
        };
        Self { violations, ..Self::new(class, message) }
    }

    /// At an expression.
    #[must_use]
    pub fn at(mut self, place: Span) -> Self {
        self.place = Some(place);
        self
    }

    /// What `error` is bound to.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let pointers: Vec<Value> = self.violations.iter().map(|v| Value::from(v.pointer.as_str())).collect();
        let value = Value::from_pairs([
            ("class", Value::from(self.class.name())),
            ("message", Value::from(self.message.as_str())),
            ("code", self.code.as_deref().map_or(Value::from(()), Value::from)),
            ("status", self.status.map_or(Value::from(()), Value::from)),
            ("details", self.details.clone().unwrap_or_else(|| Value::from(()))),
            ("pointers", Value::from(pointers)),
            ("step", self.step.as_deref().map_or(Value::from(()), Value::from)),
            ("attempts", Value::from(self.attempts)),
        ]);
        match &self.compensation {
            None => value,
            Some(told) => with_field(&value, "compensation", told.to_value()),
        }
    }
}

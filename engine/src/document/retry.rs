//! `retry:` of a step, a block or a service.

use std::time::Duration;

use super::fields::{Fields, list, whole, wrong_type};
use super::scalar;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::reference::{Field, Object, Takes};
use crate::source::{Kind, Node, Span};
use crate::vm::{Class, Failure};

const UNKNOWN_CLASS: Code = Code("PW0208");

/// Its fields.
pub(crate) static RETRY: Object = Object::new(
    "retry",
    &[
        Field::new("attempts", Takes::Count(1, 1000), "attempts in all, the first included"),
        Field::new("delay", Takes::Duration, "before the second attempt"),
        Field::new("factor", Takes::Number(1, 100), "by which the delay grows from attempt to attempt"),
        Field::new("max_delay", Takes::Duration, "the longest delay"),
        Field::new("jitter", Takes::Number(0, 1), "the part of the delay that is random"),
        Field::new(
            "on",
            Takes::List(&Takes::OneOf(&[Takes::Class, Takes::Status])),
            "classes and HTTP statuses that are attempted again",
        ),
        Field::new(
            "total",
            Takes::Duration,
            "from the first attempt on, after which no further one is begun",
        ),
        Field::new(
            "restart",
            Takes::Flag,
            "whether a step that has emitted may be attempted again, after a `reset`",
        ),
    ],
);

/// When and how often a failed attempt is made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Before the second attempt.
    pub delay: Duration,
    /// By which the delay grows from attempt to attempt.
    pub factor: f64,
    /// The longest delay.
    pub max_delay: Duration,
    /// The part of the delay that is random, 0 to 1.
    pub jitter: f64,
    /// What is attempted again; none: the classes that are so by default.
    pub on: Option<Vec<On>>,
    /// From the first attempt on, after which no further one is begun.
    pub total: Option<Duration>,
    /// Whether a step that has emitted may be attempted again, after a `reset`.
    pub restart: bool,
}

/// A kind of failure that is attempted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// A class.
    Class(Class),
    /// An HTTP status.
    Status(u16),
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            delay: Duration::from_secs(1),
            factor: 2.0,
            max_delay: Duration::from_secs(30),
            jitter: 0.5,
            on: None,
            total: None,
            restart: false,
        }
    }
}

impl Retry {
    /// Reads a `retry:` map; what it does not say is as in `base`.
    pub fn parse(node: &Node, base: &Self, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, "`retry`", diagnostics)?;
        let (mut retry, before) = (base.clone(), diagnostics.len());
        if let Some(node) = fields.take("attempts") {
            retry.attempts = scalar::count(node, "`attempts`", 1..=1000, diagnostics).unwrap_or(1);
        }
        if let Some(node) = fields.take("delay") {
            retry.delay = scalar::duration(node, "`delay`", diagnostics).unwrap_or_default();
        }
        if let Some(node) = fields.take("factor") {
            retry.factor = scalar::number(node, "`factor`", 1.0..=100.0, diagnostics).unwrap_or(1.0);
        }
        if let Some(node) = fields.take("max_delay") {
            retry.max_delay = scalar::duration(node, "`max_delay`", diagnostics).unwrap_or_default();
        }
        if let Some(node) = fields.take("jitter") {
            retry.jitter = scalar::number(node, "`jitter`", 0.0..=1.0, diagnostics).unwrap_or(0.0);
        }
        retry.on = fields.take("on").map_or(retry.on, |node| on(node, diagnostics));
        retry.total =
            fields.take("total").map_or(retry.total, |node| scalar::duration(node, "`total`", diagnostics));
        if let Some(node) = fields.take("restart") {
            retry.restart = scalar::boolean(node, "`restart`", diagnostics).unwrap_or(false);
        }
        fields.finish(diagnostics);
        (diagnostics.len() == before).then_some(retry)
    }

    /// Whether `failure` is of a kind that is attempted again.
    #[must_use]
    pub fn covers(&self, failure: &Failure) -> bool {
        match &self.on {
            None => failure.class.is_retried(),
            Some(kinds) => kinds.iter().any(|kind| match kind {
                On::Class(class) => *class == failure.class,
                On::Status(status) => Some(*status) == failure.status,
            }),
        }
    }

    /// Whether an attempt that failed so is to be made again, however long the service is out.
    #[must_use]
    pub fn is_patient(&self, failure: &Failure) -> bool {
        self.attempts > 1 && self.total.is_none() && self.covers(failure)
    }

    /// The pause after attempt `attempt` (1, 2, …) failed; `random` is from 0 to 1 and decides
    /// how much of the jitter is taken off.
    #[must_use]
    pub fn pause(&self, attempt: u32, random: f64) -> Duration {
        let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        // A factor that grew beyond all numbers must not make a pause of none endless.
        let grown = self.delay.as_secs_f64() * self.factor.powi(power).min(f64::MAX);
        let capped = grown.min(self.max_delay.as_secs_f64());
        Duration::from_secs_f64(capped * (1.0 - self.jitter * random.clamp(0.0, 1.0)))
    }
}

fn on(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<On>> {
    let Some(items) = node.as_list() else {
        diagnostics.push(wrong_type("`on`", "a list of classes or statuses", node));
        return None;
    };
    whole(items.iter().map(|item| one(item, diagnostics)))
}

fn one(node: &Node, diagnostics: &mut Diagnostics) -> Option<On> {
    match &node.kind {
        Kind::Int(_) => {
            let status = scalar::count(node, "a status", 100..=599, diagnostics)?;
            Some(On::Status(u16::try_from(status).ok()?))
        }
        Kind::Text(text) => class(&text.value, text.span, diagnostics).map(On::Class),
        _ => {
            diagnostics.push(wrong_type("an item of `on`", "a class or a status", node));
            None
        }
    }
}

/// The error class of that name.
pub fn class(name: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<Class> {
    let class = Class::from_name(name);
    if class.is_none() {
        let names = Class::ALL.map(Class::name);
        diagnostics.push(
            Diagnostic::error(UNKNOWN_CLASS, format!("there is no error class `{name}`"))
                .at(span, "unknown class")
                .help(format!("use {}", list(&names)))
                .suggest(name, names),
        );
    }
    class
}

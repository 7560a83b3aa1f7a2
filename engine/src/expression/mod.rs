//! Expressions and templates: parsed once, bound to slots by the compiler, evaluated by the VM.
//!
//! The syntax is minijinja's, read through its parser; values, filters and tests are its own
//! too. Evaluation is ours, because the language says more precisely than Jinja where an
//! undefined name may stand, and because it is the hot path.

mod filters;
mod scope;
mod variables;

pub use scope::{Now, Scope, Slot};
pub use variables::{Variable, Variables};

use crate::Value;
use crate::diagnostic::Diagnostics;
use crate::source::{Span, Text};

/// A bare expression, a template, or a constant.
#[derive(Debug, Clone)]
pub struct Expression {
    span: Span,
}

/// One step of a path that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// `.name` or `['name']`
    Key(String),
    /// `[0]`
    Index(i64),
    /// `[computed]`, a slice, or anything else that is known at run time only
    Dynamic,
}

/// A path that an expression reads, such as `steps.fetch.body[0].id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Its first segment is the name it begins with.
    pub path: Vec<Segment>,
    /// Where it stands.
    pub span: Span,
    /// Whether it may be undefined or none there: it stands under `or`, `default`, `is`, `==`,
    /// a condition and the like.
    pub tolerated: bool,
    /// Whether its value can become part of the result: not where it is only tested or compared,
    /// nor inside `reveal()`.
    pub flows: bool,
}

/// What a name was bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Where its value is found.
    pub slot: Slot,
    /// How many segments of the path the slot stands for (`steps.fetch`: 2).
    pub consumed: usize,
}

/// Why an evaluation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// One lowercase sentence; names the path where a value is undefined.
    pub message: String,
    /// Where in the source.
    pub span: Span,
}

impl Expression {
    /// Parses a bare expression, such as the text of `when`.
    pub fn bare(text: &Text, _variables: &Variables, _diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(Self { span: text.span })
    }

    /// Parses a template. A text that is one `{{ … }}` and white space keeps the value's type.
    pub fn template(text: &Text, _variables: &Variables, _diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(Self { span: text.span })
    }

    /// An expression that always yields `value`.
    #[must_use]
    pub fn constant(_value: Value, span: Span) -> Self {
        Self { span }
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its value, if it reads nothing.
    #[must_use]
    pub fn as_constant(&self) -> Option<&Value> {
        None
    }

    /// The path, if it is nothing but one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Read> {
        None
    }

    /// All paths that it reads, in the order written; names that a `{% for %}` or `{% set %}`
    /// inside a template binds are not among them.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &[]
    }

    /// Whether a secret `${}` value is part of the result.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        false
    }

    /// Gives every path its slot. Where `resolve` answers `None` it has reported why; such an
    /// expression must not be evaluated.
    pub fn bind(&mut self, _resolve: &mut dyn FnMut(&Read) -> Option<Bound>) {}

    /// Paths that are certainly defined and not none when this condition came out as `outcome`.
    #[must_use]
    pub fn proves(&self, _outcome: bool) -> Vec<Vec<Segment>> {
        Vec::new()
    }

    /// Evaluates it; an undefined value anywhere in the result is refused, naming its path.
    ///
    /// # Errors
    /// Undefined values, wrong operands, a filter's complaint, or too much work (fuel).
    pub fn eval(&self, _scope: &dyn Scope) -> Result<Value, EvalError> {
        Ok(Value::from(()))
    }

    /// Evaluates a field that accepts undefined (`id`, `subject`, `pick`): it yields none.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval_or_none(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        self.eval(scope)
    }

    /// Evaluates a condition: undefined and none are false.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn test(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        self.eval(scope).map(|value| value.is_true())
    }

    /// Renders it as text of a path, query, header or key: none is refused, and so is a list or
    /// a map. `escape` is applied to what expressions yield, not to what the author wrote.
    ///
    /// # Errors
    /// As [`Expression::eval`], and what `escape` refuses.
    pub fn render(
        &self,
        _scope: &dyn Scope,
        _escape: Option<&dyn Fn(&str) -> Result<String, String>>,
    ) -> Result<String, EvalError> {
        Ok(String::new())
    }
}

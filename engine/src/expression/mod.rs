//! Expressions and templates: parsed once, bound to slots by the compiler, evaluated by the VM.
//!
//! The syntax is minijinja's, read through its parser; values, filters and tests are its own
//! too. Evaluation is ours, because the language says more precisely than Jinja where an
//! undefined name may stand, and because it is the hot path.
//!
//! In text, `true`, `false` and numbers stand as in JSON, none is nothing, and a map or a list
//! is compact JSON. Undefined counts as none where it is accepted, so `x is none` holds for it.

mod apply;
mod ast;
mod calls;
mod environment;
mod eval;
pub mod filters;
mod lower;
mod lower_calls;
mod lower_paths;
mod lower_template;
mod operators;
mod output;
mod place;
mod proofs;
mod refusal;
mod scope;
mod slices;
mod substitution;
mod syntax;
mod text;
mod tree;
mod variables;
mod walk;

pub use output::Escape;
pub use scope::{Now, Scope, Slot};
pub(crate) use substitution::fill;
pub(crate) use text::of as text_of;
pub use tree::Tree;
pub use variables::{Variable, Variables};

use std::fmt;

use minijinja::machinery::ast as jinja;

use crate::Value;
use crate::diagnostic::Diagnostics;
use crate::source::{Span, Text};
use ast::{Ast, Body, Root};
use eval::Eval;
use lower::{Lower, Place, Tolerance};
use output::Output;

/// A bare expression, a template, or a constant.
#[derive(Clone)]
pub struct Expression {
    span: Span,
    body: Body,
    /// Its value, if it reads nothing.
    constant: Option<Value>,
    reads: Vec<Read>,
    /// Slots of the reads.
    bounds: Vec<Bound>,
    /// How many names the template binds.
    locals: usize,
    secret: bool,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: &dyn fmt::Debug = if self.secret { &"…" } else { &self.body };
        f.debug_struct("Expression").field("span", &self.span).field("body", body).finish_non_exhaustive()
    }
}

/// One step of a path that an expression reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// Whether it is read only if a condition before it came out so: it stands in a branch of a
    /// conditional expression or statement, or on the right of `and` or `or`.
    pub conditional: bool,
    /// Whether its value can become part of the result: not where it is only tested or compared,
    /// nor inside `reveal()`.
    pub flows: bool,
    /// Whether it is what `default` is applied to, which replaces undefined but not none.
    pub defaulted: bool,
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
    /// Parses a bare expression whose value is used, such as the text of `key`: undefined is
    /// refused.
    pub fn bare(text: &Text, _variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::parse(text, Tolerance::Field, diagnostics)
    }

    /// Parses a bare expression that is a condition, such as the text of `when`: undefined is
    /// false, and nothing it reads flows on.
    pub fn condition(text: &Text, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut parsed = Self::parse(text, Tolerance::Yes, diagnostics)?;
        parsed.reads.iter_mut().for_each(|read| read.flows = false);
        Some(parsed)
    }

    /// Parses a bare expression of a field that accepts undefined: `id`, `subject` and `pick`.
    pub fn optional(text: &Text, diagnostics: &mut Diagnostics) -> Option<Self> {
        Self::parse(text, Tolerance::Yes, diagnostics)
    }

    fn parse(text: &Text, tolerance: Tolerance, diagnostics: &mut Diagnostics) -> Option<Self> {
        if text.value.contains("${") {
            substitution::refuse(text, diagnostics);
            return None;
        }
        let parsed = syntax::expression(text, diagnostics)?;
        let mut lower = Lower::new(text, diagnostics);
        let lowered = lower.expr(&parsed, Place { tolerance, flows: true, conditional: false });
        Self::lowered(lower, Body::Value(lowered))
    }

    /// Parses a template. A text that is one `{{ … }}` and white space keeps the value's type.
    pub fn template(text: &Text, variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Self> {
        let before = diagnostics.len();
        let masked = substitution::substitute(text, variables, diagnostics);
        if diagnostics.len() > before {
            return None;
        }
        let parsed = syntax::template(text, &masked.text, diagnostics)?;
        let mut lower = Lower::new(text, diagnostics);
        let body = match whole(&parsed).filter(|_| masked.literals.is_empty()) {
            Some(expr) => Body::Value(
                lower.expr(expr, Place { tolerance: Tolerance::Field, flows: true, conditional: false }),
            ),
            None => Body::Template(lower.template(std::slice::from_ref(&parsed), &masked.literals)),
        };
        if matches!(body, Body::Template(_)) && lower.unmasked != masked.literals.len() {
            substitution::refuse(text, lower.diagnostics);
            return None;
        }
        let mut parsed = Self::lowered(lower, body)?;
        parsed.secret = masked.secret;
        Some(parsed)
    }

    fn lowered(lower: Lower<'_>, body: Body) -> Option<Self> {
        if lower.failed {
            return None;
        }
        let constant = match &body {
            Body::Value(Ast::Const(value)) => Some(value.clone()),
            Body::Value(_) => None,
            Body::Template(block) => block
                .iter()
                .map(|statement| match statement {
                    ast::Stmt::Text(text) => Some(text.clone()),
                    ast::Stmt::Emit(Ast::Const(value), _) => text::of(value).ok(),
                    _ => None,
                })
                .collect::<Option<String>>()
                .map(Value::from),
        };
        Some(Self {
            span: lower.text.span,
            body,
            constant,
            bounds: vec![Bound { slot: Slot::Nothing, consumed: 1 }; lower.reads.len()],
            reads: lower.reads,
            locals: lower.locals,
            secret: false,
        })
    }

    /// An expression that always yields `value`.
    #[must_use]
    pub fn constant(value: Value, span: Span) -> Self {
        Self {
            span,
            body: Body::Value(Ast::Const(value.clone())),
            constant: Some(value),
            reads: Vec::new(),
            bounds: Vec::new(),
            locals: 0,
            secret: false,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its value, if it reads nothing.
    #[must_use]
    pub fn as_constant(&self) -> Option<&Value> {
        self.constant.as_ref()
    }

    /// Whether it yields text, whatever it reads: there is more than one `{{ … }}` in it.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self.body, Body::Template(_))
    }

    /// The path, if it is nothing but one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Read> {
        match &self.body {
            Body::Value(Ast::Path(path)) => match path.root {
                Root::Read(read, _) => self.reads.get(read),
                _ => None,
            },
            _ => None,
        }
    }

    /// All paths that it reads, in the order written; names that a `{% for %}` or `{% set %}`
    /// inside a template binds are not among them.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Whether a secret `${}` value is part of the result.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.secret
    }

    /// Gives every path its slot. Where `resolve` answers `None` it has reported why; such an
    /// expression must not be evaluated.
    pub fn bind(&mut self, resolve: &mut dyn FnMut(&Read) -> Option<Bound>) {
        for (read, bound) in self.reads.iter().zip(&mut self.bounds) {
            if let Some(found) = resolve(read) {
                *bound = found;
            }
        }
    }

    /// Paths that are certainly defined and not none when this condition came out as `outcome`;
    /// so is then every prefix of them, which is not listed apart.
    #[must_use]
    pub fn proves(&self, outcome: bool) -> Vec<Vec<Segment>> {
        match &self.body {
            Body::Value(value) => proofs::of(value, outcome, &self.reads),
            Body::Template(_) => Vec::new(),
        }
    }

    /// Evaluates it; an undefined value anywhere in the result is refused, naming its path.
    ///
    /// # Errors
    /// Undefined values, wrong operands, a filter's complaint, or too much work (fuel).
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        if let Some(value) = &self.constant {
            return Ok(value.clone());
        }
        let mut eval = Eval::new(scope, &self.bounds, self.locals);
        match &self.body {
            Body::Value(value) => eval.strict(value),
            Body::Template(block) => {
                let mut out = Output::of(block, false, None);
                eval.block(block, &mut out).map(|_| Value::from(out.text))
            }
        }
        .map_err(|error| *error)
    }

    /// Evaluates a field that accepts undefined (`id`, `subject`, `pick`): it yields none.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn eval_or_none(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        match &self.body {
            Body::Value(value) if self.constant.is_none() => {
                let value =
                    Eval::new(scope, &self.bounds, self.locals).eval(value).map_err(|error| *error)?;
                Ok(if value.is_undefined() { Value::from(()) } else { value })
            }
            _ => self.eval(scope),
        }
    }

    /// Evaluates a condition: undefined and none are false.
    ///
    /// # Errors
    /// As [`Expression::eval`].
    pub fn test(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match &self.body {
            Body::Value(value) if self.constant.is_none() => {
                Eval::new(scope, &self.bounds, self.locals).test(value).map_err(|error| *error)
            }
            _ => self.eval(scope).map(|value| value.is_true()),
        }
    }

    /// Renders it as text of a path, query, header or key: none is refused, and so is a list or
    /// a map. `escape` is applied to what expressions yield, not to what the author wrote.
    ///
    /// # Errors
    /// As [`Expression::eval`], and what `escape` refuses.
    pub fn render(&self, scope: &dyn Scope, escape: Option<Escape<'_>>) -> Result<String, EvalError> {
        let mut eval = Eval::new(scope, &self.bounds, self.locals);
        eval.strict_text = true;
        let block: &[ast::Stmt] = match &self.body {
            Body::Value(_) => &[],
            Body::Template(block) => block,
        };
        let mut out = Output::of(block, true, escape);
        let rendered = match &self.body {
            Body::Value(ast) => eval
                .strict(ast)
                .and_then(|value| eval.emit(&value, ast, place::of(ast).unwrap_or(self.span), &mut out)),
            Body::Template(block) => eval.block(block, &mut out).map(|_| ()),
        };
        rendered.map(|()| out.text).map_err(|error| *error)
    }
}

/// The expression of a template that is one `{{ … }}` and white space.
fn whole<'a, 'b>(template: &'b jinja::Stmt<'a>) -> Option<&'b jinja::Expr<'a>> {
    let jinja::Stmt::Template(template) = template else { return None };
    let mut found = None;
    for child in &template.children {
        match child {
            jinja::Stmt::EmitRaw(raw) if raw.raw.trim().is_empty() => {}
            jinja::Stmt::EmitExpr(emit) if found.is_none() => found = Some(&emit.expr),
            _ => return None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    /// A text that stands verbatim in a file.
    fn text(source: &str) -> (Text, Sources) {
        let mut sources = Sources::new();
        let file = sources.add("test", source.to_owned());
        let mut text = Text::opaque(source, Span::new(file, 0, source.len()));
        text.pieces = vec![crate::source::Piece { value: 0, source: 0, width: 0 }];
        (text, sources)
    }

    #[test]
    fn reads_know_their_place() {
        for (source, expected) in [
            ("{{ a.b['c'][0] + (steps.fetch.body).id }}", vec!["a.b['c'][0]", "steps.fetch.body).id"]),
            ("x {{ 1 + a[b.c] }} y", vec!["a[b.c]", "b.c"]),
            ("{% if a.b == 1 %}{{ c | upper }}{% endif %}", vec!["a.b", "c"]),
            ("$${ {{ a.b }}", vec!["a.b"]),
        ] {
            let (text, sources) = text(source);
            let parsed = Expression::template(&text, &Variables::new(), &mut Diagnostics::new()).unwrap();
            let found: Vec<_> = parsed.reads().iter().map(|read| sources.slice(read.span)).collect();
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn problems_know_their_place() {
        for (source, expected) in [
            ("total: {{ a | upcase }}", "upcase"),
            ("{{ a is strange }}", "strange"),
            ("{{ fetch(1) }}", "fetch(1)"),
            ("$${NAME} ${NOPE}", "${NOPE}"),
            ("é {{ 1 + }}", "}}"),
            ("{{ a < b < c }}", "a < b < c"),
            ("{{ a ~ ('x' | date) }}", "'x' | date"),
            ("{{ '${NAME}' }}", "${"),
            ("{{ a | pluck }}", "pluck"),
            ("{% for x in a %}{{ loop.lastt }}{% endfor %}", "loop.lastt"),
        ] {
            let (text, sources) = text(source);
            let mut diagnostics = Diagnostics::new();
            let _parsed = Expression::template(&text, &Variables::new(), &mut diagnostics);
            let first = diagnostics.iter().next().expect(source);
            assert_eq!(sources.slice(first.labels[0].span), expected, "{source}");
        }
    }

    #[test]
    fn failures_know_their_place() {
        struct Empty;
        impl Scope for Empty {
            fn get(&self, _: Slot) -> Value {
                Value::from(())
            }
            fn now(&self) -> Now {
                Now::UNIX_EPOCH
            }
            fn uuid(&self, _: u32) -> String {
                String::new()
            }
        }
        for (source, expected) in [
            ("{{ a }} {{ a.b | fixed(2) }}", "a.b"),
            ("{{ 1 + (a | number(0)) / 0 }}", "a | number(0)) / 0"),
            ("{% for x in a or 2 %}{% endfor %}", "a or 2"),
            ("{{ (a or 'x') | date }}", "a or 'x') | date"),
        ] {
            let (text, sources) = text(source);
            let parsed = Expression::template(&text, &Variables::new(), &mut Diagnostics::new()).unwrap();
            let error = parsed.eval(&Empty).unwrap_err();
            assert_eq!(sources.slice(error.span), expected, "{source}: {}", error.message);
        }
    }
}

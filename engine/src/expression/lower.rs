//! minijinja's syntax tree → [`Ast`]: names become reads or locals, constants are folded, and
//! what the language does not have is diagnosed.

use minijinja::machinery::ast::{self as jinja, Expr};

use super::ast::{Ast, Binary, Comparison, If, Op, Relation, Slice};
use super::{Read, eval};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Span, Text};

/// A construct of Jinja that the language does not have.
pub(super) const UNSUPPORTED: Code = Code("PW0307");
/// An expression of constants that fails whenever it is evaluated.
const ALWAYS_FAILS: Code = Code("PW0310");
/// `a < b < c`
const CHAINED: Code = Code("PW0801");

/// Whether undefined may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tolerance {
    No,
    Yes,
    /// As the field says that holds the expression.
    Field,
}

/// What holds for the reads at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub tolerance: Tolerance,
    pub flows: bool,
    pub conditional: bool,
}

impl Place {
    pub(super) fn strict(self) -> Self {
        Self { tolerance: Tolerance::No, ..self }
    }

    pub(super) fn tolerant(self) -> Self {
        Self { tolerance: Tolerance::Yes, ..self }
    }

    /// Of a condition or a comparison: its value is only tested.
    pub(super) fn tested(self) -> Self {
        Self { flows: false, ..self.tolerant() }
    }

    pub(super) fn conditional(self) -> Self {
        Self { conditional: true, ..self }
    }
}

/// One text being lowered.
pub(super) struct Lower<'a> {
    pub text: &'a Text,
    pub diagnostics: &'a mut Diagnostics,
    pub reads: Vec<Read>,
    /// The reads that stand where the field decides about undefined.
    pub field: Vec<usize>,
    /// Names that the template binds, innermost scope last.
    pub scopes: Vec<Vec<(String, usize)>>,
    pub locals: usize,
    /// How many `${}` literals were put back.
    pub unmasked: usize,
    /// Whether the filter being lowered may yield undefined items.
    pub accepts_items: bool,
    pub failed: bool,
}

impl<'a> Lower<'a> {
    pub(super) fn new(text: &'a Text, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            text,
            diagnostics,
            reads: Vec::new(),
            field: Vec::new(),
            scopes: vec![Vec::new()],
            locals: 0,
            unmasked: 0,
            accepts_items: false,
            failed: false,
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.failed |= diagnostic.severity == crate::diagnostic::Severity::Error;
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn unsupported(&mut self, span: Span, message: &str, help: &str) -> Ast {
        self.report(Diagnostic::error(UNSUPPORTED, message).at(span, "").help(help));
        Ast::Const(Value::from(()))
    }

    pub(super) fn span(&self, expr: &Expr<'_>) -> Span {
        self.text.span_of(start_of(expr), expr.span().end_offset as usize)
    }

    pub(super) fn span_of(&self, span: minijinja::machinery::Span) -> Span {
        self.text.span_of(span.start_offset as usize, span.end_offset as usize)
    }

    pub(super) fn local(&self, name: &str) -> Option<usize> {
        let mut bound = self.scopes.iter().rev().flat_map(|scope| scope.iter().rev());
        bound.find(|(known, _)| known == name).map(|(_, local)| *local)
    }

    pub(super) fn expr(&mut self, expr: &Expr<'_>, place: Place) -> Ast {
        let span = self.span(expr);
        match expr {
            Expr::Const(constant) => self.literal(&constant.value, span),
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.path(expr, place, false),
            Expr::Slice(slice) => self.slice(slice, span, place),
            Expr::UnaryOp(unary) => match unary.op {
                jinja::UnaryOpKind::Not => {
                    let operand = self.expr(&unary.expr, place.tested());
                    let folds = is_const(&operand);
                    self.fold(negated(operand), folds, span, place)
                }
                jinja::UnaryOpKind::Neg => {
                    let operand = self.expr(&unary.expr, place.strict());
                    let folds = is_const(&operand);
                    self.fold(Ast::Negate(Box::new((operand, span))), folds, span, place)
                }
            },
            Expr::BinOp(binary) => self.binary(binary, span, place),
            Expr::Compare(chain) => {
                self.report(
                    Diagnostic::warning(CHAINED, "this chain of comparisons is easily misread")
                        .at(span, "means that each pair compares so")
                        .help("join the comparisons by `and`"),
                );
                let rest = chain.ops.iter().map(|op| (relation(op.op), &op.expr));
                let tolerant =
                    |n: Option<&jinja::CompareOp<'_>>| n.is_none_or(|op| relation(op.op).accepts_undefined());
                let mut lowered = Vec::new();
                let first = self.expr(&chain.expr, compared(place, tolerant(chain.ops.first())));
                for (n, (op, operand)) in rest.enumerate() {
                    let accepts = op.accepts_undefined() && tolerant(chain.ops.get(n + 1));
                    let place = if n == 0 { place } else { place.conditional() };
                    lowered.push((op, self.expr(operand, compared(place, accepts))));
                }
                Ast::Compare(Box::new(Comparison { first, rest: lowered, span }))
            }
            Expr::IfExpr(it) => {
                let then = self.expr(&it.true_expr, place.conditional());
                let test = self.expr(&it.test_expr, place.tested());
                let otherwise = it.false_expr.as_ref().map(|expr| self.expr(expr, place.conditional()));
                let folds = is_const(&test) && is_const(&then) && otherwise.as_ref().is_none_or(is_const);
                self.fold(Ast::If(Box::new(If { test, then, otherwise })), folds, span, place)
            }
            Expr::Filter(filter) => self.filter(filter, span, place),
            Expr::Test(test) => self.test(test, span, place),
            Expr::Call(call) => self.call(call, span, place),
            Expr::List(list) => self.list(&list.items, span, place),
            Expr::Tuple(tuple) => self.list(&tuple.items, span, place),
            Expr::Map(map) => {
                let pairs: Vec<_> = map.keys.iter().zip(&map.values).collect();
                let pairs: Vec<_> = pairs
                    .into_iter()
                    .map(|(key, value)| (self.expr(key, place.strict()), self.expr(value, place.strict())))
                    .collect();
                let folds = pairs.iter().all(|(key, value)| is_const(key) && is_const(value));
                self.fold(Ast::Map(Box::new((pairs, span))), folds, span, place)
            }
        }
    }

    fn literal(&mut self, value: &Value, span: Span) -> Ast {
        if let Err(said) = eval::check_number(value) {
            self.report(Diagnostic::error(ALWAYS_FAILS, said).at(span, ""));
        }
        Ast::Const(value.clone())
    }

    fn list(&mut self, items: &[Expr<'_>], span: Span, place: Place) -> Ast {
        let items: Vec<_> = items.iter().map(|item| self.expr(item, place.strict())).collect();
        let folds = items.iter().all(is_const);
        self.fold(Ast::List(Box::new((items, span))), folds, span, place)
    }

    fn binary(&mut self, binary: &jinja::BinOp<'_>, span: Span, place: Place) -> Ast {
        use jinja::BinOpKind as Kind;
        let op = match binary.op {
            Kind::ScAnd | Kind::ScOr => {
                let left = self.expr(&binary.left, place.tolerant());
                let right = self.expr(&binary.right, place.tolerant().conditional());
                let folds = is_const(&left) && is_const(&right);
                let both = Box::new((left, right));
                let lowered = if matches!(binary.op, Kind::ScAnd) { Ast::And(both) } else { Ast::Or(both) };
                return self.fold(lowered, folds, span, place);
            }
            Kind::Eq => return self.comparison(Relation::Eq, binary, span, place),
            Kind::Ne => return self.comparison(Relation::Ne, binary, span, place),
            Kind::Lt => return self.comparison(Relation::Lt, binary, span, place),
            Kind::Lte => return self.comparison(Relation::Le, binary, span, place),
            Kind::Gt => return self.comparison(Relation::Gt, binary, span, place),
            Kind::Gte => return self.comparison(Relation::Ge, binary, span, place),
            Kind::In => return self.comparison(Relation::In, binary, span, place),
            Kind::Add => Op::Add,
            Kind::Sub => Op::Sub,
            Kind::Mul => Op::Mul,
            Kind::Div => Op::Div,
            Kind::FloorDiv => Op::FloorDiv,
            Kind::Rem => Op::Rem,
            Kind::Pow => Op::Pow,
            Kind::Concat => Op::Concat,
        };
        let left = self.expr(&binary.left, place.strict());
        let right = self.expr(&binary.right, place.strict());
        let folds = is_const(&left) && is_const(&right);
        self.fold(Ast::Binary(Box::new(Binary { op, left, right, span })), folds, span, place)
    }

    fn comparison(&mut self, op: Relation, binary: &jinja::BinOp<'_>, span: Span, place: Place) -> Ast {
        let place = compared(place, op.accepts_undefined());
        let first = self.expr(&binary.left, place);
        let right = self.expr(&binary.right, place);
        let folds = is_const(&first) && is_const(&right);
        self.fold(
            Ast::Compare(Box::new(Comparison { first, rest: vec![(op, right)], span })),
            folds,
            span,
            place,
        )
    }

    fn slice(&mut self, slice: &jinja::Slice<'_>, span: Span, place: Place) -> Ast {
        let input = match &slice.expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => {
                self.path(&slice.expr, place.strict(), true)
            }
            other => self.expr(other, place.strict()),
        };
        let mut bound = |bound: &Option<Expr<'_>>| {
            bound.as_ref().map(|expr| self.expr(expr, Place { flows: false, ..place.strict() }))
        };
        let (start, stop, step) = (bound(&slice.start), bound(&slice.stop), bound(&slice.step));
        let folds = is_const(&input) && [&start, &stop, &step].into_iter().flatten().all(is_const);
        self.fold(Ast::Slice(Box::new(Slice { input, start, stop, step, span })), folds, span, place)
    }

    /// Evaluates what reads nothing now, unless its value would be large. What fails is reported
    /// where it is certain to be evaluated.
    pub(super) fn fold(&mut self, lowered: Ast, folds: bool, span: Span, place: Place) -> Ast {
        if !folds || self.failed {
            return lowered;
        }
        match eval::constant(&lowered) {
            Ok(value) if value.is_undefined() || is_large(&value) => lowered,
            Ok(value) => Ast::Const(value),
            Err(_) if place.conditional => lowered,
            Err(error) => {
                let diagnostic = Diagnostic::error(ALWAYS_FAILS, "this expression always fails");
                self.report(diagnostic.at(span, error.message));
                lowered
            }
        }
    }
}

fn is_large(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > 1 << 16) || value.len().is_some_and(|len| len > 1 << 16)
}

pub(super) fn is_const(lowered: &Ast) -> bool {
    matches!(lowered, Ast::Const(_))
}

/// `not operand`; `not (a in b)` is one comparison.
fn negated(operand: Ast) -> Ast {
    match operand {
        Ast::Compare(mut comparison) => {
            if let [(relation @ Relation::In, _)] = comparison.rest.as_mut_slice() {
                *relation = Relation::NotIn;
                return Ast::Compare(comparison);
            }
            Ast::Not(Box::new(Ast::Compare(comparison)))
        }
        other => Ast::Not(Box::new(other)),
    }
}

fn compared(place: Place, accepts_undefined: bool) -> Place {
    if accepts_undefined { place.tested() } else { Place { flows: false, ..place.strict() } }
}

fn relation(op: jinja::CompareOpKind) -> Relation {
    use jinja::CompareOpKind as Kind;
    match op {
        Kind::Eq => Relation::Eq,
        Kind::Ne => Relation::Ne,
        Kind::Lt => Relation::Lt,
        Kind::Lte => Relation::Le,
        Kind::Gt => Relation::Gt,
        Kind::Gte => Relation::Ge,
        Kind::In => Relation::In,
        Kind::NotIn => Relation::NotIn,
    }
}

/// Where an expression begins: minijinja's spans begin at its last hop or before it.
fn start_of(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::GetAttr(it) => start_of(&it.expr),
        Expr::GetItem(it) => start_of(&it.expr),
        Expr::Slice(it) => start_of(&it.expr),
        Expr::Call(it) => start_of(&it.expr),
        Expr::BinOp(it) => start_of(&it.left),
        Expr::Compare(it) => start_of(&it.expr),
        Expr::IfExpr(it) => start_of(&it.true_expr),
        Expr::Test(it) => start_of(&it.expr),
        Expr::Filter(it) => match &it.expr {
            Some(input) => start_of(input),
            None => it.span().start_offset as usize,
        },
        Expr::UnaryOp(it) => match (&it.op, &it.expr) {
            // `a not in b` and `a is not b`
            (jinja::UnaryOpKind::Not, Expr::Test(_)) => start_of(&it.expr),
            (jinja::UnaryOpKind::Not, Expr::BinOp(inner)) if matches!(inner.op, jinja::BinOpKind::In) => {
                start_of(&it.expr)
            }
            _ => it.span().start_offset as usize,
        },
        other => other.span().start_offset as usize,
    }
}

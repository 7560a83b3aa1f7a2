//! Paths: names, and the way into what they stand for.

use minijinja::machinery::ast::Expr;

use super::ast::{Ast, Path, Root, Step};
use super::lower::{Lower, Place, Tolerance, is_const};
use super::{Read, Segment};
use crate::source::Span;

impl Lower<'_> {
    /// `name.key[index]…`; `sliced`: a slice follows.
    pub(super) fn path(&mut self, expr: &Expr<'_>, place: Place, sliced: bool) -> Ast {
        let span = self.span(expr);
        let mut hops = Vec::new();
        let mut base = expr;
        loop {
            match base {
                Expr::GetAttr(hop) => {
                    hops.push(base);
                    base = &hop.expr;
                }
                Expr::GetItem(hop) => {
                    hops.push(base);
                    base = &hop.expr;
                }
                _ => break,
            }
        }
        let outside = match base {
            Expr::Var(var) if self.local(var.id).is_none() => Some(self.read(var.id, span, place)),
            _ => None,
        };
        let root = match (base, outside) {
            (Expr::Var(var), Some(read)) => Root::Read(read, var.id.to_owned()),
            (Expr::Var(var), None) => Root::Local(self.local(var.id).unwrap_or(0), var.id.to_owned()),
            // A value that is undefined has no attributes, but at a tolerant place that is no error.
            (value, _) => Root::Value(self.expr(value, place)),
        };
        let mut steps = Vec::with_capacity(hops.len());
        for hop in hops.into_iter().rev() {
            let step = match hop {
                Expr::GetAttr(hop) => Step::Key(hop.name.to_owned()),
                Expr::GetItem(hop) => match self.expr(&hop.subscript_expr, Place { flows: false, ..place }) {
                    Ast::Const(value) if value.as_str().is_some() => {
                        Step::Key(value.as_str().unwrap_or("").to_owned())
                    }
                    Ast::Const(value) if value.is_integer() && value.as_i64().is_some() => {
                        Step::Index(value.as_i64().unwrap_or(0))
                    }
                    computed => Step::Computed(computed),
                },
                _ => continue,
            };
            if let Some(read) = outside.and_then(|read| self.reads.get_mut(read)) {
                read.path.push(match &step {
                    Step::Key(name) => Segment::Key(name.clone()),
                    Step::Index(index) => Segment::Index(*index),
                    Step::Computed(_) => Segment::Dynamic,
                });
            }
            steps.push(step);
        }
        if matches!(&root, Root::Local(_, name) if name == "loop") {
            let attribute = match steps.first() {
                Some(Step::Key(name)) => Some(name.as_str()),
                _ => None,
            };
            self.check_loop(attribute, span);
        }
        if let Some(read) = outside.and_then(|read| self.reads.get_mut(read)).filter(|_| sliced) {
            read.path.push(Segment::Dynamic);
        }
        let folds = matches!(&root, Root::Value(value) if is_const(value))
            && !steps.iter().any(|step| matches!(step, Step::Computed(_)));
        self.fold(Ast::Path(Box::new(Path { root, steps, span })), folds, span, place)
    }

    fn read(&mut self, name: &str, span: Span, place: Place) -> usize {
        let read = self.reads.len();
        if place.tolerance == Tolerance::Field {
            self.field.push(read);
        }
        self.reads.push(Read {
            path: vec![Segment::Key(name.to_owned())],
            span,
            tolerated: place.tolerance == Tolerance::Yes,
            conditional: place.conditional,
            flows: place.flows,
            defaulted: false,
        });
        read
    }
}

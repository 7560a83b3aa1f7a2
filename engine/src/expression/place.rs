//! Where an expression stands in its file.

use super::ast::{Ast, Root};
use crate::source::Span;

/// Where `ast` stands, or its first part that knows.
pub(super) fn of(ast: &Ast) -> Option<Span> {
    match ast {
        Ast::Const(_) => None,
        Ast::Path(it) => match &it.root {
            Root::Value(inner) => of(inner).map(|start| start.to(it.span)).or(Some(it.span)),
            _ => Some(it.span),
        },
        Ast::Not(operand) => of(operand),
        Ast::And(both) | Ast::Or(both) => of(&both.0).or_else(|| of(&both.1)),
        Ast::Negate(it) => Some(it.1),
        Ast::Binary(it) => Some(it.span),
        Ast::Compare(it) => Some(it.span),
        Ast::If(it) => of(&it.then).or_else(|| of(&it.test)),
        Ast::Default(it) => of(&it.input),
        Ast::Filter(it) => Some(it.span),
        Ast::Test(it) => Some(it.span),
        Ast::Call(it) => Some(it.span),
        Ast::Slice(it) => Some(it.span),
        Ast::List(it) => Some(it.1),
        Ast::Map(it) => Some(it.1),
    }
}

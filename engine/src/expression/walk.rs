//! Visits every expression of a template.

use super::ast::{Ast, Block, Root, Step, Stmt};

/// Calls `visit` for every expression in `block`, the outer ones first.
pub(super) fn block(block: &Block, visit: &mut dyn FnMut(&Ast)) {
    for statement in block {
        match statement {
            Stmt::Text(_) | Stmt::Break | Stmt::Continue => {}
            Stmt::Emit(value, _) | Stmt::Set(_, value, _) | Stmt::Discard(value) => ast(value, visit),
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    ast(test, visit);
                    self::block(body, visit);
                }
                self::block(otherwise, visit);
            }
            Stmt::For(each) => {
                ast(&each.items, visit);
                each.filter.iter().for_each(|filter| ast(filter, visit));
                self::block(&each.body, visit);
                self::block(&each.otherwise, visit);
            }
            Stmt::With(assignments, body) => {
                assignments.iter().for_each(|(_, value, _)| ast(value, visit));
                self::block(body, visit);
            }
            Stmt::SetBlock(_, body, filters, _) | Stmt::Filter(filters, body) => {
                filters.iter().flat_map(|filter| filter.arguments.iter()).for_each(|value| ast(value, visit));
                self::block(body, visit);
            }
        }
    }
}

fn ast(node: &Ast, visit: &mut dyn FnMut(&Ast)) {
    visit(node);
    match node {
        Ast::Const(_) => {}
        Ast::Path(path) => {
            if let Root::Value(value) = &path.root {
                ast(value, visit);
            }
            for step in &path.steps {
                if let Step::Computed(value) = step {
                    ast(value, visit);
                }
            }
        }
        Ast::Not(operand) => ast(operand, visit),
        Ast::Negate(it) => ast(&it.0, visit),
        Ast::And(both) | Ast::Or(both) => {
            ast(&both.0, visit);
            ast(&both.1, visit);
        }
        Ast::Binary(it) => {
            ast(&it.left, visit);
            ast(&it.right, visit);
        }
        Ast::Compare(it) => {
            ast(&it.first, visit);
            it.rest.iter().for_each(|(_, operand)| ast(operand, visit));
        }
        Ast::If(it) => {
            ast(&it.test, visit);
            ast(&it.then, visit);
            it.otherwise.iter().for_each(|value| ast(value, visit));
        }
        Ast::Default(it) => {
            ast(&it.input, visit);
            ast(&it.other, visit);
            it.falsy.iter().for_each(|value| ast(value, visit));
        }
        Ast::Filter(it) => {
            ast(&it.input, visit);
            it.arguments.iter().for_each(|value| ast(value, visit));
        }
        Ast::Test(it) => {
            ast(&it.input, visit);
            it.arguments.iter().for_each(|value| ast(value, visit));
        }
        Ast::Call(it) => it.arguments.iter().for_each(|value| ast(value, visit)),
        Ast::Slice(it) => {
            ast(&it.input, visit);
            [&it.start, &it.stop, &it.step].into_iter().flatten().for_each(|value| ast(value, visit));
        }
        Ast::List(it) => it.0.iter().for_each(|item| ast(item, visit)),
        Ast::Map(it) => {
            for (key, value) in &it.0 {
                ast(key, visit);
                ast(value, visit);
            }
        }
    }
}

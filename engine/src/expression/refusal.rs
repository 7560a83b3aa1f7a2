//! What is said where undefined is refused: the path that the author wrote, as far as it is there.

use super::ast::{Ast, Callee, Path, Prefix, Root, Step};
use super::eval::{Eval, Result};
use super::{EvalError, place};
use crate::source::{FileId, Span};

impl Eval<'_> {
    /// The error that names what made `ast` undefined.
    #[cold]
    pub(super) fn refusal(&mut self, ast: &Ast) -> Box<EvalError> {
        let error = |message: String, span| Box::new(EvalError { message, span });
        match ast {
            Ast::Path(path) => match self.undefined_prefix(path) {
                Ok(message) => error(message, path.span),
                Err(failed) => failed,
            },
            Ast::If(it) => match (self.test(&it.test), &it.otherwise) {
                (Ok(true), _) => self.refusal(&it.then),
                (Ok(false), Some(otherwise)) => self.refusal(otherwise),
                (Err(failed), _) => failed,
                _ => error("the value is undefined".to_owned(), self.place(ast)),
            },
            Ast::Default(it) => self.refusal(&it.other),
            Ast::Call(call) if call.callee == Callee::Reveal => match call.arguments.positional.first() {
                Some(inner) => self.refusal(inner),
                None => error("the value is undefined".to_owned(), call.span),
            },
            _ => error(format!("`{ast}` is undefined"), self.place(ast)),
        }
    }

    fn undefined_prefix(&mut self, path: &Path) -> Result<String> {
        let (mut value, consumed) = match &path.root {
            Root::Read(read, _) => {
                let bound = self.bound(*read);
                (self.scope.get(bound.slot), bound.consumed.saturating_sub(1))
            }
            Root::Local(local, _) => (self.locals.get(*local).cloned().unwrap_or_default(), 0),
            Root::Value(inner) => match self.eval(inner)? {
                value if value.is_undefined() => return Err(self.refusal(inner)),
                value => (value, 0),
            },
        };
        for (n, step) in path.steps.iter().enumerate().skip(consumed) {
            if value.is_undefined() {
                return Ok(format!("`{}` is undefined", Prefix(path, n)));
            }
            if let Step::Computed(key) = step
                && self.eval(key)?.is_undefined()
            {
                return Err(self.refusal(key));
            }
            let next = self.step(&value, step)?;
            if next.is_undefined() && value.is_none() {
                return Ok(format!("`{}` is undefined: `{}` is none", Prefix(path, n + 1), Prefix(path, n)));
            }
            value = next;
        }
        Ok(format!("`{path}` is undefined"))
    }

    fn place(&self, ast: &Ast) -> Span {
        place::of(ast).unwrap_or(Span::new(FileId(0), 0, 0))
    }
}

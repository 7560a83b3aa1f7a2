//! Filters and tests by name.

use minijinja::machinery::ast as jinja;

use super::ast::{Arguments, Ast, Filter, Function, Root, Test, TestKind, Yields};
use super::lower::{Lower, Place, is_const};
use super::{environment, filters};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A filter that the language does not have.
const UNKNOWN_FILTER: Code = Code("PW0302");
/// A test that the language does not have.
const UNKNOWN_TEST: Code = Code("PW0303");
/// Arguments that a filter does not take.
const ARGUMENTS: Code = Code("PW0312");

impl Lower<'_> {
    pub(super) fn filter(
        &mut self,
        filter: &jinja::Spanned<jinja::Filter<'_>>,
        span: Span,
        place: Place,
    ) -> Ast {
        let accepts_items = std::mem::take(&mut self.accepts_items);
        let own = filters::find(filter.name);
        let is_default = matches!(filter.name, "default" | "d");
        let accepts = own.is_some_and(|own| own.accepts_undefined(!filter.args.is_empty()));
        let inside = if is_default || accepts { place.tolerant() } else { place.strict() };
        self.accepts_items =
            matches!(filter.name, "select" | "reject") && matches!(filter.expr, Some(jinja::Expr::Filter(_)));
        let input = match &filter.expr {
            Some(input) => self.expr(input, inside),
            None => Ast::Const(Value::from(())),
        };
        if is_default
            && let Ast::Path(path) = &input
            && let Root::Read(read, _) = path.root
            && let Some(read) = self.reads.get_mut(read)
        {
            read.defaulted = true;
        }
        // An argument of `default` may be undefined where the filter's place accepts it.
        let argued = if is_default { place.conditional() } else { place.strict() };
        let arguments = self.arguments(&filter.args, argued);
        if is_default {
            return self.default(input, arguments, span, place);
        }
        let Some(mut function) = self.function(filter.name, &arguments, self.span_of(filter.span())) else {
            return Ast::Const(Value::from(()));
        };
        if let Function::Native(_, yields) = &mut function {
            // `select` may have been given undefined items, and may have selected them.
            let selected = matches!(&input, Ast::Filter(it) if matches!(it.function, Function::Native(_, Yields::AcceptedItems)));
            *yields = match *yields {
                Yields::Defined if !selected => Yields::Defined,
                _ if accepts_items => Yields::AcceptedItems,
                _ => Yields::Items,
            };
        }
        let folds = is_const(&input) && arguments.iter().all(is_const);
        self.fold(Ast::Filter(Box::new(Filter { function, input, arguments, span })), folds, span, place)
    }

    /// The filter `name`; `None` was reported.
    pub(super) fn function(&mut self, name: &str, arguments: &Arguments, span: Span) -> Option<Function> {
        if let Some(own) = filters::find(name) {
            let named = arguments.named.iter().map(|(name, _)| name.as_str());
            if let Err(said) = own.check(arguments.positional.len(), named) {
                let help = format!("write `{}`", own.signature());
                self.report(Diagnostic::error(ARGUMENTS, said).at(span, "").help(help));
                return None;
            }
            if let Err(said) = own.verify(&arguments.positional) {
                self.report(Diagnostic::error(ARGUMENTS, format!("`{name}`: {said}")).at(span, ""));
                return None;
            }
            return Some(Function::Own(own));
        }
        if environment::NATIVE_FILTERS.contains(&name) {
            let yields = match name {
                "map" | "groupby" => Yields::Items,
                _ => Yields::Defined,
            };
            return Some(Function::Native(name.to_owned(), yields));
        }
        self.report(
            Diagnostic::error(UNKNOWN_FILTER, format!("there is no filter `{name}`"))
                .at(span, "")
                .suggest(name, filters::names()),
        );
        None
    }

    pub(super) fn test(&mut self, test: &jinja::Spanned<jinja::Test<'_>>, span: Span, place: Place) -> Ast {
        let input = self.expr(&test.expr, place.tested());
        let arguments = self.arguments(&test.args, place.tested());
        let kind = match test.name {
            "defined" => TestKind::Defined,
            "undefined" => TestKind::Undefined,
            "none" => TestKind::None,
            name if environment::TESTS.contains(&name) => TestKind::Native(name.to_owned()),
            name => {
                let known = environment::TESTS.iter().copied();
                let diagnostic = Diagnostic::error(UNKNOWN_TEST, format!("there is no test `{name}`"));
                let at = self.span_of(test.span());
                self.report(match name {
                    "null" | "nil" => diagnostic.at(at, "").help("write `is none`"),
                    _ => diagnostic.at(at, "").suggest(name, known),
                });
                return Ast::Const(Value::from(false));
            }
        };
        let folds = is_const(&input) && arguments.iter().all(is_const);
        self.fold(Ast::Test(Box::new(Test { kind, input, arguments, span })), folds, span, place)
    }
}

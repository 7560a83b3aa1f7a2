//! Filters, tests and functions by name, and their arguments.

use minijinja::machinery::ast as jinja;

use super::ast::{
    Arguments, Ast, Call, Callee, DefaultFilter, Filter, Function, Root, Test, TestKind, Yields,
};
use super::lower::{Lower, Place, is_const};
use super::{environment, filters};
use crate::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A filter that the language does not have.
const UNKNOWN_FILTER: Code = Code("PW0302");
/// A test that the language does not have.
const UNKNOWN_TEST: Code = Code("PW0303");
/// A function or a method that the language does not have.
const UNKNOWN_FUNCTION: Code = Code("PW0304");
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

    pub(super) fn default(&mut self, input: Ast, mut arguments: Arguments, span: Span, place: Place) -> Ast {
        let falsy = (arguments.positional.len() > 1).then(|| arguments.positional.remove(1));
        let other = if arguments.positional.is_empty() {
            Ast::Const(Value::from(""))
        } else {
            arguments.positional.remove(0)
        };
        if !arguments.is_empty() {
            let help = "write `default(value)`, or `default(value, true)` to replace empty values too";
            return self.unsupported(span, "`default` takes one or two arguments", help);
        }
        let folds = is_const(&input) && is_const(&other) && falsy.as_ref().is_none_or(is_const);
        self.fold(Ast::Default(Box::new(DefaultFilter { input, other, falsy })), folds, span, place)
    }

    pub(super) fn arguments(&mut self, args: &[jinja::CallArg<'_>], place: Place) -> Arguments {
        let mut arguments = Arguments::default();
        for arg in args {
            match arg {
                jinja::CallArg::Pos(expr) => arguments.positional.push(self.expr(expr, place)),
                jinja::CallArg::Kwarg(name, expr) => {
                    arguments.named.push(((*name).to_owned(), self.expr(expr, place)));
                }
                jinja::CallArg::PosSplat(expr) | jinja::CallArg::KwargSplat(expr) => {
                    let span = self.span(expr);
                    self.unsupported(span, "`*` cannot spread arguments", "write the arguments one by one");
                }
            }
        }
        arguments
    }

    pub(super) fn call(&mut self, call: &jinja::Call<'_>, span: Span, place: Place) -> Ast {
        let name = match call.identify_call() {
            jinja::CallType::Function(name) if self.local(name).is_none() => name,
            jinja::CallType::Method(_, name) => return self.no_method(name, span),
            _ => return self.unsupported(span, "a value cannot be called", "leave the parentheses out"),
        };
        let callee = match name {
            "now" => Callee::Now,
            "uuid" => Callee::Uuid,
            "reveal" => Callee::Reveal,
            "range" => Callee::Range,
            "dict" => Callee::Dict,
            _ => {
                let known = environment::FUNCTIONS;
                let diagnostic =
                    Diagnostic::error(UNKNOWN_FUNCTION, format!("there is no function `{name}`"))
                        .at(span, "")
                        .suggest(name, known.iter().copied());
                self.report(match filters::is_known(name) {
                    true => diagnostic.help(format!("`{name}` is a filter: write `value | {name}`")),
                    false => diagnostic,
                });
                return Ast::Const(Value::from(()));
            }
        };
        let inside = if callee == Callee::Reveal { Place { flows: false, ..place } } else { place.strict() };
        let arguments = self.arguments(&call.args, inside);
        let fits = match callee {
            Callee::Now | Callee::Uuid => arguments.is_empty(),
            Callee::Reveal => arguments.positional.len() == 1 && arguments.named.is_empty(),
            Callee::Range => (1..=3).contains(&arguments.positional.len()) && arguments.named.is_empty(),
            Callee::Dict => arguments.positional.len() <= 1,
        };
        if !fits {
            let help = "write `now()`, `uuid()`, `reveal(x)`, `range(stop)`, `range(start, stop, step)` or `dict(a=1)`";
            return self.unsupported(span, &format!("`{name}` does not take these arguments"), help);
        }
        let pure = !matches!(callee, Callee::Now | Callee::Uuid);
        let folds = pure && arguments.iter().all(is_const);
        self.fold(Ast::Call(Box::new(Call { callee, arguments, span })), folds, span, place)
    }

    fn no_method(&mut self, name: &str, span: Span) -> Ast {
        let help = match name {
            "get" => "write `x.key`, or `x.key | default(other)`".to_owned(),
            "startswith" => "write `x is startingwith('…')`".to_owned(),
            "endswith" => "write `x is endingwith('…')`".to_owned(),
            "strip" => "write `x | trim`".to_owned(),
            "keys" => "write `x | list`".to_owned(),
            "append" | "extend" => "write `x + [item]`".to_owned(),
            "cycle" => "write `[a, b][loop.index0 % 2]`".to_owned(),
            name if filters::is_known(name) => format!("write `x | {name}`"),
            _ => "values have no methods: use a filter".to_owned(),
        };
        let diagnostic = Diagnostic::error(UNKNOWN_FUNCTION, format!("there is no method `{name}`"));
        self.report(diagnostic.at(span, "").help(help));
        Ast::Const(Value::from(()))
    }
}

//! minijinja's environment: one for all, since it holds nothing but filters and tests.

use std::sync::OnceLock;

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Environment, Expression};

use super::ast::Op;
use super::filters;
use crate::Value;

/// What minijinja's own code may spend in one evaluation, about one unit per item it visits and
/// per 64 bytes it writes.
const FUEL: u64 = 1_000_000;

/// minijinja's filters and minijinja-contrib's that the language has not replaced.
pub(super) const NATIVE_FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pluralize",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "striptags",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// minijinja's tests; `defined`, `undefined` and `none` are evaluated here.
pub(super) const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "equalto",
    "ne",
    "lt",
    "lessthan",
    "le",
    "gt",
    "greaterthan",
    "ge",
    "in",
    "true",
    "false",
];

/// The functions of the language.
pub(super) const FUNCTIONS: &[&str] = &["now", "uuid", "reveal", "range", "dict"];

/// The environment.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        minijinja_contrib::add_to_environment(&mut environment);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|out, _, value| {
            let mut text = String::new();
            super::text::write(&mut text, value).map_err(invalid)?;
            out.write_str(&text).map_err(minijinja::Error::from)
        });
        for definition in filters::all() {
            environment.add_filter(definition.name, |input: Value, rest: Rest<ValueOrKwargs>| {
                let mut positional: Vec<Value> = rest.0.into_iter().map(ValueOrKwargs::into_value).collect();
                let named = match positional.last().is_some_and(Value::is_kwargs) {
                    true => positional.pop(),
                    false => None,
                };
                let named = named.map(named_pairs).unwrap_or_default();
                filters::call(definition, input, positional, named).map_err(invalid)
            });
        }
        environment
    })
}

fn named_pairs(kwargs: Value) -> Vec<(String, Value)> {
    let Ok(kwargs) = Kwargs::try_from(kwargs) else { return Vec::new() };
    let names: Vec<String> = kwargs.args().map(str::to_owned).collect();
    names.into_iter().filter_map(|name| kwargs.get(&name).ok().map(|value| (name, value))).collect()
}

fn invalid(message: String) -> minijinja::Error {
    minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message)
}

/// What minijinja says of `a op b` (`a` and `b` of any type).
pub(super) fn binary(op: Op, a: Value, b: Value) -> Result<Value, minijinja::Error> {
    let code = match op {
        Op::Add => "a + b",
        Op::Sub => "a - b",
        Op::Mul => "a * b",
        Op::Div => "a / b",
        Op::FloorDiv => "a // b",
        Op::Rem => "a % b",
        Op::Pow => "a ** b",
        Op::Concat => "a ~ b",
    };
    run(code, Value::from_pairs([("a", a), ("b", b)]))
}

/// What minijinja says of `-a`.
pub(super) fn negate(a: Value) -> Result<Value, minijinja::Error> {
    run("-a", Value::from_pairs([("a", a)]))
}

/// What minijinja says of `a in b`.
pub(super) fn contains(b: Value, a: Value) -> Result<bool, minijinja::Error> {
    run("a in b", Value::from_pairs([("a", a), ("b", b)])).map(|found| found.is_true())
}

/// What minijinja says of `a[start:stop:step]`.
pub(super) fn slice(a: Value, start: Value, stop: Value, step: Value) -> Result<Value, minijinja::Error> {
    run("a[b:c:d]", Value::from_pairs([("a", a), ("b", start), ("c", stop), ("d", step)]))
}

/// Runs one of the expressions above in minijinja, compiled once.
fn run(code: &'static str, context: Value) -> Result<Value, minijinja::Error> {
    type Compiled = Vec<(&'static str, Expression<'static, 'static>)>;
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        ["a + b", "a - b", "a * b", "a / b", "a // b", "a % b", "a ** b", "a ~ b", "-a", "a in b", "a[b:c:d]"]
            .into_iter()
            .filter_map(|code| Some((code, environment().compile_expression(code).ok()?)))
            .collect()
    });
    match compiled.iter().find(|(known, _)| *known == code) {
        Some((_, expression)) => expression.eval(context),
        None => Err(invalid(format!("`{code}` is not compiled"))),
    }
}

/// One lowercase sentence out of minijinja's error.
pub(super) fn message(error: &minijinja::Error) -> String {
    use minijinja::ErrorKind;
    let said = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it is too much work",
        (_, Some(detail)) => detail,
        (ErrorKind::MissingArgument, None) => "an argument is missing",
        (ErrorKind::TooManyArguments, None) => "it has too many arguments",
        (_, None) => "its operands are of the wrong type",
    };
    said.to_owned()
}

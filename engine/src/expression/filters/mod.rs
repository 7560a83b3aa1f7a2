//! The filters of the language, each with its line of documentation and examples that a test
//! runs. minijinja's filters stand beside them.

mod dates;
mod encoding;
mod json;
mod lists;
mod maps;
mod numbers;
mod patterns;
mod reference;
mod words;

pub use reference::{page, reference};

pub use self::encoding::percent_encode;
use super::environment;
use super::eval::noun;
use crate::Value;

/// A filter.
#[derive(Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What it takes besides its input.
    pub parameters: &'static [Parameter],
    /// One sentence for the reference.
    pub about: &'static str,
    /// Expressions and their values as JSON.
    pub examples: &'static [(&'static str, &'static str)],
    undefined: Undefined,
    function: fn(&Call) -> Result<Value, String>,
}

/// A parameter of a filter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, by which it may be given.
    pub name: &'static str,
    /// What is taken if it is not given, empty for nothing; `None` where it must be given.
    pub default: Option<&'static str>,
}

/// Whether the input may be undefined; it then counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undefined {
    Refused,
    Accepted,
    /// Where there is an argument, which is what is yielded for it.
    AcceptedWithArguments,
}

/// The most parameters that a filter has.
const MAX_PARAMETERS: usize = 3;

/// A filter's input and arguments.
struct Call {
    input: Value,
    arguments: [Option<Value>; MAX_PARAMETERS],
}

const fn required(name: &'static str) -> Parameter {
    Parameter { name, default: None }
}

const fn optional(name: &'static str, default: &'static str) -> Parameter {
    Parameter { name, default: Some(default) }
}

impl Call {
    fn argument(&self, n: usize) -> Option<&Value> {
        self.arguments.get(n).and_then(Option::as_ref)
    }

    /// The `n`th argument as text.
    fn text(&self, n: usize) -> Result<Option<&str>, String> {
        match self.argument(n) {
            None => Ok(None),
            Some(value) => text(value).map(Some),
        }
    }

    /// The `n`th argument as a count.
    fn count(&self, n: usize, default: usize) -> Result<usize, String> {
        match self.argument(n) {
            None => Ok(default),
            Some(value) if value.is_integer() => {
                value.as_usize().ok_or_else(|| format!("{value} is not a count"))
            }
            Some(other) => Err(format!("it needs a whole number, not {}", noun(other))),
        }
    }

    /// The items of the input, which must be a list.
    fn items(&self) -> Result<impl Iterator<Item = Value> + use<>, String> {
        use minijinja::value::ValueKind;
        match self.input.kind() {
            ValueKind::Seq | ValueKind::Iterable => self.input.try_iter().map_err(|error| error.to_string()),
            _ => Err(format!("it needs a list, not {}", noun(&self.input))),
        }
    }
}

/// `value`, which must be text.
fn text(value: &Value) -> Result<&str, String> {
    use minijinja::value::ValueKind;
    match value.as_str() {
        Some(text) if value.kind() == ValueKind::String => Ok(text),
        _ => Err(format!("it needs text, not {}", noun(value))),
    }
}

/// `value` as text, if it is text, a number or a boolean.
fn scalar(value: &Value) -> Result<String, String> {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => super::text::of(value),
        _ => Err(format!("it needs text or a number, not {}", noun(value))),
    }
}

/// All of the language's own filters, by name.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    [
        dates::FILTERS,
        encoding::FILTERS,
        json::FILTERS,
        lists::FILTERS,
        maps::FILTERS,
        numbers::FILTERS,
        patterns::FILTERS,
        words::FILTERS,
    ]
    .into_iter()
    .flatten()
}

/// The names of all filters, minijinja's included.
pub fn names() -> impl Iterator<Item = &'static str> {
    let native = environment::NATIVE_FILTERS.iter().copied();
    all().map(|definition| definition.name).chain(["default", "d"]).chain(native)
}

pub(super) fn find(name: &str) -> Option<&'static Definition> {
    all().find(|definition| definition.name == name)
}

pub(super) fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

impl Definition {
    /// How it is called, such as `pluck(name, default=none)`.
    #[must_use]
    pub fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| match parameter.default {
                Some("") => format!("{}?", parameter.name),
                Some(default) => format!("{}={default}", parameter.name),
                None => parameter.name.to_owned(),
            })
            .collect();
        match parameters.is_empty() {
            true => self.name.to_owned(),
            false => format!("{}({})", self.name, parameters.join(", ")),
        }
    }

    /// What it does, with its examples, as Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        let examples: String =
            self.examples.iter().map(|(source, value)| format!("{source}\n  → {value}\n")).collect();
        format!("**`{}`**\n\n{}\n\n```text\n{examples}```", self.signature(), self.about)
    }

    pub(super) fn accepts_undefined(&self, has_arguments: bool) -> bool {
        match self.undefined {
            Undefined::Refused => false,
            Undefined::Accepted => true,
            Undefined::AcceptedWithArguments => has_arguments,
        }
    }

    /// Whether its arguments, as far as they are constants, can be right at all.
    pub(super) fn verify(&self, positional: &[super::ast::Ast]) -> Result<(), String> {
        let Some(super::ast::Ast::Const(first)) = positional.first() else { return Ok(()) };
        match self.name {
            "regex_find" | "regex_replace" => patterns::verify(text(first)?),
            "start_of" | "end_of" | "next" => dates::verify_period(text(first)?),
            "add" => dates::verify_duration(text(first)?),
            _ => Ok(()),
        }
    }

    /// Whether it can be called with so many positional arguments and these names.
    pub(super) fn check<'a>(
        &self,
        positional: usize,
        named: impl Iterator<Item = &'a str>,
    ) -> Result<(), String> {
        let mut given = [false; MAX_PARAMETERS];
        given.iter_mut().take(positional).for_each(|given| *given = true);
        if positional > self.parameters.len() {
            return Err(format!("`{}` has too many arguments", self.name));
        }
        for name in named {
            let parameter = self.parameters.iter().position(|parameter| parameter.name == name);
            match parameter.and_then(|n| given.get_mut(n)) {
                Some(given) if *given => return Err(format!("`{}` has `{name}` twice", self.name)),
                Some(given) => *given = true,
                None => return Err(format!("`{}` has no argument `{name}`", self.name)),
            }
        }
        for (parameter, given) in self.parameters.iter().zip(given) {
            if parameter.default.is_none() && !given {
                return Err(format!("`{}` needs `{}`", self.name, parameter.name));
            }
        }
        Ok(())
    }
}

/// Calls a filter.
pub(super) fn call(
    definition: &'static Definition,
    input: Value,
    positional: Vec<Value>,
    named: Vec<(String, Value)>,
) -> Result<Value, String> {
    definition.check(positional.len(), named.iter().map(|(name, _)| name.as_str()))?;
    let mut arguments = [const { None }; MAX_PARAMETERS];
    for (place, value) in arguments.iter_mut().zip(positional) {
        *place = Some(value);
    }
    for (name, value) in named {
        let parameter = definition.parameters.iter().position(|parameter| parameter.name == name);
        if let Some(place) = parameter.and_then(|n| arguments.get_mut(n)) {
            *place = Some(value);
        }
    }
    (definition.function)(&Call { input, arguments })
}

#[cfg(test)]
mod tests {
    use super::super::{Expression, Variables, environment};
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Sources, Span, Text};

    /// The value of `source`, which reads nothing, as JSON.
    fn value(source: &str) -> String {
        let file = Sources::new().add("test", source.to_owned());
        let text = Text::opaque(source, Span::new(file, 0, source.len()));
        let mut diagnostics = Diagnostics::new();
        let parsed = Expression::bare(&text, &Variables::new(), &mut diagnostics);
        let parsed = parsed.unwrap_or_else(|| panic!("{source}: {diagnostics:?}"));
        crate::value::to_json(parsed.as_constant().unwrap_or_else(|| panic!("{source} reads something")))
    }

    #[test]
    fn examples_hold() {
        for definition in all() {
            assert!(!definition.examples.is_empty(), "{} has no example", definition.name);
            for (source, expected) in definition.examples {
                assert!(source.contains(definition.name), "{source} does not show {}", definition.name);
                assert_eq!(value(source), *expected, "{source}");
            }
        }
    }

    #[test]
    fn the_reference_is_written_down() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/filters.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, reference()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(written == reference(), "docs/filters.md is old: write it anew with UPDATE_DOCS=1");
    }

    #[test]
    fn names_are_unique_and_parameters_few() {
        let mut names: Vec<_> = names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(all().all(|definition| definition.parameters.len() <= MAX_PARAMETERS));
    }

    #[test]
    fn minijinja_has_the_rest() {
        use minijinja::ErrorKind;
        let mut state = environment::environment().empty_state();
        for name in environment::NATIVE_FILTERS {
            let called = state.apply_filter(name, &[Value::from("x")]);
            assert!(
                called.is_ok_and(|_| true) || {
                    let kind = state.apply_filter(name, &[]).map_err(|error| error.kind());
                    kind != Err(ErrorKind::UnknownFilter)
                },
                "{name}"
            );
        }
        for name in environment::TESTS {
            let kind = state.perform_test(name, &[Value::from("x")]).map_err(|error| error.kind());
            assert_ne!(kind, Err(ErrorKind::UnknownTest), "{name}");
        }
    }

    #[test]
    fn own_filters_can_be_mapped() {
        assert_eq!(value("['1', 'x'] | map('number', 0)"), "[1,0]");
    }
}

//! The filters of the language, each with its line of documentation and examples that a test
//! runs. minijinja's filters stand beside them.

use super::environment;
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
    /// What is taken if it is not given; `None` where it must be.
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

/// All of the language's own filters, by name.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    let tables: [&'static [Definition]; 0] = [];
    tables.into_iter().flatten()
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
                Some(default) => format!("{}={default}", parameter.name),
                None => parameter.name.to_owned(),
            })
            .collect();
        match parameters.is_empty() {
            true => self.name.to_owned(),
            false => format!("{}({})", self.name, parameters.join(", ")),
        }
    }

    pub(super) fn accepts_undefined(&self, has_arguments: bool) -> bool {
        match self.undefined {
            Undefined::Refused => false,
            Undefined::Accepted => true,
            Undefined::AcceptedWithArguments => has_arguments,
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

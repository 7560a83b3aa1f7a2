//! Filters and tests: the language's own, and minijinja's through its state.

use minijinja::value::{Kwargs, ValueKind};

use super::ast::{Arguments, Filter, Function, Test, TestKind, Yields};
use super::eval::{Eval, Result, check_number, defined, fail, size};
use super::{environment, filters, text};
use crate::Value;
use crate::source::Span;

impl Eval<'_> {
    pub(super) fn filter(&mut self, filter: &Filter) -> Result<Value> {
        let mut input = self.eval(&filter.input)?;
        if input.is_undefined() {
            let accepts = match &filter.function {
                Function::Own(own) => own.accepts_undefined(!filter.arguments.is_empty()),
                Function::Native(..) => false,
            };
            if !accepts {
                return Err(self.refusal(&filter.input));
            }
            input = Value::from(());
        }
        self.apply(&filter.function, input, &filter.arguments, filter.span)
    }

    /// Calls a filter on `input`.
    pub(super) fn apply(
        &mut self,
        function: &Function,
        input: Value,
        arguments: &Arguments,
        span: Span,
    ) -> Result<Value> {
        self.spend(size(&input), span)?;
        let (positional, named) = self.arguments(arguments)?;
        let value = match function {
            Function::Own(own) => {
                let called = filters::call(own, input, positional, named);
                called.or_else(|said| fail(format!("`{}`: {said}", own.name), span))?
            }
            Function::Native(name, yields) => {
                let value = self.native(name, input, positional, named, span)?;
                if *yields == Yields::Items && holds_undefined(&value, 8) {
                    return fail(format!("an item of `… | {name}` is undefined"), span);
                }
                value
            }
        };
        self.spend(size(&value), span)?;
        if value.as_str().is_some_and(|text| text.len() > text::MAX_TEXT) {
            return fail("the text is longer than 16 MiB", span);
        }
        Ok(value)
    }

    fn native(
        &mut self,
        name: &str,
        input: Value,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
        span: Span,
    ) -> Result<Value> {
        let arguments = native_arguments(input, positional, named);
        let state = self.state.get_or_insert_with(|| Box::new(environment::environment().empty_state()));
        match state.apply_filter(name, &arguments) {
            Ok(value) => self.tidy(value, span),
            Err(error) => fail(format!("`{name}`: {}", environment::message(&error)), span),
        }
    }

    /// A list for what minijinja made as an iterator, and a number that JSON can hold.
    pub(super) fn tidy(&mut self, value: Value, span: Span) -> Result<Value> {
        if value.kind() == ValueKind::Iterable {
            self.spend(value.len().unwrap_or(0), span)?;
            let Ok(items) = value.try_iter() else { return fail("it cannot be iterated", span) };
            let mut list = Vec::with_capacity(value.len().unwrap_or(0));
            for item in items.checked() {
                self.spend(1, span)?;
                match item {
                    Ok(item) => list.push(self.tidy(item, span)?),
                    Err(error) => return fail(environment::message(&error), span),
                }
            }
            return Ok(Value::from(list));
        }
        if value.is_tuple() {
            return Ok(Value::from(value.try_iter().into_iter().flatten().collect::<Vec<_>>()));
        }
        check_number(&value).or_else(|said| fail(said, span))?;
        Ok(value)
    }

    #[expect(clippy::type_complexity, reason = "positional and named values, taken apart at once")]
    pub(super) fn arguments(&mut self, arguments: &Arguments) -> Result<(Vec<Value>, Vec<(String, Value)>)> {
        let mut positional = Vec::with_capacity(arguments.positional.len());
        for argument in &arguments.positional {
            positional.push(self.strict(argument)?);
        }
        let mut named = Vec::with_capacity(arguments.named.len());
        for (name, argument) in &arguments.named {
            named.push((name.clone(), self.strict(argument)?));
        }
        Ok((positional, named))
    }

    pub(super) fn is(&mut self, test: &Test) -> Result<bool> {
        let input = self.eval(&test.input)?;
        let name = match &test.kind {
            TestKind::Defined => return Ok(!input.is_undefined()),
            TestKind::Undefined => return Ok(input.is_undefined()),
            TestKind::None => return Ok(input.is_none() || input.is_undefined()),
            TestKind::Native(name) => name,
        };
        let mut arguments = vec![defined(input)];
        for argument in test.arguments.iter() {
            arguments.push(defined(self.eval(argument)?));
        }
        let state = self.state.get_or_insert_with(|| Box::new(environment::environment().empty_state()));
        match state.perform_test(name, &arguments) {
            Ok(held) => Ok(held),
            Err(error) => fail(format!("`is {name}`: {}", environment::message(&error)), test.span),
        }
    }
}

fn holds_undefined(value: &Value, depth: usize) -> bool {
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    value.is_undefined()
        || depth > 0
            && is_list
            && value.try_iter().is_ok_and(|mut items| items.any(|item| holds_undefined(&item, depth - 1)))
}

fn native_arguments(input: Value, positional: Vec<Value>, named: Vec<(String, Value)>) -> Vec<Value> {
    let mut arguments = Vec::with_capacity(positional.len() + 2);
    arguments.push(input);
    arguments.extend(positional);
    if !named.is_empty() {
        arguments.push(Value::from(named.into_iter().collect::<Kwargs>()));
    }
    arguments
}

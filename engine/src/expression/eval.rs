//! Evaluation: walks the tree once.
//!
//! Undefined is a value here. Operators that accept it take it as none; everything else refuses
//! it by the path that the author wrote. So it never gets into a list, a map or a result.

use minijinja::State;
use minijinja::value::{Kwargs, ValueKind};

use super::ast::{
    Arguments, Ast, Callee, Comparison, Filter, Function, Path, Prefix, Root, Slice, Step, Test, TestKind,
    Yields,
};
use super::{Bound, EvalError, Now, Scope, Slot, environment, filters, operators, slices, text};
use crate::Value;
use crate::source::Span;
use crate::value::measure;

/// Nodes, items and 16-byte pieces of text that one evaluation may cost.
const FUEL: u64 = 5_000_000;
/// The longest list that `range` makes.
const MAX_RANGE: i64 = 100_000;

pub(super) type Result<T> = std::result::Result<T, Box<EvalError>>;

/// One evaluation.
pub(super) struct Eval<'a> {
    pub scope: &'a dyn Scope,
    pub bounds: &'a [Bound],
    pub locals: Vec<Value>,
    /// Whether none is refused inside a longer text.
    pub strict_text: bool,
    fuel: u64,
    uuids: u32,
    state: Option<Box<State<'static, 'static>>>,
}

pub(super) fn fail<T>(message: impl Into<String>, span: Span) -> Result<T> {
    Err(Box::new(EvalError { message: message.into(), span }))
}

impl<'a> Eval<'a> {
    pub(super) fn new(scope: &'a dyn Scope, bounds: &'a [Bound], locals: usize) -> Self {
        let locals = vec![Value::UNDEFINED; locals];
        Self { scope, bounds, locals, strict_text: false, fuel: FUEL, uuids: 0, state: None }
    }

    pub(super) fn spend(&mut self, amount: usize, span: Span) -> Result<()> {
        match self.fuel.checked_sub(amount as u64) {
            Some(rest) => {
                self.fuel = rest;
                Ok(())
            }
            None => fail("this is too much work for one expression", span),
        }
    }

    /// The value of `ast`, perhaps undefined.
    pub(super) fn eval(&mut self, ast: &Ast) -> Result<Value> {
        self.fuel = self.fuel.saturating_sub(1);
        match ast {
            Ast::Const(value) => Ok(value.clone()),
            Ast::Path(path) => self.path(path),
            Ast::Not(operand) => Ok(Value::from(!self.eval(operand)?.is_true())),
            Ast::And(both) => {
                let left = self.eval(&both.0)?;
                if left.is_true() { Ok(defined(self.eval(&both.1)?)) } else { Ok(defined(left)) }
            }
            Ast::Or(both) => {
                let left = self.eval(&both.0)?;
                if left.is_true() { Ok(left) } else { Ok(defined(self.eval(&both.1)?)) }
            }
            Ast::Negate(it) => {
                let operand = self.strict(&it.0)?;
                operators::negate(operand).or_else(|said| fail(said, it.1))
            }
            Ast::Binary(it) => {
                let left = self.strict(&it.left)?;
                let right = self.strict(&it.right)?;
                self.binary(it, left, right)
            }
            Ast::Compare(it) => self.compare(it).map(Value::from),
            Ast::If(it) => match (self.test(&it.test)?, &it.otherwise) {
                (true, _) => self.eval(&it.then),
                (false, Some(otherwise)) => self.eval(otherwise),
                (false, None) => Ok(Value::from(())),
            },
            Ast::Default(it) => {
                let input = self.eval(&it.input)?;
                let replace = input.is_undefined()
                    || match &it.falsy {
                        Some(falsy) if !input.is_true() => self.test(falsy)?,
                        _ => false,
                    };
                if replace { self.eval(&it.other) } else { Ok(input) }
            }
            Ast::Filter(filter) => self.filter(filter),
            Ast::Test(test) => self.is(test).map(Value::from),
            Ast::Call(call) => self.call(call.callee, &call.arguments, call.span),
            Ast::Slice(slice) => self.slice(slice),
            Ast::List(it) => {
                let mut items = Vec::with_capacity(it.0.len());
                for item in &it.0 {
                    items.push(self.strict(item)?);
                }
                self.bounded(Value::from(items), it.1)
            }
            Ast::Map(it) => {
                let mut map = indexmap::IndexMap::with_capacity(it.0.len());
                for (key, value) in &it.0 {
                    let key = self.strict(key)?;
                    if key.kind() != ValueKind::String {
                        return fail(format!("the key of a map must be text, not {}", noun(&key)), it.1);
                    }
                    map.insert(key, self.strict(value)?);
                }
                self.bounded(Value::from(map), it.1)
            }
        }
    }

    /// A list or a map just made, unless it nests too deeply.
    fn bounded(&mut self, value: Value, span: Span) -> Result<Value> {
        match measure(&value) {
            Some(count) => self.spend(count / 8, span).map(|()| value),
            None => fail("the value is too large or nested too deeply", span),
        }
    }

    /// The value of `ast`; undefined is refused.
    #[inline]
    pub(super) fn strict(&mut self, ast: &Ast) -> Result<Value> {
        let value = self.eval(ast)?;
        if value.is_undefined() { Err(self.refusal(ast)) } else { Ok(value) }
    }

    /// Whether `ast` holds; undefined does not.
    pub(super) fn test(&mut self, ast: &Ast) -> Result<bool> {
        match ast {
            Ast::Compare(it) => self.compare(it),
            Ast::Not(operand) => self.test(operand).map(|held| !held),
            Ast::And(both) => Ok(self.test(&both.0)? && self.test(&both.1)?),
            Ast::Or(both) => Ok(self.test(&both.0)? || self.test(&both.1)?),
            _ => self.eval(ast).map(|value| value.is_true()),
        }
    }

    fn path(&mut self, path: &Path) -> Result<Value> {
        let (mut value, consumed) = match &path.root {
            Root::Read(read, _) => {
                let bound = self.bound(*read);
                (self.scope.get(bound.slot), bound.consumed.saturating_sub(1))
            }
            Root::Local(local, _) => (self.locals.get(*local).cloned().unwrap_or_default(), 0),
            Root::Value(inner) => (self.eval(inner)?, 0),
        };
        for step in path.steps.get(consumed..).unwrap_or(&[]) {
            value = self.step(&value, step)?;
        }
        Ok(value)
    }

    fn bound(&self, read: usize) -> Bound {
        self.bounds.get(read).copied().unwrap_or(Bound { slot: Slot::Nothing, consumed: 1 })
    }

    fn step(&mut self, value: &Value, step: &Step) -> Result<Value> {
        Ok(match step {
            Step::Key(name) => value.get_attr(name).unwrap_or_default(),
            Step::Index(index) => value.get_item(&Value::from(*index)).unwrap_or_default(),
            Step::Computed(_) if value.is_undefined() => Value::UNDEFINED,
            Step::Computed(key) => match self.eval(key)? {
                key if key.is_undefined() => key,
                key => value.get_item(&key).unwrap_or_default(),
            },
        })
    }

    fn binary(&mut self, it: &super::ast::Binary, left: Value, right: Value) -> Result<Value> {
        let made = operators::binary(it.op, left, right, self.strict_text, self.fuel);
        match made {
            Ok(operators::Made { value, cost }) => {
                self.spend(cost, it.span)?;
                Ok(value)
            }
            Err(said) => fail(said, it.span),
        }
    }

    fn compare(&mut self, it: &Comparison) -> Result<bool> {
        let mut left = self.eval(&it.first)?;
        let mut left_ast = &it.first;
        for (op, right_ast) in &it.rest {
            let mut right = self.eval(right_ast)?;
            if op.accepts_undefined() {
                left = defined(left);
                // `x in undefined` is false, while none is no container.
                if right.is_undefined() && matches!(op, super::ast::Relation::Eq | super::ast::Relation::Ne) {
                    right = defined(right);
                }
            } else if left.is_undefined() {
                return Err(self.refusal(left_ast));
            } else if right.is_undefined() {
                return Err(self.refusal(right_ast));
            }
            let cost = match (left.as_object(), right.as_object()) {
                (Some(_), Some(_)) => measure(&left).unwrap_or(0) + measure(&right).unwrap_or(0),
                (None, Some(list)) => list.enumerator_len().unwrap_or(0),
                _ => size(&right),
            };
            self.spend(cost, it.span)?;
            match operators::compare(*op, &left, &right) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(said) => return fail(said, it.span),
            }
            left = right;
            left_ast = right_ast;
        }
        Ok(true)
    }

    fn filter(&mut self, filter: &Filter) -> Result<Value> {
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
    fn tidy(&mut self, value: Value, span: Span) -> Result<Value> {
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
    fn arguments(&mut self, arguments: &Arguments) -> Result<(Vec<Value>, Vec<(String, Value)>)> {
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

    fn is(&mut self, test: &Test) -> Result<bool> {
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

    fn call(&mut self, callee: Callee, arguments: &Arguments, span: Span) -> Result<Value> {
        match callee {
            Callee::Now => Ok(Value::from(time_text(self.scope.now()))),
            Callee::Uuid => {
                let n = self.uuids;
                self.uuids = n.saturating_add(1);
                Ok(Value::from(self.scope.uuid(n)))
            }
            Callee::Reveal => match arguments.positional.first() {
                Some(inner) => self.eval(inner),
                None => Ok(Value::from(())),
            },
            Callee::Range => self.range(arguments, span),
            Callee::Dict => {
                let (positional, named) = self.arguments(arguments)?;
                let mut map = indexmap::IndexMap::new();
                if let Some(first) = positional.first() {
                    let pairs = first.as_object().filter(|_| first.kind() == ValueKind::Map);
                    let Some(pairs) = pairs.and_then(|map| map.try_iter_pairs()) else {
                        return fail(format!("`dict` needs a map, not {}", noun(first)), span);
                    };
                    map.extend(pairs);
                }
                map.extend(named.into_iter().map(|(name, value)| (Value::from(name), value)));
                self.spend(map.len(), span)?;
                self.bounded(Value::from(map), span)
            }
        }
    }

    fn range(&mut self, arguments: &Arguments, span: Span) -> Result<Value> {
        let mut numbers = Vec::with_capacity(3);
        for argument in &arguments.positional {
            match self.strict(argument)? {
                number if number.is_integer() && number.as_i64().is_some() => {
                    numbers.push(number.as_i64().unwrap_or(0));
                }
                other => return fail(format!("`range` needs whole numbers, not {}", noun(&other)), span),
            }
        }
        let (start, stop, step) = match numbers.as_slice() {
            [stop] => (0, *stop, 1),
            [start, stop] => (*start, *stop, 1),
            [start, stop, step] => (*start, *stop, *step),
            _ => return fail("`range` needs a number", span),
        };
        if step == 0 {
            return fail("the step of `range` is 0", span);
        }
        let (mut list, mut at) = (Vec::new(), start);
        while if step > 0 { at < stop } else { at > stop } {
            if list.len() as i64 >= MAX_RANGE {
                return fail(format!("`range` has more than {MAX_RANGE} numbers"), span);
            }
            list.push(Value::from(at));
            match at.checked_add(step) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.spend(list.len(), span)?;
        Ok(Value::from(list))
    }

    fn slice(&mut self, slice: &Slice) -> Result<Value> {
        let input = self.strict(&slice.input)?;
        let mut bound = |bound: &Option<Ast>| match bound {
            Some(ast) => self.strict(ast),
            None => Ok(Value::from(())),
        };
        let (start, stop, step) = (bound(&slice.start)?, bound(&slice.stop)?, bound(&slice.step)?);
        if step.is_none()
            && let Some(value) = slices::plain(&input, &start, &stop)
        {
            self.spend(size(&value), slice.span)?;
            return Ok(value);
        }
        match environment::slice(input, start, stop, step) {
            Ok(value) => self.tidy(value, slice.span),
            Err(error) => fail(environment::message(&error), slice.span),
        }
    }

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
        super::place::of(ast).unwrap_or(Span::new(crate::source::FileId(0), 0, 0))
    }
}

/// None for undefined.
fn defined(value: Value) -> Value {
    if value.is_undefined() { Value::from(()) } else { value }
}

/// What a message calls a value.
pub(super) fn noun(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "undefined",
        ValueKind::None => "none",
        ValueKind::Bool => "true or false",
        ValueKind::Number => "a number",
        ValueKind::String | ValueKind::Bytes => "text",
        ValueKind::Map => "a map",
        _ => "a list",
    }
}

/// What reading or making `value` costs.
fn size(value: &Value) -> usize {
    match value.as_str() {
        Some(text) => text.len() / 16,
        None => value.as_object().and_then(|it| it.enumerator_len()).unwrap_or(0),
    }
}

fn holds_undefined(value: &Value, depth: usize) -> bool {
    let is_list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    value.is_undefined()
        || depth > 0
            && is_list
            && value.try_iter().is_ok_and(|mut items| items.any(|item| holds_undefined(&item, depth - 1)))
}

/// Refuses numbers that JSON cannot hold: beyond 64 bits, infinite, or not numbers at all.
pub(super) fn check_number(value: &Value) -> std::result::Result<(), String> {
    if value.kind() != ValueKind::Number {
        return Ok(());
    }
    let fits = if value.is_integer() {
        value.as_i64().is_some() || u64::try_from(value.clone()).is_ok()
    } else {
        f64::try_from(value.clone()).is_ok_and(f64::is_finite)
    };
    if fits { Ok(()) } else { Err("the number is too large".to_owned()) }
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

/// RFC 3339 in UTC, with milliseconds where there are any.
fn time_text(now: Now) -> String {
    jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now).to_string()
}

/// The value of an expression that reads nothing.
pub(super) fn constant(ast: &Ast) -> Result<Value> {
    struct Empty;
    impl Scope for Empty {
        fn get(&self, _: Slot) -> Value {
            Value::from(())
        }
        fn now(&self) -> Now {
            Now::UNIX_EPOCH
        }
        fn uuid(&self, _: u32) -> String {
            String::new()
        }
    }
    Eval::new(&Empty, &[], 0).eval(ast)
}

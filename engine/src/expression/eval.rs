//! Evaluation: walks the tree once.
//!
//! Undefined is a value here. Operators that accept it take it as none; everything else refuses
//! it by the path that the author wrote. So it never gets into a list, a map or a result.

use minijinja::State;
use minijinja::value::ValueKind;

use super::ast::{Ast, Comparison, Path, Root, Slice, Step};
use super::{Bound, EvalError, Now, Scope, Slot, environment, operators, slices};
use crate::Value;
use crate::source::Span;
use crate::value::{MapBuilder, measure};

/// Nodes, items and 16-byte pieces of text that one evaluation may cost.
const FUEL: u64 = 5_000_000;

pub(super) type Result<T> = std::result::Result<T, Box<EvalError>>;

/// One evaluation.
pub(super) struct Eval<'a> {
    pub scope: &'a dyn Scope,
    pub bounds: &'a [Bound],
    pub locals: Vec<Value>,
    /// Whether none is refused inside a longer text.
    pub strict_text: bool,
    fuel: u64,
    pub uuids: u32,
    /// What minijinja's filters and tests are called through, once one is.
    pub state: Option<Box<State<'static, 'static>>>,
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
                let mut map = MapBuilder::with_capacity(it.0.len());
                for (key, value) in &it.0 {
                    let key = self.strict(key)?;
                    if key.kind() != ValueKind::String {
                        return fail(format!("the key of a map must be text, not {}", noun(&key)), it.1);
                    }
                    map.insert(key, self.strict(value)?);
                }
                self.bounded(map.finish(), it.1)
            }
        }
    }

    /// A list or a map just made, unless it nests too deeply.
    pub(super) fn bounded(&mut self, value: Value, span: Span) -> Result<Value> {
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

    pub(super) fn bound(&self, read: usize) -> Bound {
        self.bounds.get(read).copied().unwrap_or(Bound { slot: Slot::Nothing, consumed: 1 })
    }

    pub(super) fn step(&mut self, value: &Value, step: &Step) -> Result<Value> {
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
}

/// None for undefined.
pub(super) fn defined(value: Value) -> Value {
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
pub(super) fn size(value: &Value) -> usize {
    match value.as_str() {
        Some(text) => text.len() / 16,
        None => value.as_object().and_then(|it| it.enumerator_len()).unwrap_or(0),
    }
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

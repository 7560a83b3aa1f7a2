//! Operators: whole numbers of 64 bits, floats and text here, every other pair as minijinja
//! has it.

use std::cmp::Ordering;

use minijinja::value::ValueKind;

use super::ast::{Op, Relation};
use super::{environment, eval, text};
use crate::Value;

/// What an operator made, and what that costs.
pub(super) struct Made {
    pub value: Value,
    pub cost: usize,
}

enum Number {
    Int(i64),
    Float(f64),
}

#[inline]
fn number(value: &Value) -> Option<Number> {
    if value.kind() != ValueKind::Number {
        None
    } else if value.is_integer() {
        value.as_i64().map(Number::Int)
    } else {
        f64::try_from(value.clone()).ok().map(Number::Float)
    }
}

/// Text proper: bytes are not.
#[inline]
fn string(value: &Value) -> Option<&str> {
    match value.kind() {
        ValueKind::String => value.as_str(),
        _ => None,
    }
}

/// `left op right`; `fuel` bounds what a repetition may make.
pub(super) fn binary(
    op: Op,
    left: Value,
    right: Value,
    strict_text: bool,
    fuel: u64,
) -> Result<Made, String> {
    if op == Op::Concat {
        return concat(&left, &right, strict_text);
    }
    let made = match (number(&left), number(&right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => whole(op, a, b),
        (Some(Number::Int(a)), Some(Number::Float(b))) => float(op, a as f64, b),
        (Some(Number::Float(a)), Some(Number::Int(b))) => float(op, a, b as f64),
        (Some(Number::Float(a)), Some(Number::Float(b))) => float(op, a, b),
        _ => None,
    };
    if let Some(value) = made {
        return Ok(Made { value, cost: 0 });
    }
    if let (Op::Add, Some(a), Some(b)) = (op, string(&left), string(&right)) {
        return joined(a, b);
    }
    if op == Op::Mul {
        let times = |count: &Value| count.as_usize().unwrap_or(0) as u64;
        let length = |value: &Value| value.as_str().map_or(value.len().unwrap_or(0), str::len) as u64;
        let made = if left.is_number() {
            length(&right).saturating_mul(times(&left))
        } else {
            length(&left).saturating_mul(times(&right))
        };
        let is_text = string(&left).is_some() || string(&right).is_some();
        if is_text && made > text::MAX_TEXT as u64 {
            return Err("the text is longer than 16 MiB".to_owned());
        }
        if !is_text && made > fuel {
            return Err("this is too much work for one expression".to_owned());
        }
    }
    let value = environment::binary(op, left, right).map_err(|error| environment::message(&error))?;
    let value = listed(value)?;
    eval::check_number(&value)?;
    let cost = value.as_str().map_or(value.len().unwrap_or(0), |text| text.len() / 16);
    Ok(Made { value, cost })
}

#[inline]
fn whole(op: Op, a: i64, b: i64) -> Option<Value> {
    match op {
        Op::Add => a.checked_add(b).map(Value::from),
        Op::Sub => a.checked_sub(b).map(Value::from),
        Op::Mul => a.checked_mul(b).map(Value::from),
        Op::Div if b != 0 => Some(Value::from(a as f64 / b as f64)),
        _ => None,
    }
}

#[inline]
fn float(op: Op, a: f64, b: f64) -> Option<Value> {
    let made = match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div if b != 0.0 => a / b,
        _ => return None,
    };
    made.is_finite().then(|| Value::from(made))
}

fn concat(left: &Value, right: &Value, strict_text: bool) -> Result<Made, String> {
    if strict_text && (left.is_none() || right.is_none()) {
        return Err("none cannot be part of this text".to_owned());
    }
    match (string(left), string(right)) {
        (Some(a), Some(b)) => joined(a, b),
        _ => joined(&text::of(left)?, &text::of(right)?),
    }
}

fn joined(a: &str, b: &str) -> Result<Made, String> {
    if a.len() + b.len() > text::MAX_TEXT {
        return Err("the text is longer than 16 MiB".to_owned());
    }
    let mut made = String::with_capacity(a.len() + b.len());
    made.push_str(a);
    made.push_str(b);
    let cost = made.len() / 16;
    Ok(Made { value: Value::from(made), cost })
}

/// A list for a lazy concatenation or repetition.
fn listed(value: Value) -> Result<Value, String> {
    if value.kind() != ValueKind::Iterable {
        return Ok(value);
    }
    let items = value.try_iter().map_err(|error| environment::message(&error))?;
    let items: Result<Vec<Value>, _> = items.checked().collect();
    items.map(Value::from).map_err(|error| environment::message(&error))
}

/// `-operand`
pub(super) fn negate(operand: Value) -> Result<Value, String> {
    let made = match number(&operand) {
        Some(Number::Int(a)) => a.checked_neg().map(Value::from),
        Some(Number::Float(a)) => Some(Value::from(-a)),
        None => None,
    };
    if let Some(value) = made {
        return Ok(value);
    }
    let value = environment::negate(operand).map_err(|error| environment::message(&error))?;
    eval::check_number(&value)?;
    Ok(value)
}

/// `left op right`
pub(super) fn compare(op: Relation, left: &Value, right: &Value) -> Result<bool, String> {
    match op {
        Relation::Eq => Ok(equal(left, right)),
        Relation::Ne => Ok(!equal(left, right)),
        Relation::Lt => Ok(order(left, right) == Ordering::Less),
        Relation::Le => Ok(order(left, right) != Ordering::Greater),
        Relation::Gt => Ok(order(left, right) == Ordering::Greater),
        Relation::Ge => Ok(order(left, right) != Ordering::Less),
        Relation::In => contains(right, left),
        Relation::NotIn => contains(right, left).map(|found| !found),
    }
}

#[inline]
fn equal(left: &Value, right: &Value) -> bool {
    match (string(left), string(right)) {
        (Some(a), Some(b)) => a == b,
        _ => left == right,
    }
}

#[inline]
fn order(left: &Value, right: &Value) -> Ordering {
    match (number(left), number(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => a.cmp(&b),
        _ => left.cmp(right),
    }
}

fn contains(container: &Value, item: &Value) -> Result<bool, String> {
    match (string(container), string(item)) {
        (Some(text), Some(part)) => return Ok(text.contains(part)),
        (Some(_), None) if item.is_none() => return Ok(false),
        _ => {}
    }
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map | ValueKind::Seq | ValueKind::String => {
            environment::contains(container.clone(), item.clone())
                .map_err(|error| environment::message(&error))
        }
        _ => Err(format!("`in` needs a list, a map or text, not {}", eval::noun(container))),
    }
}

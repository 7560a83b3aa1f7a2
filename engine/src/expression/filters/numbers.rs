//! Numbers, and text that says one.

use minijinja::value::ValueKind;

use super::{Call, Definition, Undefined, optional};
use crate::Value;
use crate::expression::eval::{check_number, noun};

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "number",
        parameters: &[optional("default", "")],
        about: "The number that a text says; `default` for undefined, none and what says none.",
        examples: &[
            ("'12' | number", "12"),
            ("' 12.50 ' | number", "12.5"),
            ("3 | number", "3"),
            ("'x' | number(0)", "0"),
            ("none | number(none)", "null"),
        ],
        undefined: Undefined::AcceptedWithArguments,
        function: |call| match (number(&call.input), call.argument(0)) {
            (Some(number), _) => number.value(),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) => Err(match call.input.as_str() {
                Some(text) if text.len() < 40 => format!("`{text}` is not a number"),
                Some(_) => "the text is not a number".to_owned(),
                None => format!("it needs a number or text, not {}", noun(&call.input)),
            }),
        },
    },
    Definition {
        name: "fixed",
        parameters: &[optional("digits", "2")],
        about: "The number as text with so many decimals.",
        examples: &[
            ("900 | fixed(2)", r#""900.00""#),
            ("12.345 | fixed(1)", r#""12.3""#),
            ("-0.5 | fixed(0)", r#""0""#),
            ("'7.5' | fixed", r#""7.50""#),
        ],
        undefined: Undefined::Refused,
        function: fixed,
    },
];

/// A number, whole or not.
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// As a value, if JSON can hold it.
    pub(super) fn value(&self) -> Result<Value, String> {
        let value = match self {
            Self::Int(n) => match i64::try_from(*n) {
                Ok(n) => Value::from(n),
                Err(_) => Value::from(*n),
            },
            Self::Float(n) => Value::from(*n),
        };
        check_number(&value)?;
        Ok(value)
    }
}

/// The number that `value` is or, as text, says.
pub(super) fn number(value: &Value) -> Option<Number> {
    match value.kind() {
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Int),
        ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Float),
        ValueKind::String => {
            let text = value.as_str()?.trim();
            // Rust also reads `inf` and `nan`.
            if !text.ends_with(|c: char| c.is_ascii_digit() || c == '.') {
                return None;
            }
            match text.parse::<i64>() {
                Ok(n) => Some(Number::Int(n.into())),
                Err(_) => text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Number::Float),
            }
        }
        _ => None,
    }
}

fn fixed(call: &Call) -> Result<Value, String> {
    let digits = call.count(0, 2)?;
    if digits > 20 {
        return Err("it has at most 20 digits".to_owned());
    }
    let text = match number(&call.input) {
        Some(Number::Int(n)) if digits == 0 => n.to_string(),
        Some(Number::Int(n)) => format!("{n}.{}", "0".repeat(digits)),
        Some(Number::Float(n)) => {
            let text = format!("{n:.digits$}");
            let is_zero = !text.contains(|c: char| matches!(c, '1'..='9'));
            if is_zero { text.trim_start_matches('-').to_owned() } else { text }
        }
        None => return Err(format!("it needs a number, not {}", noun(&call.input))),
    };
    Ok(Value::from(text))
}

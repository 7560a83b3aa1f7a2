//! Text: cut, choose, write out.

use super::{Call, Definition, Undefined, optional, required, text};
use crate::Value;
use crate::expression::eval::noun;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "truncate",
        parameters: &[required("length"), optional("end", "'…'")],
        about: "The text cut to at most so many characters, `end` included where something was cut.",
        examples: &[
            ("'a long story' | truncate(7)", r#""a long…""#),
            ("'short' | truncate(7)", r#""short""#),
            ("'a long story' | truncate(6, '')", r#""a long""#),
        ],
        undefined: Undefined::Refused,
        function: truncate,
    },
    Definition {
        name: "one_of",
        parameters: &[required("list"), optional("default", "none")],
        about: "The value if the list has it, else `default`, also for undefined.",
        examples: &[
            ("'rent' | one_of(['rent', 'food'], 'other')", r#""rent""#),
            ("'rnt' | one_of(['rent', 'food'], 'other')", r#""other""#),
            ("'rnt' | one_of(['rent', 'food'])", "null"),
        ],
        undefined: Undefined::Accepted,
        function: one_of,
    },
    Definition {
        name: "string",
        parameters: &[],
        about: "The value as a template writes it.",
        examples: &[
            ("1.0 | string", r#""1.0""#),
            ("true | string", r#""true""#),
            ("[1, none] | string", r#""[1,null]""#),
        ],
        undefined: Undefined::Refused,
        function: |call| match call.input.as_str() {
            Some(_) => Ok(call.input.clone()),
            None => super::super::text::of(&call.input).map(Value::from),
        },
    },
];

fn truncate(call: &Call) -> Result<Value, String> {
    let text = text(&call.input)?;
    let length = call.count(0, 0)?;
    let end = call.text(1)?.unwrap_or("…");
    if text.char_indices().nth(length).is_none() {
        return Ok(call.input.clone());
    }
    let kept = length.saturating_sub(end.chars().count());
    let cut = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
    let end: String = end.chars().take(length).collect();
    Ok(Value::from(format!("{}{end}", text.get(..cut).unwrap_or(""))))
}

fn one_of(call: &Call) -> Result<Value, String> {
    use minijinja::value::ValueKind;
    let list = call.argument(0).cloned().unwrap_or_default();
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Map) {
        return Err(format!("it needs a list, not {}", noun(&list)));
    }
    let mut items = list.try_iter().map_err(|error| error.to_string())?;
    if !call.input.is_none() && items.any(|item| item == call.input) {
        return Ok(call.input.clone());
    }
    Ok(call.argument(1).cloned().unwrap_or(Value::from(())))
}

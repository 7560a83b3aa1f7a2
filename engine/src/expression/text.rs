//! How values are written into text: `true`, `false`, nothing for none, numbers as minijinja
//! writes them (`1.0`), maps and lists as JSON.

use std::fmt::Write;

use minijinja::value::ValueKind;

use crate::Value;
use crate::value::to_json;

/// The longest text that an evaluation may produce.
pub(super) const MAX_TEXT: usize = 16 << 20;

/// Appends `value` to `out`.
pub(super) fn write(out: &mut String, value: &Value) -> Result<(), String> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => {}
        ValueKind::String | ValueKind::Bytes => out.push_str(value.as_str().unwrap_or("")),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => {
            let _ignored = write!(out, "{value}");
        }
        _ => out.push_str(&to_json(value)),
    }
    match out.len() > MAX_TEXT {
        true => Err("the text is longer than 16 MiB".to_owned()),
        false => Ok(()),
    }
}

/// `value` as text.
pub(crate) fn of(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

//! `list[start:stop]` and `text[start:stop]`; with a step, minijinja's.

use minijinja::value::ValueKind;

use crate::Value;

/// The slice, if it is one of a list or a text between whole numbers.
pub(super) fn plain(value: &Value, start: &Value, stop: &Value) -> Option<Value> {
    let (start, stop) = (bound(start)?, bound(stop)?);
    if let Some(list) = value.downcast_object_ref::<Vec<Value>>() {
        let (start, stop) = range(start, stop, list.len());
        return Some(Value::from(list.get(start..stop).unwrap_or(&[]).to_vec()));
    }
    if value.kind() != ValueKind::String {
        return None;
    }
    let text = value.as_str()?;
    let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
    let (start, stop) = range(start, stop, characters);
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let first = places.nth(start)?;
    let last = match stop.checked_sub(start) {
        None | Some(0) => first,
        Some(length) => places.nth(length - 1)?,
    };
    text.get(first..last).map(Value::from)
}

fn bound(value: &Value) -> Option<Option<i64>> {
    if value.is_none() {
        Some(None)
    } else if value.is_integer() {
        value.as_i64().map(Some)
    } else {
        None
    }
}

/// Python's rule: negative bounds count from the end, and all are clamped.
fn range(start: Option<i64>, stop: Option<i64>, length: usize) -> (usize, usize) {
    let place = |bound: i64| match usize::try_from(bound) {
        Ok(bound) => bound.min(length),
        Err(_) => length.saturating_sub(usize::try_from(bound.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let start = start.map_or(0, place);
    (start, stop.map_or(length, place).max(start))
}

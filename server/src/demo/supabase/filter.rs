//! PostgREST's filters: `col=op.value`, `and=(col.op.value,…)`, `or=(…)`, `not.`.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::database::Row;
use super::refusal::Refusal;
use super::tables::{Column, Kind, Table};

/// A condition on a row; like SQL's, it may be unknown where a value is null.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(&'static Column, Op, String),
    In(&'static Column, Vec<String>),
    Is(&'static Column, Value),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Filter {
    /// The filter of one parameter of a query.
    pub(super) fn parse(table: &Table, name: &str, text: &str) -> Result<Self, Refusal> {
        match name {
            "and" | "or" | "not.and" | "not.or" => group(table, name, text),
            _ => condition(table, name, text),
        }
    }

    pub(super) fn holds(&self, row: &Row) -> bool {
        self.test(row) == Some(true)
    }

    fn test(&self, row: &Row) -> Option<bool> {
        match self {
            Self::All(filters) => fold(filters, row, false),
            Self::Any(filters) => fold(filters, row, true),
            Self::Not(filter) => filter.test(row).map(|held| !held),
            Self::Compare(column, op, text) => {
                let order = compare(column.kind, row.get(column.name)?, text)?;
                Some(match op {
                    Op::Eq => order.is_eq(),
                    Op::Neq => order.is_ne(),
                    Op::Gt => order.is_gt(),
                    Op::Gte => order.is_ge(),
                    Op::Lt => order.is_lt(),
                    Op::Lte => order.is_le(),
                })
            }
            Self::In(column, texts) => {
                let value = row.get(column.name).filter(|value| !value.is_null())?;
                Some(texts.iter().any(|text| compare(column.kind, value, text).is_some_and(Ordering::is_eq)))
            }
            Self::Is(column, value) => Some(row.get(column.name).unwrap_or(&Value::Null) == value),
        }
    }
}

/// `decisive` is the outcome that one filter is enough for.
fn fold(filters: &[Filter], row: &Row, decisive: bool) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for filter in filters {
        match filter.test(row) {
            Some(held) if held == decisive => return Some(decisive),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

fn group(table: &Table, name: &str, text: &str) -> Result<Filter, Refusal> {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let members = split(inner.ok_or_else(|| Refusal::unparsed(text))?);
    let filters = members.into_iter().map(|member| member_of(table, member)).collect::<Result<_, _>>()?;
    Ok(match name {
        "and" => Filter::All(filters),
        "or" => Filter::Any(filters),
        "not.and" => Filter::Not(Box::new(Filter::All(filters))),
        _ => Filter::Not(Box::new(Filter::Any(filters))),
    })
}

fn member_of(table: &Table, text: &str) -> Result<Filter, Refusal> {
    for name in ["and", "or", "not.and", "not.or"] {
        if let Some(rest) = text.strip_prefix(name)
            && rest.starts_with('(')
        {
            return group(table, name, rest);
        }
    }
    let (name, rest) = text.split_once('.').ok_or_else(|| Refusal::unparsed(text))?;
    condition(table, name, rest)
}

fn condition(table: &Table, name: &str, text: &str) -> Result<Filter, Refusal> {
    let column = table.column(name).ok_or_else(|| Refusal::no_column(table.name, name))?;
    if let Some(rest) = text.strip_prefix("not.") {
        return Ok(Filter::Not(Box::new(condition(table, name, rest)?)));
    }
    let unparsed = || Refusal::unparsed(text);
    let (op, value) = text.split_once('.').ok_or_else(unparsed)?;
    let op = match op {
        "eq" => Op::Eq,
        "neq" => Op::Neq,
        "gt" => Op::Gt,
        "gte" => Op::Gte,
        "lt" => Op::Lt,
        "lte" => Op::Lte,
        "in" => {
            let list = value.strip_prefix('(').and_then(|value| value.strip_suffix(')'));
            let texts: Vec<String> = split(list.ok_or_else(unparsed)?).into_iter().map(unquoted).collect();
            texts.iter().try_for_each(|text| column.kind.check(text))?;
            return Ok(Filter::In(column, texts));
        }
        "is" => {
            let value = match value {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(unparsed()),
            };
            return Ok(Filter::Is(column, value));
        }
        _ => return Err(unparsed()),
    };
    let value = unquoted(value);
    column.kind.check(&value)?;
    Ok(Filter::Compare(column, op, value))
}

/// Splits at commas that stand neither in quotes nor in parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quoted, mut escaped) = (Vec::new(), 0, 0_usize, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.extend(text.get(begin..index));
                begin = index + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(begin..).filter(|rest| !rest.is_empty()));
    parts
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn compare(kind: Kind, value: &Value, text: &str) -> Option<Ordering> {
    match (kind, value) {
        (Kind::Number, Value::Number(number)) => number.as_f64()?.partial_cmp(&text.trim().parse().ok()?),
        (Kind::Bool, Value::Bool(held)) => Some(held.cmp(&text.starts_with('t'))),
        (Kind::Date, Value::String(date)) => Some(date.as_str().cmp(text.get(..10)?)),
        (Kind::Time, Value::String(time)) => Some(instant(time)?.cmp(&instant(text)?)),
        (_, Value::String(held)) => Some(held.as_str().cmp(text)),
        _ => None,
    }
}

/// A date is its midnight in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| Some(date()?.timestamp()))
}

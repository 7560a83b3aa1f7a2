//! What a query asks for: which rows, which columns, in which order, how many.

use std::cmp::Ordering;

use serde_json::Value;

use super::database::Row;
use super::filter::Filter;
use super::refusal::Refusal;
use super::tables::Table;

/// A parsed query.
#[derive(Debug, Default)]
pub(super) struct Selection {
    filters: Vec<Filter>,
    /// None: all.
    columns: Option<Vec<String>>,
    order: Vec<Order>,
    limit: Option<usize>,
    offset: usize,
    /// Of an upsert; empty: the primary key.
    pub(super) on_conflict: Vec<String>,
}

#[derive(Debug)]
struct Order {
    column: &'static str,
    descending: bool,
    nulls_first: bool,
}

impl Selection {
    pub(super) fn parse(table: &Table, pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut selection = Self::default();
        for (name, text) in pairs {
            match name.as_str() {
                "select" => selection.columns = columns(table, text)?,
                "order" => {
                    let keys = text.split(',').map(|key| Order::parse(table, key));
                    selection.order = keys.collect::<Result<_, _>>()?;
                }
                "limit" => selection.limit = Some(count(text)?),
                "offset" => selection.offset = count(text)?,
                "on_conflict" => selection.on_conflict = text.split(',').map(str::to_owned).collect(),
                // Tells PostgREST which keys of the body to use.
                "columns" => {}
                _ => selection.filters.push(Filter::parse(table, name, text)?),
            }
        }
        Ok(selection)
    }

    pub(super) fn holds(&self, row: &Row) -> bool {
        self.filters.iter().all(|filter| filter.holds(row))
    }

    /// Orders `rows`, takes the page that was asked for and shows its columns.
    pub(super) fn page(&self, mut rows: Vec<&Row>) -> Vec<Row> {
        rows.sort_by(|a, b| {
            self.order.iter().map(|key| key.compare(a, b)).fold(Ordering::Equal, Ordering::then)
        });
        let page = rows.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        page.cloned().map(|row| self.shown(row)).collect()
    }

    pub(super) fn shown(&self, mut row: Row) -> Row {
        match &self.columns {
            None => row,
            Some(columns) => {
                let mut value = |name: &String| row.get_mut(name).map(Value::take).unwrap_or_default();
                columns.iter().map(|name| (name.clone(), value(name))).collect()
            }
        }
    }
}

impl Order {
    fn parse(table: &Table, text: &str) -> Result<Self, Refusal> {
        let mut words = text.split('.');
        let name = words.next().unwrap_or_default();
        let column = table.column(name).ok_or_else(|| Refusal::no_column(table.name, name))?.name;
        let mut order = Self { column, descending: false, nulls_first: false };
        for word in words {
            match word {
                "asc" => {}
                "desc" => (order.descending, order.nulls_first) = (true, true),
                "nullsfirst" => order.nulls_first = true,
                "nullslast" => order.nulls_first = false,
                _ => return Err(Refusal::unparsed(text)),
            }
        }
        Ok(order)
    }

    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let (a, b) = (a.get(self.column).unwrap_or(&Value::Null), b.get(self.column).unwrap_or(&Value::Null));
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if self.nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if self.nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, false) if self.descending => rank(b, a),
            (false, false) => rank(a, b),
        }
    }
}

/// Values of one column have one type.
fn rank(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

fn columns(table: &Table, text: &str) -> Result<Option<Vec<String>>, Refusal> {
    if text == "*" {
        return Ok(None);
    }
    let names = text.split(',').map(|name| match table.column(name) {
        Some(column) => Ok(column.name.to_owned()),
        None => Err(Refusal::no_column(table.name, name)),
    });
    names.collect::<Result<_, _>>().map(Some)
}

fn count(text: &str) -> Result<usize, Refusal> {
    text.parse().map_err(|_| Refusal::unparsed(text))
}

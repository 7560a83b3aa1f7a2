//! The rows of all tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::keys::Role;
use super::query::Selection;
use super::refusal::Refusal;
use super::tables::{Absent, TABLES, Table};

/// A row: column to value, in the order of the columns.
pub(in crate::demo) type Row = Map<String, Value>;

/// All tables, in memory.
#[derive(Debug, Default)]
pub(in crate::demo) struct Database {
    rows: BTreeMap<&'static str, Vec<Row>>,
}

impl Database {
    pub(super) fn table(&self, name: &str) -> Result<&'static Table, Refusal> {
        TABLES.iter().find(|table| table.name == name).ok_or_else(|| Refusal::no_table(name))
    }

    /// All rows of a table, in the order in which they came.
    pub(in crate::demo) fn rows(&self, table: &str) -> &[Row] {
        self.rows.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    /// Puts in one row, whoever may see it.
    pub(in crate::demo) fn insert(&mut self, table: &str, row: Value, now: Timestamp) -> Result<(), Refusal> {
        let table = self.table(table)?;
        let rows = Self::new_rows(table, row)?;
        self.put(table, rows, None, now).map(drop)
    }

    pub(super) fn select(&self, table: &Table, role: &Role, selection: &Selection) -> Vec<Row> {
        let seen =
            self.rows(table.name).iter().filter(|row| role.may_see(table, row) && selection.holds(row));
        selection.page(seen.collect())
    }

    /// The rows of a body, their values as the columns keep them.
    pub(super) fn new_rows(table: &Table, body: Value) -> Result<Vec<Row>, Refusal> {
        let rows = match body {
            Value::Array(rows) => rows,
            row => vec![row],
        };
        let rows: Vec<Row> = rows.into_iter().map(|row| taken(table, row)).collect::<Result<_, _>>()?;
        let uneven = rows.first().is_some_and(|first| {
            rows.iter().any(|row| row.len() != first.len() || !first.keys().all(|key| row.contains_key(key)))
        });
        if uneven { Err(Refusal::uneven()) } else { Ok(rows) }
    }

    /// Puts in all of `rows` or none; with `merge` over those that are equal in these columns.
    /// What was written, and whether any of it is new.
    pub(super) fn put(
        &mut self,
        table: &Table,
        rows: Vec<Row>,
        merge: Option<&[String]>,
        now: Timestamp,
    ) -> Result<(Vec<Row>, bool), Refusal> {
        let target = merge.map(|columns| constraint(table, columns)).transpose()?;
        let all = self.rows.entry(table.name).or_default();
        // One row is put in or refused; of more than one, some may be in when another is refused.
        let before = (rows.len() > 1).then(|| all.clone());
        let put = put_each(table, all, rows, target, now);
        if let (Err(_), Some(before)) = (&put, before) {
            *all = before;
        }
        put
    }

    pub(super) fn update(
        &mut self,
        table: &Table,
        role: &Role,
        selection: &Selection,
        changes: Row,
    ) -> Result<Vec<Row>, Refusal> {
        let changes = taken(table, Value::Object(changes))?;
        let mut changed = Vec::new();
        for row in self.rows.get_mut(table.name).into_iter().flatten() {
            if role.may_see(table, row) && selection.holds(row) {
                let mut new = row.clone();
                new.extend(changes.clone());
                role.may_write(table, &new)?;
                changed.push(new.clone());
                *row = new;
            }
        }
        Ok(changed)
    }
}

/// Puts in `rows` one by one, until one is refused.
fn put_each(
    table: &Table,
    all: &mut Vec<Row>,
    rows: Vec<Row>,
    merge: Option<&[&str]>,
    now: Timestamp,
) -> Result<(Vec<Row>, bool), Refusal> {
    let (mut written, mut inserted) = (Vec::new(), false);
    for row in rows {
        if let Some(unique) = merge
            && let Some(found) = all.iter_mut().find(|other| equal(unique, &row, other))
        {
            found.extend(row.clone());
            written.push(found.clone());
            continue;
        }
        let taken = |unique: &&&[&str]| all.iter().any(|other| equal(unique, &row, other));
        if let Some(unique) = table.unique.iter().find(taken) {
            return Err(Refusal::duplicate(table.name, unique));
        }
        let row = completed(table, row, now)?;
        all.push(row.clone());
        written.push(row);
        inserted = true;
    }
    Ok((written, inserted))
}

/// The values of a body as the columns keep them.
fn taken(table: &Table, row: Value) -> Result<Row, Refusal> {
    let Value::Object(row) = row else { return Err(Refusal::not_json()) };
    let take = |(name, value): (String, Value)| match table.column(&name) {
        Some(column) => column.kind.take(value).map(|value| (name, value)),
        None => Err(Refusal::unknown_field(table.name, &name)),
    };
    row.into_iter().map(take).collect()
}

/// Whether two rows are equal in the columns of a unique constraint; nulls never are.
fn equal(unique: &[&str], a: &Row, b: &Row) -> bool {
    unique
        .iter()
        .all(|name| a.get(*name).is_some_and(|value| !value.is_null() && b.get(*name) == Some(value)))
}

/// Fills in what is absent.
fn completed(table: &Table, mut row: Row, now: Timestamp) -> Result<Row, Refusal> {
    let mut out = Row::new();
    for column in table.columns {
        let value = match (row.remove(column.name), column.absent) {
            (Some(Value::Null) | None, Absent::Refused) => {
                return Err(Refusal::missing(table.name, column.name));
            }
            (Some(value), _) => value,
            (None, Absent::Null) => Value::Null,
            (None, Absent::Id) => Uuid::new_v4().to_string().into(),
            (None, Absent::Now) => now.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string().into(),
            (None, Absent::False) => false.into(),
            (None, Absent::Zero) => 0.into(),
        };
        out.insert(column.name.to_owned(), value);
    }
    Ok(out)
}

/// The unique columns that `columns` name, in whatever order; none name the primary key.
fn constraint(table: &Table, columns: &[String]) -> Result<&'static [&'static str], Refusal> {
    if columns.is_empty() {
        return table.unique.first().copied().ok_or_else(Refusal::no_constraint);
    }
    let same = |unique: &&&'static [&'static str]| {
        unique.len() == columns.len() && columns.iter().all(|name| unique.contains(&name.as_str()))
    };
    table.unique.iter().find(same).copied().ok_or_else(Refusal::no_constraint)
}

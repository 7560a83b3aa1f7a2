//! What appeared in the stand-in database.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::demo::StandIns;

/// Tables that pathways write, and the columns of each that tell the most.
const TABLES: [(&str, &[&str]); 8] = [
    ("transactions", &["merchant", "category", "amount"]),
    ("alerts", &["alert_type", "message"]),
    ("notifications", &["title"]),
    ("category_spending", &["period", "category", "total_spent"]),
    ("total_spending", &["period", "total_spent"]),
    ("documents", &["file_name", "processed"]),
    ("chat_history", &["role", "message"]),
    ("monthly_summaries", &["month", "total_spent"]),
];
/// Characters of a row that are shown.
const WIDTH: usize = 78;

/// All rows at one time.
pub(super) struct Rows(BTreeMap<&'static str, Vec<Value>>);

/// A row that is new, or new in part.
pub(super) struct Row {
    pub(super) table: &'static str,
    pub(super) is_new: bool,
    pub(super) text: String,
}

impl Rows {
    pub(super) fn of(stand_ins: &StandIns) -> Self {
        Self(TABLES.iter().map(|(table, _)| (*table, stand_ins.rows(table))).collect())
    }

    /// What is otherwise than it was `before`.
    pub(super) fn since(&self, before: &Self) -> Vec<Row> {
        let mut changed = Vec::new();
        for (table, columns) in TABLES {
            let old = before.0.get(table).map_or(&[][..], Vec::as_slice);
            for row in self.0.get(table).into_iter().flatten().filter(|row| !old.contains(row)) {
                let id = row.get("id");
                let is_new = !old.iter().any(|old| old.get("id") == id);
                changed.push(Row { table, is_new, text: text(row, columns) });
            }
        }
        changed
    }
}

fn text(row: &Value, columns: &[&str]) -> String {
    let values = columns.iter().filter_map(|column| {
        Some(match row.get(column)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            Value::Bool(is) => format!("{column}: {is}"),
            other => other.to_string(),
        })
    });
    let text = values.collect::<Vec<_>>().join(" · ").replace('\n', " ");
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

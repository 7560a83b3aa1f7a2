//! The app's tables, as far as the pathways know them.

use serde_json::{Number, Value};

use super::refusal::Refusal;

pub(super) const CATEGORIES: &[&str] = &[
    "rent",
    "groceries",
    "transport",
    "entertainment",
    "savings",
    "emergency_fund",
    "utilities",
    "healthcare",
    "education",
    "dining",
    "shopping",
    "other",
];
const ALERTS: &[&str] = &["budget_80", "budget_exceeded", "unusual_spike", "info"];
const PERIODS: &[&str] = &["monthly", "yearly"];

/// A table: its columns, what is unique in it, and which column says whose a row is.
#[derive(Debug, Clone, Copy)]
pub(in crate::demo) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) unique: &'static [&'static [&'static str]],
    pub(super) owner: &'static str,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
}

/// Its type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
    Bool,
    Json,
    Date,
    Time,
    Enum(&'static str, &'static [&'static str]),
}

/// What stands in a row where the body has nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    /// Nothing may not stand there.
    Refused,
    Null,
    Id,
    Now,
    False,
    Zero,
}

use Absent::{False, Id, Now, Null, Refused, Zero};
use Kind::{Bool, Date, Enum, Json, Number as Num, Text, Time};

const CATEGORY: Kind = Enum("category", CATEGORIES);
const PERIOD: Kind = Enum("budget_period", PERIODS);

const fn col(name: &'static str, kind: Kind, absent: Absent) -> Column {
    Column { name, kind, absent }
}

const ID: Column = col("id", Text, Id);
const USER: Column = col("user_id", Text, Refused);
const CREATED: Column = col("created_at", Time, Now);

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "profiles",
        columns: &[ID, col("full_name", Text, Null), col("mode", Text, Null), CREATED],
        unique: &[&["id"]],
        owner: "id",
    },
    Table {
        name: "income_records",
        columns: &[ID, USER, col("amount", Num, Refused), col("source", Text, Null), CREATED],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "budgets",
        columns: &[
            ID,
            USER,
            col("period", PERIOD, Refused),
            col("is_active", Bool, False),
            col("total_income", Num, Zero),
            col("rent", Num, Zero),
            col("groceries", Num, Zero),
            col("transport", Num, Zero),
            col("entertainment", Num, Zero),
            col("savings", Num, Zero),
            col("emergency_fund", Num, Zero),
            col("utilities", Num, Zero),
            col("healthcare", Num, Zero),
            col("education", Num, Zero),
            col("dining", Num, Zero),
            col("shopping", Num, Zero),
            col("other", Num, Zero),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "transactions",
        columns: &[
            ID,
            USER,
            col("document_id", Text, Null),
            col("amount", Num, Refused),
            col("transaction_date", Date, Refused),
            col("merchant", Text, Null),
            col("category", CATEGORY, Null),
            col("description", Text, Null),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "alerts",
        columns: &[
            ID,
            USER,
            col("alert_type", Enum("alert_type", ALERTS), Refused),
            col("category", CATEGORY, Null),
            col("message", Text, Refused),
            col("is_read", Bool, False),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "chat_history",
        columns: &[ID, USER, col("role", Text, Refused), col("message", Text, Refused), CREATED],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "documents",
        columns: &[
            ID,
            USER,
            col("file_name", Text, Null),
            col("file_url", Text, Null),
            col("ocr_text", Text, Null),
            col("processed", Bool, False),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "notifications",
        columns: &[
            ID,
            USER,
            col("type", Text, Refused),
            col("title", Text, Refused),
            col("message", Text, Null),
            col("channel", Text, Null),
            col("metadata", Json, Null),
            col("is_read", Bool, False),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "category_spending",
        columns: &[
            ID,
            USER,
            col("category", Text, Refused),
            col("period", Text, Refused),
            col("total_spent", Num, Zero),
            CREATED,
        ],
        unique: &[&["id"], &["user_id", "category", "period"]],
        owner: "user_id",
    },
    Table {
        name: "total_spending",
        columns: &[ID, USER, col("period", Text, Refused), col("total_spent", Num, Zero), CREATED],
        unique: &[&["id"], &["user_id", "period"]],
        owner: "user_id",
    },
    Table {
        name: "savings_goals",
        columns: &[
            ID,
            USER,
            col("name", Text, Null),
            col("target_amount", Num, Zero),
            col("current_amount", Num, Zero),
            col("progress", Num, Zero),
            CREATED,
        ],
        unique: &[&["id"]],
        owner: "user_id",
    },
    Table {
        name: "monthly_summaries",
        columns: &[
            ID,
            USER,
            col("month", Text, Refused),
            col("total_spent", Num, Zero),
            col("category_breakdown", Json, Null),
            col("transaction_count", Num, Zero),
            CREATED,
        ],
        unique: &[&["id"], &["user_id", "month"]],
        owner: "user_id",
    },
];

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Kind {
    /// `value` as the column keeps it. Numbers may come as text and are kept as numbers.
    pub(super) fn take(self, value: Value) -> Result<Value, Refusal> {
        match (self, value) {
            (_, Value::Null) => Ok(Value::Null),
            (Num, Value::String(text)) => number(&text).map(Value::Number),
            (Date, Value::String(text)) => match text.get(..10).map(str::parse::<jiff::civil::Date>) {
                Some(Ok(date)) => Ok(date.to_string().into()),
                _ => Err(Refusal::bad_date(&text)),
            },
            (Enum(name, values), Value::String(text)) => {
                check_enum(name, values, &text)?;
                Ok(text.into())
            }
            (Bool, Value::String(text)) => match text.as_str() {
                "true" | "t" => Ok(true.into()),
                "false" | "f" => Ok(false.into()),
                _ => Err(mismatch("boolean", &text)),
            },
            (Json, value)
            | (Num, value @ Value::Number(_))
            | (Bool, value @ Value::Bool(_))
            | (Text | Time, value @ Value::String(_)) => Ok(value),
            (Text, value) => Ok(value.to_string().into()),
            (Num, value) => Err(mismatch("numeric", &value.to_string())),
            (Bool, value) => Err(mismatch("boolean", &value.to_string())),
            (Date | Time, value) => Err(Refusal::bad_date(&value.to_string())),
            (Enum(name, values), value) => {
                check_enum(name, values, &value.to_string())?;
                Ok(value)
            }
        }
    }

    /// Whether a filter may compare the column with `text`.
    pub(super) fn check(self, text: &str) -> Result<(), Refusal> {
        match self {
            Enum(name, values) => check_enum(name, values, text),
            Num => number(text).map(drop),
            Date | Bool => self.take(text.into()).map(drop),
            Text | Json | Time => Ok(()),
        }
    }
}

fn check_enum(name: &str, values: &[&str], text: &str) -> Result<(), Refusal> {
    if values.contains(&text) {
        return Ok(());
    }
    Err(Refusal::bad_value(format!("invalid input value for enum {name}: \"{text}\"")))
}

fn number(text: &str) -> Result<Number, Refusal> {
    serde_json::from_str(text.trim()).map_err(|_| mismatch("numeric", text))
}

fn mismatch(kind: &str, text: &str) -> Refusal {
    Refusal::bad_value(format!("invalid input syntax for type {kind}: \"{text}\""))
}

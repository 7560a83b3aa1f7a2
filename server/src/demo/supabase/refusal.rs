//! Errors in PostgREST's shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// `{code, message, details, hint}` and a status.
#[derive(Debug)]
pub(in crate::demo) struct Refusal {
    status: StatusCode,
    code: &'static str,
    pub(in crate::demo) message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A value that its column's type does not have.
    pub(super) fn bad_value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "22P02", message)
    }

    pub(super) fn bad_date(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "22007", format!("invalid input syntax for type date: \"{text}\""))
    }

    pub(super) fn no_table(name: &str) -> Self {
        let message = format!("Could not find the table 'public.{name}' in the schema cache");
        Self::new(StatusCode::NOT_FOUND, "PGRST205", message)
    }

    /// A column in a query.
    pub(super) fn no_column(table: &str, name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "42703", format!("column {table}.{name} does not exist"))
    }

    /// A column in a body.
    pub(super) fn unknown_field(table: &str, name: &str) -> Self {
        let message = format!("Could not find the '{name}' column of '{table}' in the schema cache");
        Self::new(StatusCode::BAD_REQUEST, "PGRST204", message)
    }

    pub(super) fn missing(table: &str, column: &str) -> Self {
        let message =
            format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
        Self::new(StatusCode::BAD_REQUEST, "23502", message)
    }

    pub(super) fn duplicate(table: &str, columns: &[&str]) -> Self {
        let message =
            format!("duplicate key value violates unique constraint \"{table}_{}_key\"", columns.join("_"));
        Self::new(StatusCode::CONFLICT, "23505", message)
    }

    pub(super) fn no_constraint() -> Self {
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        Self::new(StatusCode::BAD_REQUEST, "42P10", message)
    }

    pub(super) fn not_yours(table: &str) -> Self {
        let message = format!("new row violates row-level security policy for table \"{table}\"");
        Self::new(StatusCode::FORBIDDEN, "42501", message)
    }

    pub(super) fn not_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST102", "Empty or invalid json")
    }

    pub(super) fn uneven() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST102", "All object keys must match")
    }

    /// A query that PostgREST cannot read.
    pub(super) fn unparsed(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST100", format!("\"failed to parse ({text})\""))
    }

    pub(super) fn no_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "PGRST301", "No API key found in request, or an invalid one")
    }

    pub(super) fn bad_token(why: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "PGRST301", why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message, "details": null, "hint": null});
        (self.status, Json(body)).into_response()
    }
}

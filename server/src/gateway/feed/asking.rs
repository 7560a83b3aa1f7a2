//! Who asks for a feed: whether they may, and whose records they get.

use axum::http::{StatusCode, Uri};
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::{Feed, HttpDoor};
use pathway_engine::expression::{EvalError, Now, Scope, Slot};
use pathway_engine::journal::Principal;
use pathway_engine::vm::{Class, Failure};
use uuid::Uuid;

use super::super::auth::Caller;
use super::super::{Problem, body};
use super::saying;

/// The key whose events this caller gets.
pub(super) fn key(feed: &Feed, caller: &Caller, uri: &Uri) -> Result<String, Problem> {
    let principal = caller.principal.as_ref().map_or_else(|| Value::from(()), Principal::to_value);
    let asking = Asking { query: query(feed, uri)?, auth: principal };
    if let Some(require) = &feed.require
        && !require.test(&asking).map_err(unreadable)?
    {
        return Err(denied("this caller may not read this"));
    }
    let key = feed.reader.eval_or_none(&asking).map_err(unreadable)?;
    saying::key(&key).ok_or_else(|| denied("there is nothing here for this caller"))
}

/// The query, checked and with its defaults.
fn query(feed: &Feed, uri: &Uri) -> Result<Value, Problem> {
    let query = body::query(uri, &HttpDoor::CREDENTIALS)?;
    let Some(schema) = &feed.query else { return Ok(query) };
    schema.check(&query).map_err(|violations| {
        let status = Some(StatusCode::BAD_REQUEST.as_u16());
        Problem::of(&Failure { status, ..Failure::violated(Class::Invalid, "the query", violations) })
    })
}

fn denied(why: &str) -> Problem {
    Problem::of(&Failure::new(Class::Denied, why))
}

/// An expression cannot be evaluated for this query.
fn unreadable(error: EvalError) -> Problem {
    let status = Some(StatusCode::BAD_REQUEST.as_u16());
    Problem::of(&Failure { status, ..Failure::new(Class::Invalid, error.message) })
}

/// What the expressions about a caller see.
struct Asking {
    query: Value,
    auth: Value,
}

impl Scope for Asking {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Query => self.query.clone(),
            Slot::Auth => self.auth.clone(),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        Timestamp::now()
    }

    fn uuid(&self, _: u32) -> String {
        Uuid::now_v7().to_string()
    }
}

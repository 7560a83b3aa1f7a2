//! A record's value as a run's input: plain JSON, or CloudEvents in either of their modes.
//!
//! Source: the CloudEvents 1.0 binding for Kafka. In the binary mode the attributes are headers
//! and the value is the data; in the structured mode the value holds both.

use pathway_engine::Value;
use pathway_engine::value::Json;
use pathway_engine::vm::{Class, Failure};

use crate::store::Record;

/// Bytes of a record's value; a larger one is parked.
const LARGEST: usize = 16 << 20;
/// How the content type of a structured CloudEvent begins.
const STRUCTURED: &[u8] = b"application/cloudevents";

/// The input that a record is.
pub(super) fn input(record: &Record) -> Result<Json, Failure> {
    let payload = record.value.as_ref().ok_or_else(|| invalid("the record has no value".to_owned()))?;
    if payload.len() > LARGEST {
        return Err(invalid(format!("the record has {} bytes, more than {LARGEST}", payload.len())));
    }
    let json = payload.json().map_err(|error| invalid(format!("the record is not JSON: {error}")))?;
    match header(record, "content-type") {
        Some(kind)
            if kind.get(..STRUCTURED.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(STRUCTURED)) =>
        {
            data(&json).map(Json::from)
        }
        _ => Ok(json),
    }
}

/// The data of a structured CloudEvent.
fn data(event: &Value) -> Result<Value, Failure> {
    let field = |name: &str| event.get_attr(name).ok().filter(|value| !value.is_undefined());
    if field("specversion").is_none() {
        return Err(invalid("the record says that it is a CloudEvent, and has no `specversion`".to_owned()));
    }
    if field("data_base64").is_some() {
        return Err(invalid("the data of the CloudEvent is binary; send JSON as `data`".to_owned()));
    }
    Ok(field("data").unwrap_or_else(|| Value::from(())))
}

/// The value of a record's header.
fn header<'a>(record: &'a Record, name: &str) -> Option<&'a [u8]> {
    let (_, value) = record.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value)
}

fn invalid(message: String) -> Failure {
    Failure::new(Class::Invalid, message)
}

//! Record headers in a row.

use rusqlite::types::Type;
use rusqlite::{Error, Row};

use crate::store::headers::{Headers, decode};

/// The headers in a column of a row.
pub(super) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<Headers> {
    decode(row.get_ref(column)?.as_blob_or_null()?)
        .ok_or_else(|| Error::FromSqlConversionFailure(column, Type::Blob, "broken headers".into()))
}

//! Columns that hold something else than the database knows.

use std::error::Error as StdError;

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Error, Row};

use crate::store::Status;
use crate::store::headers::{self, Headers};

type Broken = Box<dyn StdError + Sync + Send>;

/// Text that is kept as bytes.
pub(super) fn text(row: &Row, column: usize) -> Result<Option<String>, Error> {
    struct Text(String);
    impl<'a> FromSql<'a> for Text {
        fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Broken> {
            Ok(Self(String::from_utf8(raw.to_vec())?))
        }
        fn accepts(of: &Type) -> bool {
            *of == Type::BYTEA
        }
    }
    Ok(row.try_get::<_, Option<Text>>(column)?.map(|text| text.0))
}

/// The headers of a record.
pub(super) fn headers(row: &Row, column: usize) -> Result<Headers, Error> {
    struct Column(Headers);
    impl<'a> FromSql<'a> for Column {
        fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Broken> {
            headers::decode(Some(raw)).map(Self).ok_or_else(|| "broken headers".into())
        }
        fn accepts(of: &Type) -> bool {
            *of == Type::BYTEA
        }
    }
    Ok(row.try_get::<_, Option<Column>>(column)?.map(|column| column.0).unwrap_or_default())
}

/// A status, by its name.
pub(super) fn status(row: &Row, column: usize) -> Result<Status, Error> {
    struct Name(Status);
    impl<'a> FromSql<'a> for Name {
        fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Broken> {
            let name = std::str::from_utf8(raw)?;
            Status::from_name(name).map(Self).ok_or_else(|| format!("no status is called `{name}`").into())
        }
        fn accepts(of: &Type) -> bool {
            *of == Type::TEXT
        }
    }
    Ok(row.try_get::<_, Name>(column)?.0)
}

/// A small number in a column for large ones.
pub(super) fn number(row: &Row, column: usize) -> Result<u32, Error> {
    struct Small(u32);
    impl<'a> FromSql<'a> for Small {
        fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Broken> {
            Ok(Self(u32::try_from(i64::from_sql(of, raw)?)?))
        }
        fn accepts(of: &Type) -> bool {
            *of == Type::INT8
        }
    }
    Ok(row.try_get::<_, Small>(column)?.0)
}

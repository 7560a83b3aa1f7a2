//! Where runs are kept.

use super::reader::Reader;
use super::secret::Secret;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Fields;

const TWO_STORES: Code = Code("PW0652");
const NO_DATABASE: Code = Code("PW0653");

/// Where runs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In a folder, relative to the project's.
    Path(String),
    /// In PostgreSQL, at this URL.
    Postgres(Secret),
}

impl Store {
    /// A database holds, whatever folder a layer below it gave.
    pub(super) fn read(fields: &mut Fields<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let path = fields.take("path").and_then(|node| reader.open(node, "`path`"));
        let url = fields.take("postgres");
        let given = url.and_then(|node| Some((node.span, reader.filled(node, "`postgres`")?)));
        let Some((span, url)) = given else { return path.map(|path| Self::Path(path.value)) };
        if let Some(path) = path.filter(|path| path.span.file == span.file) {
            reader.push(
                Diagnostic::error(TWO_STORES, "a store is in a folder or in a database, not in both")
                    .at(span, "a database")
                    .at(path.span, "and a folder")
                    .help("leave out one of the two"),
            );
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.value.starts_with(scheme)) {
            reader.push(
                Diagnostic::error(NO_DATABASE, "`postgres` is not the URL of a database")
                    .at(span, "begins with neither `postgres://` nor `postgresql://`")
                    .help("write `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, from a variable"),
            );
        }
        Some(Self::Postgres(Secret::new(url.value)))
    }
}

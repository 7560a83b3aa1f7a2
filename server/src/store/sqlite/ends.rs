//! Where the topics of this store end, as its only writer knows: it need not ask for each record.

use std::collections::HashMap;

use rusqlite::Connection;

use super::source;
use crate::bus::EMBEDDED_PARTITION;
use crate::store::Offset;

/// Topics that are known at once; more are forgotten, all of them.
const KNOWN: usize = 1024;

/// The ends of topics, as they are within the transaction.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<String, End>);

#[derive(Debug, Clone, Copy)]
struct End {
    source: i64,
    next: Offset,
}

impl Ends {
    /// The number of a topic and the offset of its next record, of which `count` are about to be put there.
    pub(super) fn extend(
        &mut self,
        connection: &Connection,
        topic: &str,
        count: usize,
    ) -> rusqlite::Result<(i64, Offset)> {
        let count = Offset::try_from(count).unwrap_or(Offset::MAX);
        if let Some(end) = self.0.get_mut(topic) {
            let from = end.next;
            end.next += count;
            return Ok((end.source, from));
        }
        let source = source::id(connection, topic, EMBEDDED_PARTITION)?;
        let from = source::end_offset(connection, source)?;
        if self.0.len() >= KNOWN {
            self.0.clear();
        }
        self.0.insert(topic.to_owned(), End { source, next: from + count });
        Ok((source, from))
    }

    /// Something was not written after all.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

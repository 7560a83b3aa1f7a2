//! A message of the client as our record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message};

use super::super::Record;
use crate::store;

/// What a record takes beside its bytes, roughly.
const OVERHEAD: usize = 160;

/// Copies a message, so that the client need not keep its batch.
pub(super) fn record(message: &BorrowedMessage<'_>) -> Record {
    Record {
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(|payload| payload.to_vec().into()),
        headers: message.headers().map(headers).unwrap_or_default(),
        time: message.timestamp().to_millis().unwrap_or_default(),
    }
}

/// What a record takes in memory.
pub(super) fn size(record: &Record) -> usize {
    OVERHEAD + record.size() + 64 * record.headers.len()
}

fn headers(headers: &BorrowedHeaders) -> store::Headers {
    let readable: Vec<_> = (0..headers.count())
        .filter_map(|index| {
            // The client panics at a name that is not UTF-8, which any producer may send.
            let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(index)));
            let header = header.ok().flatten()?;
            Some((header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
        })
        .collect();
    readable.into()
}

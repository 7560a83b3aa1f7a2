//! What is taken from the pieces of a streamed answer, as they arrive.
//!
//! Whoever reads the stream gives each piece as its text, and passes on what comes of it if the step
//! emits. What was picked is kept for the output: as a list, and joined where the author wants the
//! whole text.

use uuid::Uuid;

use super::HttpRequest;
use crate::Value;
use crate::expression::{Now, Scope, Slot};
use crate::value::{from_json, to_json};

/// What was picked so far.
#[derive(Debug)]
pub struct Picks<'a> {
    request: &'a HttpRequest,
    key: &'a str,
    now: Now,
    seen: usize,
    text: String,
    chunks: Vec<Value>,
}

/// Why `pick` fails on a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpicked(pub String);

impl<'a> Picks<'a> {
    /// Nothing yet, of an answer to `request`; `key` is its idempotency key, `now` what `now()` is.
    #[must_use]
    pub fn new(request: &'a HttpRequest, key: &'a str, now: Now) -> Self {
        Self { request, key, now, seen: 0, text: String::new(), chunks: Vec::new() }
    }

    /// Takes a piece, which is JSON where it is JSON, else text; what `pick` selects of it, if it has
    /// that. An expression that fails on a piece of text is taken to find nothing in it: streams carry
    /// lines that are not JSON.
    ///
    /// # Errors
    /// `pick` fails on it.
    pub fn take(&mut self, piece: String) -> Result<Option<Value>, Unpicked> {
        let (chunk, is_json) = match from_json(piece.as_bytes()) {
            Ok(value) => (value, true),
            Err(_) => (Value::from(piece), false),
        };
        let index = self.seen;
        self.seen += 1;
        let value = match &self.request.stream.pick {
            None => chunk,
            Some(pick) => match pick.eval_or_none(&ChunkScope { chunk, key: self.key, now: self.now, index })
            {
                Ok(value) => value,
                Err(_) if !is_json => return Ok(None),
                Err(error) => return Err(Unpicked(error.message)),
            },
        };
        if value.is_none() || value.is_undefined() {
            return Ok(None);
        }
        self.keep(&value);
        Ok(Some(value))
    }

    /// Keeps a value as if it had been picked.
    pub fn keep(&mut self, value: &Value) {
        match value.as_str() {
            Some(text) => self.text.push_str(text),
            None => self.text.push_str(&to_json(value)),
        }
        self.chunks.push(value.clone());
    }

    /// How many were picked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Whether none was picked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// All that was picked: joined, and as a list.
    #[must_use]
    pub fn finish(self) -> (String, Vec<Value>) {
        (self.text, self.chunks)
    }
}

/// `chunk`, and nothing else.
struct ChunkScope<'a> {
    chunk: Value,
    key: &'a str,
    now: Now,
    index: usize,
}

impl Scope for ChunkScope<'_> {
    fn get(&self, slot: Slot) -> Value {
        match slot {
            Slot::Chunk => self.chunk.clone(),
            _ => Value::from(()),
        }
    }

    fn now(&self) -> Now {
        self.now
    }

    fn uuid(&self, n: u32) -> String {
        let name = format!("{}/{}/{n}", self.key, self.index);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }
}

//! What is taken from a piece of a stream.

use pathway_engine::Value;
use pathway_engine::expression::{Now, Scope, Slot};
use pathway_engine::value::from_json;
use pathway_engine::vm::{Failure, HttpRequest};
use uuid::Uuid;

use super::{Context, failure};

/// A piece is JSON where it is JSON, else text.
pub(super) struct Piece {
    value: Value,
    is_json: bool,
}

impl Piece {
    pub(super) fn new(text: String) -> Self {
        match from_json(text.as_bytes()) {
            Ok(value) => Self { value, is_json: true },
            Err(_) => Self { value: Value::from(text), is_json: false },
        }
    }

    /// What `pick` selects; none where the piece has no such thing. An expression that fails on
    /// a piece of text is taken to find nothing in it: streams carry lines that are not JSON.
    pub(super) fn picked(
        self,
        request: &HttpRequest,
        context: &Context<'_>,
        index: usize,
    ) -> Result<Option<Value>, Failure> {
        let value = match &request.stream.pick {
            None => self.value,
            Some(pick) => {
                let scope = ChunkScope { chunk: self.value, context, index };
                match pick.eval_or_none(&scope) {
                    Ok(value) => value,
                    Err(_) if !self.is_json => return Ok(None),
                    Err(error) => return Err(failure::unpicked(request, error.message)),
                }
            }
        };
        Ok(Some(value).filter(|value| !value.is_none() && !value.is_undefined()))
    }
}

/// `chunk`, and nothing else.
struct ChunkScope<'a> {
    chunk: Value,
    context: &'a Context<'a>,
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
        self.context.now
    }

    fn uuid(&self, n: u32) -> String {
        let name = format!("{}/{}/{n}", self.context.idempotency_key, self.index);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }
}

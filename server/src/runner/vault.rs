//! Journal events as they are stored: those that hold a secret are sealed.

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, Started};
use serde::{Deserialize, Serialize};

use super::Inner;
use crate::seal::SealKeys;

/// How an event begins that is sealed, and no other.
const SEALED: &[u8] = br#"{"sealed":"#;

/// An event that holds a secret, as the store has it.
#[derive(Serialize, Deserialize)]
struct Sealed {
    sealed: String,
}

impl Inner {
    /// The bytes of an event of a run.
    pub(super) fn encode(&self, plan: &Plan, run: &str, event: &Event) -> Vec<u8> {
        let plain = event.encode().unwrap_or_default();
        if !holds_secret(plan, event) {
            return plain;
        }
        let text = String::from_utf8_lossy(&plain);
        match self.keys.seal(&text, &["event", &plan.name, run]) {
            Ok(sealed) => serde_json::to_vec(&Sealed { sealed }).unwrap_or_default(),
            Err(error) => {
                // Better a run that cannot be taken up than a secret on the disk.
                tracing::error!(run, %error, "an event could not be sealed");
                Vec::new()
            }
        }
    }

    /// The event that was stored as `bytes`.
    pub(super) fn decode(&self, plan: &Plan, run: &str, bytes: &[u8]) -> Result<Event, String> {
        decode(Some(&self.keys), (&plan.name, run), bytes)
    }
}

/// The event of a run of a pathway that was stored as `bytes`.
pub(super) fn decode(
    keys: Option<&SealKeys>,
    (pathway, run): (&str, &str),
    bytes: &[u8],
) -> Result<Event, String> {
    let sealed = bytes.starts_with(SEALED).then(|| serde_json::from_slice::<Sealed>(bytes).ok()).flatten();
    let Some(Sealed { sealed }) = sealed else {
        return Event::decode(bytes).map_err(|error| error.to_string());
    };
    let keys = keys.ok_or("it is sealed, and the key is not here")?;
    let plain = keys.open(&sealed, &["event", pathway, run]).map_err(|error| error.to_string())?;
    Event::decode(plain.reveal().as_bytes()).map_err(|error| error.to_string())
}

/// Whether the event holds an output that is secret, or an input with a `writeOnly` property.
fn holds_secret(plan: &Plan, event: &Event) -> bool {
    match &event.kind {
        // What pure steps make of a secret is in no other event.
        Kind::Started(Started { rerun: Some(rerun), .. }) if !rerun.is_empty() => true,
        Kind::Started(started) => plan.input.as_ref().is_some_and(|schema| {
            !schema.secrets().is_empty() && schema.mask(&started.input) != *started.input.value()
        }),
        Kind::Performed(performed) => plan.is_secret(&performed.instance),
        // It has the outputs of steps.
        Kind::Compacted(_) => plan.has_secrets(),
        _ => false,
    }
}

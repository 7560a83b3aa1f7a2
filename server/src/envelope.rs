//! What travels beside a record from a door to the run that it starts, as record headers.
//!
//! A door is trusted because it can seal: who asked, and the token with which services are called
//! in their name, are sealed together for one run of one pathway, so that neither is readable on
//! the bus nor can another producer forge it.

use pathway_engine::Value;
use pathway_engine::journal::Principal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::seal::{SealError, SealKeys};
use crate::store::Millis;

const PATHWAY: &str = "pathway-name";
const RUN: &str = "pathway-run";
const CORRELATION: &str = "pathway-correlation";
const DEADLINE: &str = "pathway-deadline";
const SEALED: &str = "pathway-sealed";
const IDEMPOTENCY: &str = "pathway-idempotency-key";
const TICK: &str = "pathway-tick";
const LANE: &str = "pathway-lane";
const DEFINITION: &str = "pathway-definition";
/// Stable over redeliveries of a record of our own.
pub const MESSAGE_ID: &str = "message-id";
/// The pathway that sent a record: its message id is ours, and so used for nothing else.
pub const FROM: &str = "pathway-from";
/// Of a reply: by which whoever asked knows it.
pub const CORRELATION_ID: &str = "correlation-id";

/// What an HTTP door, or a schedule, says of the run that a record is to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The pathway whose door it was; other pathways of the topic pass the rest over.
    pub pathway: String,
    /// The public id that the run gets.
    pub run: String,
    /// The correlation id.
    pub correlation: String,
    /// When the door gives up: a run that has not begun by then does not begin.
    pub deadline: Option<Millis>,
    /// [`Sealed`], sealed.
    pub sealed: Option<String>,
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The time of the tick, of a schedule's run: nobody waits for it.
    pub tick: Option<String>,
    /// The run's lane, where it is not the pathway's `key` that says.
    pub lane: Option<String>,
    /// The digest of the definition by which the door took it: another may hold when it is admitted.
    pub definition: Option<String>,
}

/// Who asked, and their token.
#[derive(Serialize, Deserialize)]
pub struct Sealed {
    /// Who.
    pub principal: Principal,
    /// Their bearer token.
    #[serde(default)]
    pub token: Option<String>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl Sealed {
    /// Sealed for one run of one pathway.
    ///
    /// # Errors
    /// A principal that JSON cannot hold, or no randomness.
    pub fn seal(&self, keys: &SealKeys, pathway: &str, run: &str) -> Result<String, SealError> {
        let plain = serde_json::to_string(self).map_err(|_| SealError::Malformed)?;
        keys.seal(&plain, &[pathway, run])
    }

    /// Opens what was sealed for this run; none where the seal does not hold.
    #[must_use]
    pub fn open(keys: &SealKeys, sealed: &str, pathway: &str, run: &str) -> Option<Self> {
        let plain = keys.open(sealed, &[pathway, run]).ok()?;
        serde_json::from_str(plain.reveal()).ok()
    }
}

/// The hash of an input by which two requests with one idempotency key are the same: without the
/// field into which the gateway wrote the correlation id.
#[must_use]
pub fn input_hash(input: &Value, correlation_field: Option<&str>) -> Vec<u8> {
    let mut json = pathway_engine::value::to_serde(input);
    if let (Some(field), Some(map)) = (correlation_field, json.as_object_mut()) {
        map.shift_remove(field);
    }
    // The order of properties means nothing in JSON.
    json.sort_all_objects();
    Sha256::digest(json.to_string().as_bytes()).to_vec()
}

impl Envelope {
    /// As record headers.
    #[must_use]
    pub fn to_headers(&self) -> Vec<(String, Vec<u8>)> {
        let deadline = self.deadline.map(|at| at.to_string());
        let optional = [
            (DEADLINE, deadline.as_deref()),
            (SEALED, self.sealed.as_deref()),
            (IDEMPOTENCY, self.idempotency_key.as_deref()),
            (TICK, self.tick.as_deref()),
            (LANE, self.lane.as_deref()),
            (DEFINITION, self.definition.as_deref()),
        ];
        let required = [(PATHWAY, &*self.pathway), (RUN, &*self.run), (CORRELATION, &*self.correlation)];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let pairs = required.into_iter().chain(optional);
        pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
    }

    /// From record headers; none where the record came through no door.
    #[must_use]
    pub fn from_headers(headers: &[(String, Vec<u8>)]) -> Option<Self> {
        let get = |name: &str| {
            let (_, value) = headers.iter().find(|(known, _)| known == name)?;
            std::str::from_utf8(value).ok().map(str::to_owned)
        };
        Some(Self {
            pathway: get(PATHWAY)?,
            run: get(RUN)?,
            correlation: get(CORRELATION)?,
            deadline: get(DEADLINE).and_then(|at| at.parse().ok()),
            sealed: get(SEALED),
            idempotency_key: get(IDEMPOTENCY),
            tick: get(TICK),
            lane: get(LANE),
            definition: get(DEFINITION),
        })
    }
}

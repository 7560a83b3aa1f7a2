//! A record on its way to become a run of one pathway: what it says, who asks, and the run.

use std::sync::Arc;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::expression::Expression;
use pathway_engine::journal::{Caller, Event, Kind, Principal, SEMANTICS, Started};
use pathway_engine::value::{self, Json};
use pathway_engine::vm::{Class, Failure};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::at_once::AtOnce;
use super::ending::Ending;
use super::lanes::Lane;
use super::{Admitted, Inner};
use crate::envelope::{Envelope, FROM, MESSAGE_ID, Sealed, input_hash};
use crate::facts::Facts;
use crate::seal::Secret;
use crate::store::{Idempotency, NewRun, Record, Status};
use crate::trace::TraceContext;

/// What a door without a caller's token calls whoever it trusts.
const SERVICE: &str = "service";
/// Bytes of a key that is taken for a correlation id.
const LONGEST_CORRELATION: usize = 255;

/// What the store has to know of a run beside the run itself.
pub(super) struct Row {
    subject: Option<String>,
    correlation: Option<String>,
    dedupe_id: Option<String>,
    idempotency: Option<Idempotency>,
}

impl Row {
    /// Of a run that a human starts in somebody's name.
    pub(super) const fn of(subject: Option<String>) -> Self {
        Self { subject, correlation: None, dedupe_id: None, idempotency: None }
    }
}

/// A record that has come for a pathway.
pub(super) struct Arrived<'a> {
    pub(super) plan: Arc<Plan>,
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) record: &'a Record,
    /// What the door says that it came through.
    envelope: Option<Envelope>,
    /// Without the token.
    input: Result<Json, Failure>,
    /// The bearer token that it carried.
    pub(super) token: Option<Secret>,
    /// What is known of the token, once it was verified.
    pub(super) vouched: Option<Result<Principal, Failure>>,
    public_id: String,
}

impl<'a> Arrived<'a> {
    /// Reads what `record`, whose input was read already, means for `plan`; `taken_by` knows the plan by
    /// which a door took it, given its digest.
    pub(super) fn new(
        plan: &Arc<Plan>,
        taken_by: impl FnOnce(Option<&str>) -> Arc<Plan>,
        (topic, partition): (&'a str, i32),
        record: &'a Record,
        input: Result<Json, Failure>,
    ) -> Self {
        let envelope =
            Envelope::from_headers(&record.headers).filter(|envelope| envelope.pathway == *plan.name);
        let plan = taken_by(envelope.as_ref().and_then(|envelope| envelope.definition.as_deref()));
        let public_id = match &envelope {
            Some(envelope) => envelope.run.clone(),
            None => id_of_position(&plan.name, topic, partition, record),
        };
        let (input, token) = match (input, &plan.door.token) {
            (Ok(input), Some(field)) => match cut(&input, &field.value) {
                Ok((input, token)) => (Ok(input), token),
                Err(failure) => (Err(failure), None),
            },
            (input, _) => (input, None),
        };
        Self { plan, topic, partition, record, envelope, input, token, vouched: None, public_id }
    }

    /// The token that has to be verified before the run is made.
    pub(super) fn unverified(&self) -> Option<&Secret> {
        // What a door of ours sealed was verified by it.
        let is_sealed = self.envelope.as_ref().is_some_and(|envelope| envelope.sealed.is_some());
        self.token.as_ref().filter(|_| !is_sealed)
    }

    /// The correlation id where the record itself does not tell it, or cannot be read: requests are
    /// keyed by it, as a door of ours does that has no other key.
    fn key_of_request(&self) -> Option<&str> {
        let door = &self.plan.door;
        let key = self.record.key.as_deref().filter(|_| door.correlation.is_some() && door.key.is_none())?;
        std::str::from_utf8(key).ok().filter(|key| (1..=LONGEST_CORRELATION).contains(&key.len()))
    }

    /// Whether it came through no door of which a caller is known, or not known.
    fn is_of_producer(&self) -> bool {
        self.envelope.as_ref().is_none_or(|envelope| envelope.tick.is_some())
    }

    /// The key of a message of our own, which is sent again under the same one.
    fn message_id(&self) -> Option<String> {
        let text = |wanted: &str| {
            let (_, value) = self.record.headers.iter().find(|(name, _)| name == wanted)?;
            std::str::from_utf8(value).ok()
        };
        text(FROM)?;
        text(MESSAGE_ID).map(|id| format!("{MESSAGE_ID}:{id}"))
    }
}

impl Inner {
    /// The run that a record starts. What cannot be read, or may not be asked, makes one too: a
    /// run that is refused.
    pub(super) fn run_of(&self, arrived: &Arrived<'_>) -> (Row, Admitted) {
        let Arrived { plan, topic, partition, record, envelope, public_id, .. } = arrived;
        let now = self.clock.now();
        let asked = match &arrived.input {
            Ok(_) => self.who_asks(arrived),
            Err(failure) => Err(failure.clone()),
        };
        let (asks, refused) = match asked {
            Ok(asks) => (asks, None),
            Err(failure) => (Asks::default(), Some(failure)),
        };
        // Whoever is refused is answered under the correlation id that they gave.
        let input = arrived.input.as_ref().map_or_else(|_| Value::from(()).into(), Json::clone);
        let facts = Facts { input: &input, principal: asks.principal.as_ref(), now };
        // What is refused holds no lane and uses no id up.
        let text = |field: Option<&Expression>| match &refused {
            None => facts.text(field?).ok().flatten(),
            Some(_) => None,
        };
        let lane = envelope.as_ref().and_then(|envelope| envelope.lane.clone());
        let lane = lane.filter(|_| refused.is_none()).or_else(|| text(plan.door.key.as_ref()));
        // Nobody waits for what a schedule started.
        let of_http = envelope.as_ref().filter(|envelope| envelope.tick.is_none());
        let dedupe_id =
            text(plan.door.id.as_ref()).or_else(|| arrived.message_id().filter(|_| refused.is_none()));
        let field = plan.door.correlation.as_ref().and_then(|field| input.get_attr(&field.value).ok());
        let correlation = match envelope {
            Some(envelope) => envelope.correlation.clone(),
            None => field
                .as_ref()
                .and_then(Value::as_str)
                .or_else(|| arrived.key_of_request())
                .map_or_else(|| public_id.clone(), str::to_owned),
        };
        let idempotency = envelope.as_ref().and_then(|envelope| {
            let key = envelope.idempotency_key.clone()?;
            let field = plan.door.correlation.as_ref().map(|field| field.value.as_str());
            Some(Idempotency { key, input_hash: input_hash(&input, field) })
        });
        let subject = asks.principal.as_ref().map(|principal| principal.sub.clone());
        let begins = || self.traces.as_ref().map(|traces| traces.begin_with(public_id));
        let trace = TraceContext::of_record(&record.headers).or_else(begins);
        let started = Event {
            at: now,
            kind: Kind::Started(Started {
                run: public_id.as_str().into(),
                input,
                seed: seed(public_id),
                semantics: SEMANTICS,
                attempt: 1,
                depth: 0,
                sealed: asks.sealed,
                trace: trace.map(|trace| trace.to_string()),
                refused,
                caller: of_http.map(|envelope| Caller {
                    deadline: envelope.deadline.and_then(|at| Timestamp::from_millisecond(at).ok()),
                }),
                rerun: self.kept_by_mocks(public_id, None),
                principal: asks.principal,
            }),
        };
        let row = Row {
            subject,
            // Its own id answers to itself.
            correlation: (correlation != *public_id).then(|| correlation.clone()),
            dedupe_id,
            idempotency,
        };
        let admitted = Admitted {
            lane: lane.map(|key| Lane { home: None, pathway: plan.name.to_string(), key }),
            correlation,
            from_http: of_http.is_some(),
            source: Some(((*topic).to_owned(), *partition, record.offset)),
            trace,
            ..Admitted::new(public_id.clone(), plan.clone(), vec![started])
        };
        (row, admitted)
    }

    /// The row of a run, with what it has sent if it is over already.
    pub(super) fn row(&self, row: Row, run: &Admitted, at_once: Option<&mut AtOnce>) -> NewRun {
        let started = run.events.first();
        let mut new = NewRun {
            public_id: run.public_id.clone(),
            pathway: run.plan.name.to_string(),
            digest: run.plan.digest.to_string(),
            subject: row.subject,
            offset: run.source.as_ref().map(|(_, _, offset)| *offset),
            lane: run.lane.as_ref().map(|lane| lane.key.clone()),
            correlation: row.correlation,
            dedupe_id: row.dedupe_id,
            idempotency: row.idempotency,
            rerun_of: None,
            at: started.map_or(0, |event| event.at.as_millisecond()),
            started: started.map(|event| self.encode(&run.plan, &run.public_id, event)).unwrap_or_default(),
            status: Status::Ready,
            outcome: None,
            records: Vec::new(),
            stream: Vec::new(),
        };
        if let Some(ended) = at_once {
            new.status = ended.status;
            new.outcome = Ending { run, outcome: &ended.outcome }.stored();
            new.records = std::mem::take(&mut ended.records);
            new.stream = std::mem::take(&mut ended.stream);
        }
        new
    }

    /// Who asks, if they may ask this. In this order: who a door of ours says it is, whose token
    /// came with the record, whom the pathway trusts a producer to speak for.
    fn who_asks(&self, arrived: &Arrived<'_>) -> Result<Asks, Failure> {
        let Arrived { plan, public_id, envelope, .. } = arrived;
        let Ok(input) = &arrived.input else { return Ok(Asks::default()) };
        let subject = |principal: Option<&Principal>| match &plan.door.subject {
            Some(subject) => Facts { input, principal, now: self.clock.now() }.text(subject),
            None => Ok(None),
        };
        let asks = if let Some(sealed) = envelope.as_ref().and_then(|envelope| envelope.sealed.clone()) {
            let principal = self.open(&sealed, plan, public_id)?.principal;
            Asks { principal: Some(principal), sealed: Some(sealed) }
        } else if let Some(vouched) = &arrived.vouched {
            self.seal(plan, public_id, vouched.clone()?, arrived.token.as_ref())?
        } else if plan.door.trusts_producers && arrived.is_of_producer() {
            let sub = subject(None)?;
            let principal = sub.map(|sub| Principal {
                sub,
                role: Some(SERVICE.to_owned()),
                claims: None,
                has_token: false,
            });
            return Ok(Asks { principal, sealed: None });
        } else if plan.door.token.is_some() || plan.door.subject.is_some() {
            return Err(Failure::new(Class::Denied, "nobody vouches for who asks"));
        } else {
            return Ok(Asks::default());
        };
        match (&asks.principal, subject(asks.principal.as_ref())?) {
            (Some(principal), Some(named)) if named != principal.sub => {
                Err(Failure::new(Class::Denied, "this is about somebody else than who asks"))
            }
            _ => Ok(asks),
        }
    }

    /// Who asked, and their token.
    pub(super) fn open(&self, sealed: &str, plan: &Plan, run: &str) -> Result<Sealed, Failure> {
        Sealed::open(&self.keys, sealed, &plan.name, run)
            .ok_or_else(|| Failure::new(Class::Denied, "the seal on who asked does not hold"))
    }

    fn seal(
        &self,
        plan: &Plan,
        run: &str,
        principal: Principal,
        token: Option<&Secret>,
    ) -> Result<Asks, Failure> {
        let token = token.map(|token| token.reveal().to_owned());
        let sealed = Sealed { principal: principal.clone(), token };
        let sealed = sealed
            .seal(&self.keys, &plan.name, run)
            .map_err(|_| Failure::new(Class::Bug, "who asked could not be sealed"))?;
        Ok(Asks { principal: Some(principal), sealed: Some(sealed) })
    }
}

/// Who asks.
#[derive(Default)]
struct Asks {
    principal: Option<Principal>,
    /// The same and their token, sealed.
    sealed: Option<String>,
}

/// An input without its token, and the token. A field that is none or empty carries none.
fn cut(input: &Json, field: &str) -> Result<(Json, Option<Secret>), Failure> {
    let found = input.get_attr(field).ok().filter(|value| !value.is_undefined());
    let Some(found) = found else { return Ok((input.clone(), None)) };
    let without = value::without_field(input, field).into();
    match found.as_str() {
        Some("") => Ok((without, None)),
        Some(token) => Ok((without, Some(Secret::new(token.to_owned())))),
        None if found.is_none() => Ok((without, None)),
        None => Err(Failure::new(Class::Denied, format!("`{field}` is not a token"))),
    }
}

/// The public id of a run that no door of ours has named: the same whenever the record is read,
/// and rising with the record's time (a UUID of version 7), which is what indexes like.
fn id_of_position(pathway: &str, topic: &str, partition: i32, record: &Record) -> String {
    let position = format!("{pathway}/{topic}/{partition}/{}", record.offset);
    let digest = Sha256::digest(position.as_bytes());
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    let millis = u64::try_from(record.time).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// What a run's jitter is drawn from: the last bytes of a UUID are its most varied ones.
pub(super) fn seed(public_id: &str) -> u64 {
    Uuid::parse_str(public_id).unwrap_or_default().as_u64_pair().1
}

//! Records → runs: one transaction per batch inserts the runs of every pathway of the topic and
//! moves the source on. Admission never fails on what a record says: what cannot be read becomes
//! a run that is parked at once.

use std::sync::Arc;

use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::expression::Expression;
use pathway_engine::journal::{Caller, Event, Kind, Principal, SEMANTICS, Started};
use pathway_engine::vm::{Class, Failure};
use uuid::Uuid;

use super::{Admitted, Inner};
use crate::bus::{Batch, Partition, Record, Truth, Work};
use crate::envelope::{Envelope, Sealed, input_hash};
use crate::facts::Facts;
use crate::store::{Admission, Admit, Idempotency, NewRun, Status};

/// Records of a batch.
const BATCH: u32 = 256;
/// Bytes of a batch.
const BATCH_BYTES: usize = 4 << 20;
/// Bytes of a record's value; a larger one is parked.
const LARGEST: usize = 16 << 20;

impl Inner {
    /// Turns the records of all topics into runs until the runner stops.
    pub(super) async fn consume(self: Arc<Self>) {
        let work = self.topics().into_iter().map(|topic| Work { topic, truth: Truth::Store }).collect();
        let mut consumer = match self.bus.consume(work).await {
            Ok(consumer) => consumer,
            Err(error) => return self.fatal(&error.to_string()),
        };
        loop {
            let assigned = tokio::select! {
                () = self.stop.cancelled() => return,
                assigned = consumer.assigned() => assigned,
            };
            match assigned {
                Ok(partition) => drop(self.tasks.spawn(self.clone().work_on(partition))),
                Err(error) => return self.fatal(&error.to_string()),
            }
        }
    }

    /// Turns the records of a partition into runs until it is given up.
    async fn work_on(self: Arc<Self>, mut partition: Box<dyn Partition>) {
        let topic = partition.topic().to_owned();
        loop {
            // Runs in memory are bounded: no more records are read than there is room for.
            let Ok(mut room) = self.room.clone().acquire_many_owned(BATCH).await else { return };
            let batch = tokio::select! {
                () = self.stop.cancelled() => return,
                batch = partition.next_batch(BATCH, BATCH_BYTES) => batch,
            };
            let batch = match batch {
                Ok(Some(batch)) => batch,
                Ok(None) => return,
                Err(error) => return self.fatal(&error.to_string()),
            };
            let next = batch.next_offset;
            match self.admit(&topic, batch).await {
                Ok(runs) => {
                    partition.done(next);
                    for mut run in runs {
                        run.room = room.split(1);
                        self.enter(run);
                    }
                }
                Err(error) => return self.fatal(&error.to_string()),
            }
        }
    }

    async fn admit(&self, topic: &str, batch: Batch) -> Result<Vec<Admitted>, crate::store::StoreError> {
        let logical = self.project.topics.logical(topic).to_owned();
        let plans: Vec<_> = self.plans_of(&logical);
        let mut admitted = Vec::new();
        let mut runs = Vec::new();
        for record in &batch.records {
            for plan in &plans {
                let (new, run) = self.read(plan, topic, batch.partition, record);
                runs.push(new);
                admitted.push(run);
            }
        }
        let answers = self
            .store
            .admit(Admit {
                topic: topic.to_owned(),
                partition: batch.partition,
                from_offset: batch.from_offset,
                next_offset: batch.next_offset,
                runs,
            })
            .await?;
        let mut inserted = Vec::with_capacity(admitted.len());
        for (mut run, answer) in admitted.into_iter().zip(answers) {
            match answer {
                Admission::Inserted(id) => {
                    run.id = id;
                    inserted.push(run);
                }
                Admission::Duplicate { public_id, of, .. } => {
                    tracing::info!(pathway = %run.plan.name, run = public_id, ?of, "dropped: already known");
                }
            }
        }
        Ok(inserted)
    }

    pub(super) fn read(
        &self,
        plan: &Arc<Plan>,
        topic: &str,
        partition: i32,
        record: &Record,
    ) -> (NewRun, Admitted) {
        let now = Timestamp::now();
        let envelope =
            Envelope::from_headers(&record.headers).filter(|envelope| envelope.pathway == *plan.name);
        let position = format!("{}/{topic}/{partition}/{}", plan.name, record.offset);
        let public_id = match &envelope {
            Some(envelope) => envelope.run.clone(),
            None => Uuid::new_v5(&Uuid::NAMESPACE_URL, position.as_bytes()).to_string(),
        };
        // Whoever is refused is answered under the correlation id that they gave.
        let (input, asked) = match read_input(record) {
            Ok(input) => {
                let asked = self.read_principal(plan, &input, envelope.as_ref(), &public_id);
                (input, asked)
            }
            Err(failure) => (Value::from(()), Err(failure)),
        };
        let (principal, problem) = match asked {
            Ok(principal) => (principal, None),
            Err(failure) => (None, Some(failure)),
        };
        let facts = Facts { input: &input, principal: principal.as_ref() };
        // What is refused holds no lane and uses no id up.
        let text = |field: Option<&Expression>| match &problem {
            None => facts.text(field?).ok().flatten(),
            Some(_) => None,
        };
        let lane = envelope.as_ref().and_then(|envelope| envelope.lane.clone());
        let lane = lane.filter(|_| problem.is_none()).or_else(|| text(plan.door.key.as_ref()));
        // Nobody waits for what a schedule started.
        let of_http = envelope.as_ref().filter(|envelope| envelope.tick.is_none());
        let dedupe_id = text(plan.door.id.as_ref());
        let field = plan.door.correlation.as_ref().and_then(|field| input.get_attr(&field.value).ok());
        let correlation = match &envelope {
            Some(envelope) => envelope.correlation.clone(),
            None => field.as_ref().and_then(Value::as_str).map_or_else(|| public_id.clone(), str::to_owned),
        };
        let idempotency = envelope.as_ref().and_then(|envelope| {
            let key = envelope.idempotency_key.clone()?;
            let field = plan.door.correlation.as_ref().map(|field| field.value.as_str());
            Some(Idempotency { key, input_hash: input_hash(&input, field) })
        });
        let id = Uuid::parse_str(&public_id).unwrap_or_default();
        let started = Event {
            at: now,
            kind: Kind::Started(Started {
                run: public_id.as_str().into(),
                input,
                seed: u64::from_le_bytes(first_bytes(id)),
                semantics: SEMANTICS,
                attempt: 1,
                depth: 0,
                sealed: envelope.as_ref().and_then(|envelope| envelope.sealed.clone()),
                refused: problem,
                caller: of_http.map(|envelope| Caller {
                    deadline: envelope.deadline.and_then(|at| Timestamp::from_millisecond(at).ok()),
                }),
                principal,
            }),
        };
        let new = NewRun {
            public_id: public_id.clone(),
            pathway: plan.name.to_string(),
            digest: plan.digest.to_string(),
            subject: match &started.kind {
                Kind::Started(started) => started.principal.as_ref().map(|principal| principal.sub.clone()),
                _ => None,
            },
            offset: Some(record.offset),
            lane: lane.clone(),
            correlation: Some(correlation.clone()),
            dedupe_id,
            idempotency,
            at: now.as_millisecond(),
            started: self.encode(plan, &public_id, &started),
            status: Status::Ready,
            outcome: None,
        };
        let admitted = Admitted {
            id: crate::store::RunId(0),
            public_id,
            plan: plan.clone(),
            lane: lane.map(|key| (plan.name.to_string(), key)),
            correlation,
            from_http: of_http.is_some(),
            source: Some((topic.to_owned(), partition, record.offset)),
            parent: None,
            room: None,
            events: vec![started],
        };
        (new, admitted)
    }

    /// Who asks, if they may ask this.
    fn read_principal(
        &self,
        plan: &Plan,
        input: &Value,
        envelope: Option<&Envelope>,
        run: &str,
    ) -> Result<Option<Principal>, Failure> {
        let principal = match envelope.and_then(|envelope| envelope.sealed.as_deref()) {
            None => None,
            Some(sealed) => Some(self.open(sealed, plan, run)?.principal),
        };
        self.check_subject(plan, input, principal.as_ref())?;
        Ok(principal)
    }

    /// Who asked, and their token.
    pub(super) fn open(&self, sealed: &str, plan: &Plan, run: &str) -> Result<Sealed, Failure> {
        Sealed::open(&self.key, sealed, &plan.name, run)
            .ok_or_else(|| Failure::new(Class::Denied, "the seal on who asked does not hold"))
    }

    /// `on.subject`: with a principal it is equal to theirs or absent, without one it is absent.
    fn check_subject(
        &self,
        plan: &Plan,
        input: &Value,
        principal: Option<&Principal>,
    ) -> Result<(), Failure> {
        let Some(subject) = &plan.door.subject else { return Ok(()) };
        let named = Facts { input, principal }.text(subject)?;
        match (principal, named) {
            (None, _) => Err(Failure::new(Class::Denied, "nobody vouches for who asks")),
            (Some(principal), Some(named)) if named != principal.sub => {
                Err(Failure::new(Class::Denied, "this is about somebody else than who asks"))
            }
            _ => Ok(()),
        }
    }
}

/// The input that a record is.
fn read_input(record: &Record) -> Result<Value, Failure> {
    let invalid = |message: String| Failure::new(Class::Invalid, message);
    let bytes = record.value.as_deref().ok_or_else(|| invalid("the record has no value".to_owned()))?;
    if bytes.len() > LARGEST {
        return Err(invalid(format!("the record has {} bytes, more than {LARGEST}", bytes.len())));
    }
    pathway_engine::value::from_json(bytes)
        .map_err(|error| invalid(format!("the record is not JSON: {error}")))
}

fn first_bytes(id: Uuid) -> [u8; 8] {
    let mut bytes = [0; 8];
    // The last bytes of a UUID are its most varied ones.
    for (to, from) in bytes.iter_mut().zip(id.as_bytes().iter().rev()) {
        *to = *from;
    }
    bytes
}

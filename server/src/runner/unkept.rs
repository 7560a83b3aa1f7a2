//! Runs without a journal (`durability: none`): nothing of them is stored, the offset committed to
//! the bus is all that is known after a crash. An offset is done when all before it are, and all that
//! their runs sent is on the bus; at most [`AHEAD`] records are under way beyond the first that is not.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::vm::{Class, Failure};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::admission::{BATCH, BATCH_BYTES};
use super::admitting::{Admitting, Prepared};
use super::at_once::AtOnce;
use super::before::Before;
use super::current::Listeners;
use super::relay::AGAIN;
use super::window::Window;
use super::{Admitted, Inner};
use crate::bus::{Batch, BusError, Partition};
use crate::store::{NewRecord, Offset, Record, Status, StoreError};

/// Records that may be under way beyond the first that is not done: as many are repeated at most
/// after a crash.
const AHEAD: Offset = 2048;

impl Inner {
    /// Works on a partition until it is given up, and then on what is under way.
    pub(super) async fn pass_all(self: &Arc<Self>, partition: &mut dyn Partition) -> Result<(), BusError> {
        let mut listeners = Listeners::new(self, partition.topic());
        let mut plans = listeners.now();
        let under_way = usize::try_from(AHEAD).unwrap_or(1) + BATCH as usize;
        let (finished, finishing) = mpsc::channel(under_way * plans.len().max(1));
        let mut passing = Passing {
            inner: self,
            window: Window::default(),
            finished,
            finishing,
            ended: Vec::new(),
            sending: None,
        };
        let mut given_up = false;
        while !(given_up && passing.is_idle()) {
            let room = u32::try_from(AHEAD - passing.window.span()).unwrap_or_default().min(BATCH);
            let now = listeners.now();
            let has_listeners = !now.is_empty();
            if has_listeners {
                plans = now;
            }
            let may_read = !given_up && room > 0 && has_listeners;
            // Where nobody listens nothing is read, and it may be given up all the same.
            let is_alone = !given_up && !has_listeners;
            let read = async {
                match may_read {
                    true => partition.next_batch(room, BATCH_BYTES).await,
                    false => {
                        partition.given_up().await;
                        Ok(None)
                    }
                }
            };
            tokio::select! {
                biased;
                next = passing.progress() => {
                    if let Some(next) = next? {
                        partition.done(next);
                    }
                }
                batch = read, if may_read || is_alone => match batch? {
                    Some(batch) => passing.take(&plans, partition.topic(), batch).await,
                    None => given_up = true,
                },
                () = listeners.changed() => {}
            }
        }
        Ok(())
    }
}

/// What is under way of a partition.
struct Passing<'a> {
    inner: &'a Arc<Inner>,
    window: Window,
    finished: mpsc::Sender<Offset>,
    finishing: mpsc::Receiver<Offset>,
    /// Runs that ended at once, whose records are to be sent when those before them have been: all
    /// together, so that more is sent at a time the longer the bus takes.
    ended: Vec<(Admitted, AtOnce)>,
    /// The records that are being sent; no others are meanwhile, so that order is kept.
    sending: Option<JoinHandle<Result<Vec<Offset>, StoreError>>>,
}

impl Passing<'_> {
    fn is_idle(&self) -> bool {
        self.sending.is_none() && self.window.span() == 0
    }

    /// Waits until something is done; tells before which offset all is.
    async fn progress(&mut self) -> Result<Option<Offset>, BusError> {
        let sent = async {
            match &mut self.sending {
                Some(sending) => sending.await,
                None => std::future::pending().await,
            }
        };
        let offsets = tokio::select! {
            biased;
            sent = sent => {
                self.sending = None;
                self.send();
                match sent {
                    Ok(offsets) => offsets?,
                    Err(_killed) => return std::future::pending().await,
                }
            }
            Some(offset) = self.finishing.recv() => vec![offset],
        };
        Ok(self.finish_all(offsets))
    }

    /// Begins the runs of a batch.
    async fn take(&mut self, plans: &[Arc<Plan>], topic: &str, batch: Batch) {
        let before = Before::Ended;
        let admitting = Admitting { inner: self.inner, topic, holding: None, before };
        let prepared = admitting.prepare(plans, &batch).await;
        for record in &batch.records {
            self.window.begin(record.offset, plans.len());
        }
        for Prepared { mut run, at_once, .. } in prepared {
            match at_once {
                Some(at_once) => self.ended.push((run, at_once)),
                None => {
                    run.finished = Some(self.finished.clone());
                    self.inner.enter(run);
                }
            }
        }
        self.send();
    }

    /// Sends what waits to be, unless something is being sent.
    fn send(&mut self) {
        if self.sending.is_none() && !self.ended.is_empty() {
            let (inner, ended) = (self.inner.clone(), std::mem::take(&mut self.ended));
            self.sending = Some(self.inner.tasks.spawn(async move { inner.send_ended(ended).await }));
        }
    }

    fn finish_all(&mut self, offsets: Vec<Offset>) -> Option<Offset> {
        offsets.into_iter().map(|offset| self.window.finish(offset)).last()
    }
}

impl Inner {
    /// Sends what runs have sent that ended at once; tells the offsets of their records.
    async fn send_ended(&self, mut ended: Vec<(Admitted, AtOnce)>) -> Result<Vec<Offset>, StoreError> {
        let mut records = Vec::with_capacity(ended.len());
        // Where the records of each run end.
        let mut ends = Vec::with_capacity(ended.len());
        for (_, ended) in &mut ended {
            records.append(&mut ended.records);
            ends.push(records.len());
        }
        let records = Arc::new(records);
        let sent = if records.is_empty() { Vec::new() } else { self.bus.publish_each(records.clone()).await };
        match sent.into_iter().find_map(Result::err) {
            None => {}
            Some(BusError::Store(error)) => return Err(error),
            Some(error) => {
                tracing::debug!(%error, "records are sent again, one by one");
                let mut records = Arc::unwrap_or_clone(records).into_iter();
                let mut begin = 0;
                for ((run, _), end) in ended.iter().zip(ends) {
                    let own = records.by_ref().take(end - begin).collect();
                    begin = end;
                    self.send_records(run, own).await?;
                }
            }
        }
        let offset = |run: &Admitted| run.source.as_ref().map(|(_, _, offset)| *offset);
        Ok(ended
            .iter()
            .filter_map(|(run, ended)| {
                self.ended(run, &ended.outcome, ended.status);
                offset(run)
            })
            .collect())
    }

    /// Sends the records of a run that has no journal. If the bus refuses one for good, the record
    /// that started the run becomes a dead letter.
    pub(super) async fn send_records(
        &self,
        run: &Admitted,
        records: Vec<NewRecord>,
    ) -> Result<(), StoreError> {
        let mut refused = None;
        for record in records {
            let topic = record.topic.clone();
            if let Err(why) = self.publish_patiently(record).await? {
                tracing::error!(topic, run = run.public_id, why, "the bus will never take a record");
                refused = Some(why);
            }
        }
        let Some(why) = refused else { return Ok(()) };
        let failure = Failure::new(Class::Invalid, why);
        let current = self.current();
        let outgoing = self.outgoing(&current, run);
        if let Some(letter) =
            self.source_patiently(run).await.and_then(|record| outgoing.dead_letter(record, &failure))
            && let Err(why) = self.publish_patiently(letter).await?
        {
            tracing::error!(run = run.public_id, why, "the dead letter is refused too");
        }
        Ok(())
    }

    /// The record that started a run, read again; none if that cannot be done now.
    pub(super) async fn source_of(&self, run: &Admitted) -> Option<Record> {
        self.read_source(run).await.unwrap_or_default()
    }

    /// As [`Inner::source_of`], however long the bus is away: where there is no journal, nothing else
    /// is left of the run.
    pub(super) async fn source_patiently(&self, run: &Admitted) -> Option<Record> {
        loop {
            match self.read_source(run).await {
                Err(BusError::Away(_)) => tokio::time::sleep(AGAIN).await,
                read => return read.unwrap_or_default(),
            }
        }
    }

    async fn read_source(&self, run: &Admitted) -> Result<Option<Record>, BusError> {
        let Some((topic, partition, offset)) = &run.source else { return Ok(None) };
        let read = self.bus.record(topic, *partition, *offset).await;
        if let Err(error) = &read {
            let run = &run.public_id;
            tracing::warn!(run, topic, partition, offset, %error, "the record of a run cannot be read again");
        }
        read
    }
}

/// Whether a run that is over has failed for good, without a journal from which to redrive it.
pub(super) fn is_lost(run: &Admitted, status: Status) -> bool {
    status == Status::Parked && !run.plan.has_journal()
}

//! The one task that writes.
//!
//! It takes all changes that are queued, commits them as one transaction, and only then answers. A
//! change that conflicts fails alone. When the server is away the task waits for it, as long as it
//! has patience, and finds out what became of the transaction that was under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::batch::{self, Doubt, Failed, Outcome};
use super::change::{Change, Done, Job};
use super::channel::Channel;
use super::mark::Fate;
use super::owner::{self, Lost, Owner};
use super::patience::Patience;
use super::session::{Fault, shared};
use super::target::Target;
use crate::store::stop::{Stop, Stopped};
use crate::store::watch::Hub;
use crate::store::{Answer, Outlet, StoreError};

/// Changes in one transaction.
const BATCH: usize = 256;
/// Bytes in one transaction, unless a single change has more.
const WEIGHT: usize = 16 << 20;
/// Changes that wait; who comes then waits for a place.
const QUEUE: usize = 1024;

/// Where changes are handed in. When it is dropped, what is queued is still written.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    stopped: Stopped,
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(
        (owner, store_id): (Owner, String),
        target: Target,
        (outlet, channel): (Outlet, Option<Channel>),
        patience: Duration,
        hub: Arc<Hub>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (stop, stopped) = Stopped::new();
        let seat = Some(Seat::Taken(Box::new(owner)));
        let task = Task { target, store_id, outlet, patience, hub, channel, stop, seat };
        tokio::spawn(task.run(jobs));
        Self { queue, stopped }
    }

    /// Makes a change; ready when it is durable.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        change: Change,
        answer: fn(Done) -> Option<T>,
    ) -> Answer<'static, T> {
        let queue = self.queue.clone();
        let stopped = self.stopped.clone();
        Box::pin(async move {
            let gone = || stopped.gone();
            let (reply, done) = oneshot::channel();
            queue.send(Job { change, reply }).await.map_err(|_closed| gone())?;
            drop(queue);
            let done = done.await.map_err(|_dropped| gone())??;
            answer(done).ok_or_else(|| StoreError::Stopped("a change was answered as another".into()))
        })
    }

    /// Whether it has stopped.
    pub(super) fn stopped(&self) -> Stopped {
        self.stopped.clone()
    }
}

/// The place of the session that writes.
#[derive(Debug)]
enum Seat {
    Taken(Box<Owner>),
    Free(Lost),
}

#[derive(Debug)]
struct Task {
    target: Target,
    store_id: String,
    outlet: Outlet,
    patience: Duration,
    hub: Arc<Hub>,
    /// Where others are told of what was committed; none: there are no others.
    channel: Option<Channel>,
    stop: Stop,
    /// None only while somebody sits down or stands up.
    seat: Option<Seat>,
}

/// Why changes were not made.
enum Refusal {
    /// For this reason, each of them.
    All(StoreError),
    /// One of them cannot be written.
    One(StoreError),
    /// Nothing can be written any more.
    Stopped(Arc<str>),
}

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(job) => Some(job),
                None => jobs.recv().await,
            };
            let Some(first) = first else { break };
            let batch = gather(first, &mut jobs, &mut held);
            if let Err(reason) = self.make(batch).await {
                self.stop.send_replace(Some(Arc::clone(&reason)));
                jobs.close();
                while let Some(job) = held.take().or_else(|| jobs.try_recv().ok()) {
                    answer(job, Err(StoreError::Stopped(Arc::clone(&reason))));
                }
                self.hub.close(reason);
                return;
            }
        }
        self.hub.close("it was closed".into());
    }

    /// Makes these changes and answers. Fails if no others can be made.
    async fn make(&mut self, jobs: Vec<Job>) -> Result<(), Arc<str>> {
        match self.commit(&jobs).await {
            Ok(Outcome { answers, changed }) => {
                jobs.into_iter().zip(answers).for_each(|(job, done)| answer(job, done));
                self.hub.notify(changed);
                Ok(())
            }
            Err(Refusal::One(_)) if jobs.len() > 1 => {
                for job in jobs {
                    Box::pin(self.make(vec![job])).await?;
                }
                Ok(())
            }
            Err(Refusal::All(error) | Refusal::One(error)) => {
                jobs.into_iter().for_each(|job| answer(job, Err(error.clone())));
                Ok(())
            }
            Err(Refusal::Stopped(reason)) => {
                let stopped = || Err(StoreError::Stopped(Arc::clone(&reason)));
                jobs.into_iter().for_each(|job| answer(job, stopped()));
                Err(reason)
            }
        }
    }

    async fn commit(&mut self, jobs: &[Job]) -> Result<Outcome, Refusal> {
        let mut patience = Patience::new(self.patience);
        let mut doubt: Option<Doubt> = None;
        loop {
            let error = match self.attempt(jobs, &mut doubt).await? {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            };
            if !patience.pause().await {
                let refused =
                    if doubt.is_some() { StoreError::Unknown(error) } else { StoreError::Away(error) };
                return Err(Refusal::All(refused));
            }
        }
    }

    /// Tries once; an error that may pass is inside.
    async fn attempt(
        &mut self,
        jobs: &[Job],
        doubt: &mut Option<Doubt>,
    ) -> Result<Result<Outcome, Arc<dyn std::error::Error + Send + Sync>>, Refusal> {
        let mut owner = match self.sit_down().await {
            Ok(owner) => owner,
            Err(owner::Failed::Away(error)) => return Ok(Err(error)),
            Err(owner::Failed::Taken(reason)) => return Err(Refusal::Stopped(reason)),
        };
        if let Some(Doubt { number, outcome }) = doubt.take() {
            match owner.fate(number).await {
                Ok(Fate::Committed) => {
                    self.seat = Some(Seat::Taken(owner));
                    return Ok(Ok(outcome));
                }
                Ok(Fate::Aborted) => {}
                Ok(Fate::Forgotten) => {
                    self.seat = Some(Seat::Taken(owner));
                    let error: Arc<dyn std::error::Error + Send + Sync> =
                        Arc::from(Box::from("the server has forgotten the transaction"));
                    return Err(Refusal::All(StoreError::Unknown(error)));
                }
                Err(error) => {
                    *doubt = Some(Doubt { number, outcome });
                    return Ok(Err(self.stand_up(owner, error)));
                }
            }
        }
        let (error, possible) =
            match batch::commit(&mut owner, jobs, self.outlet, self.channel.as_ref()).await {
                Ok(outcome) => {
                    self.seat = Some(Seat::Taken(owner));
                    return Ok(Ok(outcome));
                }
                Err(Failed::Broken(error)) => return Err(Refusal::Stopped(error.to_string().into())),
                Err(Failed::Before(error)) => (error, None),
                Err(Failed::Committing(error, possible)) => (error, Some(possible)),
            };
        let fault =
            if owner.session.client.is_closed() { Fault::Lost } else { Fault::of(&error, self.is_shared()) };
        if fault == Fault::Lost {
            *doubt = possible;
            return Ok(Err(self.stand_up(owner, error)));
        }
        // The server has said no, so nothing of it was written.
        let error = match batch::roll_back(&owner.session).await {
            Ok(()) => {
                self.seat = Some(Seat::Taken(owner));
                shared(error)
            }
            Err(_) => self.stand_up(owner, error),
        };
        match fault {
            Fault::Change => Err(Refusal::One(StoreError::Refused(error))),
            Fault::Server => Err(Refusal::All(StoreError::Away(error))),
            Fault::Again | Fault::Lost => Ok(Err(error)),
        }
    }

    fn is_shared(&self) -> bool {
        self.channel.is_some()
    }

    async fn sit_down(&mut self) -> Result<Box<Owner>, owner::Failed> {
        match self.seat.take() {
            Some(Seat::Taken(owner)) => Ok(owner),
            Some(Seat::Free(lost)) => match Owner::succeed(&self.target, &lost).await {
                Ok(owner) => {
                    tracing::info!(store = self.target.place, "the store is back");
                    Ok(Box::new(owner))
                }
                Err(error) => {
                    self.seat = Some(Seat::Free(lost));
                    Err(error)
                }
            },
            None => Err(owner::Failed::Taken("its session was not given back".into())),
        }
    }

    fn stand_up(
        &mut self,
        owner: Box<Owner>,
        error: tokio_postgres::Error,
    ) -> Arc<dyn std::error::Error + Send + Sync> {
        let error = shared(error);
        tracing::warn!(store = self.target.place, %error, "the store is away");
        self.seat = Some(Seat::Free(owner.lose(&self.store_id)));
        error
    }
}

/// What is made together with `first`; a change that does not fit is held back.
fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>, held: &mut Option<Job>) -> Vec<Job> {
    let mut weight = first.change.weight();
    let alone = first.change.is_alone();
    let mut batch = vec![first];
    while !alone && batch.len() < BATCH {
        let Ok(job) = jobs.try_recv() else { break };
        weight = weight.saturating_add(job.change.weight());
        if job.change.is_alone() || weight > WEIGHT {
            *held = Some(job);
            break;
        }
        batch.push(job);
    }
    batch
}

fn answer(job: Job, done: Result<Done, StoreError>) {
    // Who gave up waiting does not want to know.
    drop(job.reply.send(done));
}

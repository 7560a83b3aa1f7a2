//! A partition that a process works on, until it is taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use pathway_server::bus::{Answer, Batch, Offset, Partition};
use tokio::sync::Notify;

use super::{Broker, dead};
use crate::happening::Fault;
use crate::life::Life;
use crate::mutation::Mutation;

/// Before what is done is kept, at most.
const KEEPING: Duration = Duration::from_secs(2);

/// What a process and the group know of it.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) topic: String,
    pub(crate) number: i32,
    /// Whether it may be worked on.
    is_open: AtomicBool,
    /// Whether somebody may still do so.
    is_held: AtomicBool,
    position: AtomicI64,
    done: AtomicI64,
    /// Whether what is done is going to be kept.
    is_keeping: AtomicBool,
    /// Records have come, or it was closed.
    pub(crate) stirred: Notify,
    let_go: Notify,
}

impl Share {
    pub(crate) fn new(topic: &str, number: i32, position: Offset) -> Self {
        Self {
            topic: topic.to_owned(),
            number,
            is_open: AtomicBool::new(true),
            is_held: AtomicBool::new(true),
            position: AtomicI64::new(position),
            done: AtomicI64::new(position),
            is_keeping: AtomicBool::new(false),
            stirred: Notify::new(),
            let_go: Notify::new(),
        }
    }

    /// Takes it away.
    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
        self.stirred.notify_one();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Ready when nobody works on it any more.
    pub(crate) async fn released(&self) {
        while self.is_held.load(Ordering::Relaxed) {
            self.let_go.notified().await;
        }
    }

    pub(crate) fn done(&self) -> Offset {
        self.done.load(Ordering::Relaxed)
    }
}

/// See above.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) broker: Arc<Broker>,
    pub(crate) life: Arc<Life>,
    pub(crate) share: Arc<Share>,
}

impl Given {
    fn fetch(&self, from: Offset, max: u32) -> Vec<pathway_server::bus::Record> {
        let mut topics = self.broker.topics();
        let log = topics.log(&self.share.topic, self.share.number);
        log.records.range(from..).take(max as usize).map(|(_, record)| record.clone()).collect()
    }
}

impl Partition for Given {
    fn topic(&self) -> &str {
        &self.share.topic
    }

    fn number(&self) -> i32 {
        self.share.number
    }

    fn next_batch(&mut self, max: u32, _: usize) -> Answer<'_, Option<Batch>> {
        Box::pin(async move {
            let (life, share) = (&self.life, &self.share);
            loop {
                life.wait(life.world.moment("fetches")).await.map_err(dead)?;
                if !share.is_open() {
                    return Ok(None);
                }
                let from_offset = share.position.load(Ordering::Relaxed);
                let most = life.world.swarm.batch.min(max.max(1));
                let most = life.world.draw("fetches", |random| random.range(1..u64::from(most) + 1));
                let records = self.fetch(from_offset, most as u32);
                if let Some(last) = records.last() {
                    let next_offset = last.offset + 1;
                    let mut records = records.clone();
                    if life.world.is_mutated(Mutation::NoTurns) {
                        records.reverse();
                    }
                    if life.world.is_mutated(Mutation::OffsetFirst) {
                        self.broker.keep(&life.name, &share.topic, share.number, next_offset);
                    }
                    share.position.store(next_offset, Ordering::Relaxed);
                    return Ok(Some(Batch { partition: share.number, from_offset, next_offset, records }));
                }
                life.until(share.stirred.notified()).await.map_err(dead)?;
            }
        })
    }

    fn given_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while self.share.is_open() {
                self.share.stirred.notified().await;
            }
        })
    }

    fn done(&self, next: Offset) {
        let world = &self.life.world;
        if world.strikes(Fault::CrashBeforeOffset, &self.life.name) {
            self.life.end();
        }
        self.share.done.fetch_max(next, Ordering::Relaxed);
        if self.life.is_over() || self.share.is_keeping.swap(true, Ordering::Relaxed) {
            return;
        }
        let (broker, life, share) = (self.broker.clone(), self.life.clone(), self.share.clone());
        tokio::spawn(async move {
            loop {
                let wait = life.world.while_("offsets", KEEPING);
                if life.wait(wait).await.is_err() || !share.is_open() {
                    return;
                }
                if !life.world.strikes(Fault::LostOffset, &life.name) {
                    break;
                }
            }
            share.is_keeping.store(false, Ordering::Relaxed);
            broker.keep(&life.name, &share.topic, share.number, share.done());
        });
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.share.is_held.store(false, Ordering::Relaxed);
        self.share.let_go.notify_one();
    }
}

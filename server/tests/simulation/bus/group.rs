//! The group: it gives each partition to one of its members. Who leaves in order is waited for; who
//! does not answer loses what they have when their session is over, whether they know it or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pathway_server::bus::{Offset, Truth, Work};
use pathway_server::store::Store;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::Broker;
use super::share::{Given, Share};
use crate::happening::Fault;
use crate::life::Life;
use crate::swarm::Setting;
use crate::world::lock;

/// How long a member may be silent.
const SESSION: Duration = Duration::from_secs(4);
/// How long a member may take to give a partition back.
const REVOKE: Duration = Duration::from_secs(3);

/// How long a member that was given up needs to notice, at most.
const NOTICED: Duration = Duration::from_secs(2);
/// How long a member waits for what it has itself not let go yet.
const LINGERING: Duration = Duration::from_secs(30);

/// A topic and a partition.
type Name = (String, i32);

/// A process that has joined.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) life: Arc<Life>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) topics: Vec<Work>,
    pub(crate) offer: mpsc::UnboundedSender<Given>,
}

/// Who does what.
#[derive(Debug, Default)]
pub(crate) struct Group {
    members: BTreeMap<u64, Arc<Joined>>,
    last: u64,
    held: BTreeMap<Name, Held>,
    /// What was taken away last, and may not have been let go.
    lingering: BTreeMap<Name, Held>,
}

/// A partition that somebody works on.
#[derive(Debug, Clone)]
struct Held {
    member: u64,
    life: Arc<Life>,
    share: Arc<Share>,
}

/// Who is to work on a partition, and whether they do already.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    member: u64,
    stays: bool,
}

impl Group {
    /// Tells whoever works on a partition that something has come.
    pub(crate) fn stir(&self, topic: &str, partition: i32) {
        if let Some(held) = self.held.get(&(topic.to_owned(), partition)) {
            held.share.stirred.notify_one();
        }
    }
}

impl Broker {
    /// Takes a process into the group.
    pub(crate) fn join(self: &Arc<Self>, joined: Joined) -> u64 {
        let life = joined.life.clone();
        let number = {
            let mut group = lock(&self.group);
            group.last += 1;
            let number = group.last;
            group.members.insert(number, Arc::new(joined));
            number
        };
        self.world.note(&life.name, format!("joins as {number}"));
        self.stirred.notify_one();
        let broker = self.clone();
        tokio::spawn(async move {
            life.over().await;
            sleep(SESSION).await;
            broker.leave(number);
        });
        number
    }

    /// Looks after a process that stands still: after a while the group goes on without it, until it
    /// is back.
    pub(crate) fn watch_silent(self: &Arc<Self>, life: &Arc<Life>) {
        let (broker, life) = (self.clone(), life.clone());
        tokio::spawn(async move {
            sleep(SESSION).await;
            let is_silent = |joined: &Arc<Joined>| Arc::ptr_eq(&joined.life, &life) && life.is_suspended();
            let silent: Vec<(u64, Arc<Joined>)> = {
                let group = lock(&broker.group);
                let silent = group.members.iter().filter(|(_, joined)| is_silent(joined));
                silent.map(|(number, joined)| (*number, joined.clone())).collect()
            };
            for (number, joined) in silent {
                broker.leave(number);
                if life.awake().await.is_ok() {
                    sleep(life.world.while_("group", NOTICED)).await;
                    broker.world.note(&life.name, format!("is back as {number}"));
                    lock(&broker.group).members.insert(number, joined);
                    broker.stir();
                }
            }
        });
    }

    /// A member is gone.
    pub(crate) fn leave(&self, number: u64) {
        let left = lock(&self.group).members.remove(&number);
        if let Some(member) = left {
            self.world.note(&member.life.name, format!("{number} is not a member any more"));
            self.stirred.notify_one();
        }
    }

    /// Gives out the work, whenever something has changed.
    pub(crate) async fn coordinate(self: Arc<Self>) {
        loop {
            self.stirred.notified().await;
            sleep(self.world.moment("group")).await;
            self.rebalance().await;
        }
    }

    async fn rebalance(self: &Arc<Self>) {
        let wanted = self.wanted();
        let taken: Vec<(Name, Held)> = {
            let mut group = lock(&self.group);
            let held = std::mem::take(&mut group.held);
            let stays = |name: &Name, held: &Held| {
                wanted.get(name) == Some(&Wanted { member: held.member, stays: true })
            };
            let (kept, taken) = held.into_iter().partition(|(name, held)| stays(name, held));
            group.held = kept;
            taken.into_iter().collect()
        };
        for (name, held) in taken {
            self.take_away(&name, &held).await;
            lock(&self.group).lingering.insert(name, held);
        }
        for (name, Wanted { member, .. }) in wanted {
            let is_held = lock(&self.group).held.contains_key(&name);
            if !is_held {
                self.give(name, member).await;
            }
        }
    }

    /// Takes a partition away. Whoever stands still hears of it later.
    async fn take_away(&self, name: &Name, held: &Held) {
        let Held { life, share, .. } = held;
        let (topic, partition) = name;
        let is_member = || lock(&self.group).members.contains_key(&held.member);
        let is_there = match is_member() {
            true => timeout(REVOKE, life.awake()).await.is_ok(),
            false => !life.is_suspended(),
        };
        if !is_there {
            self.world.note("bus", format!("{} loses {topic}/{partition}", life.name));
            let (life, share) = (life.clone(), share.clone());
            tokio::spawn(async move {
                if life.awake().await.is_ok() {
                    sleep(life.world.while_("group", NOTICED)).await;
                    share.close();
                }
            });
            return;
        }
        share.close();
        let released = timeout(REVOKE, share.released()).await.is_ok();
        self.world.note("bus", format!("takes {topic}/{partition} from {}, let go: {released}", life.name));
        if is_member() && !life.is_over() && !life.is_suspended() {
            self.keep(&life.name, topic, *partition, share.done());
        }
    }

    /// Who is to work on what: mostly those who do already.
    fn wanted(&self) -> BTreeMap<Name, Wanted> {
        let group = lock(&self.group);
        let mut topics: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (number, member) in &group.members {
            for work in &member.topics {
                topics.entry(&work.topic).or_default().push(*number);
            }
        }
        let mut wanted = BTreeMap::new();
        for (topic, members) in topics {
            let partitions = self.topics().partitions(topic).len() as i32;
            for partition in 0..partitions {
                let name = (topic.to_owned(), partition);
                let holder = group.held.get(&name).map(|held| held.member);
                let stays = self.world.draw("group", |random| random.happens(7_000));
                let holder = holder.filter(|holder| stays && members.contains(holder));
                let other = self.world.draw("group", |random| random.pick(&members).copied());
                let stays = holder.is_some();
                wanted.extend(holder.or(other).map(|member| (name, Wanted { member, stays })));
            }
        }
        wanted
    }

    async fn give(self: &Arc<Self>, name: Name, number: u64) {
        let member = lock(&self.group).members.get(&number).cloned();
        let Some(member) = member else { return self.stirred.notify_one() };
        let (topic, partition) = &name;
        let lingering = lock(&self.group).lingering.get(&name).filter(|held| held.member == number).cloned();
        if let Some(held) = lingering {
            let _too_long = timeout(LINGERING, held.share.released()).await;
        }
        let Some(position) = self.position(&member, topic, *partition).await else { return };
        let share = Arc::new(Share::new(topic, *partition, position));
        self.world.note("bus", format!("gives {topic}/{partition} to {} from {position}", member.life.name));
        let (broker, life) = (self.clone(), member.life.clone());
        let held = Held { member: number, life: life.clone(), share: share.clone() };
        lock(&self.group).held.insert(name, held);
        // One that has died meanwhile loses it with its session.
        drop(member.offer.send(Given { broker, life, share }));
    }

    /// Where a member goes on; none where it died over the question.
    async fn position(&self, member: &Joined, topic: &str, partition: i32) -> Option<Offset> {
        let committed = self.topics().log(topic, partition).committed.unwrap_or(0);
        let truths: BTreeSet<_> = member
            .topics
            .iter()
            .filter(|work| work.topic == topic)
            .map(|work| work.truth == Truth::Store)
            .collect();
        if truths.contains(&true)
            && let Some(next) = member.store.next_offset(topic, partition).await.ok()?
        {
            // Where others may have gone on meanwhile, it may be that they have.
            let is_shared = self.world.swarm.setting == Setting::Shared;
            let is_stale = is_shared && self.world.strikes(Fault::StalePosition, "bus");
            return Some(if is_stale { committed.min(next) } else { next });
        }
        Some(committed)
    }
}

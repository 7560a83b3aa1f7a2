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
use crate::life::Life;
use crate::world::lock;

/// How long a member may be silent.
const SESSION: Duration = Duration::from_secs(6);
/// How long a member may take to give a partition back.
const REVOKE: Duration = Duration::from_secs(5);

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
    held: BTreeMap<Name, (u64, Arc<Share>)>,
}

impl Group {
    /// Tells whoever works on a partition that something has come.
    pub(crate) fn stir(&self, topic: &str, partition: i32) {
        if let Some((_, share)) = self.held.get(&(topic.to_owned(), partition)) {
            share.stirred.notify_one();
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
        let taken: Vec<(Name, Option<Arc<Joined>>, Arc<Share>)> = {
            let mut group = lock(&self.group);
            let moves: Vec<Name> = group
                .held
                .iter()
                .filter(|(name, (holder, _))| wanted.get(*name) != Some(holder))
                .map(|(name, _)| name.clone())
                .collect();
            let take = |name: Name| {
                let (holder, share) = group.held.remove(&name).unwrap();
                (name, group.members.get(&holder).cloned(), share)
            };
            moves.into_iter().map(take).collect()
        };
        for (_, _, share) in &taken {
            share.close();
        }
        for ((topic, partition), holder, share) in taken {
            let released = timeout(REVOKE, share.released()).await.is_ok();
            self.world.note("bus", format!("takes {topic}/{partition} away, released: {released}"));
            if let Some(holder) = holder.filter(|holder| !holder.life.is_over()) {
                self.keep(&holder.life.name, &topic, partition, share.done());
            }
        }
        for (name, number) in wanted {
            if !lock(&self.group).held.contains_key(&name) {
                self.give(name, number).await;
            }
        }
    }

    /// Who is to work on what: mostly those who do already.
    fn wanted(&self) -> BTreeMap<Name, u64> {
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
                let holder = group.held.get(&name).map(|(holder, _)| *holder);
                let stays = self.world.draw("group", |random| random.happens(7_000));
                let holder = holder.filter(|holder| stays && members.contains(holder));
                let other = self.world.draw("group", |random| random.pick(&members).copied());
                wanted.extend(holder.or(other).map(|member| (name, member)));
            }
        }
        wanted
    }

    async fn give(self: &Arc<Self>, name: Name, number: u64) {
        let member = lock(&self.group).members.get(&number).cloned();
        let Some(member) = member else { return self.stirred.notify_one() };
        let (topic, partition) = &name;
        let Some(position) = self.position(&member, topic, *partition).await else { return };
        let share = Arc::new(Share::new(topic, *partition, position));
        self.world.note("bus", format!("gives {topic}/{partition} to {} from {position}", member.life.name));
        lock(&self.group).held.insert(name, (number, share.clone()));
        let (broker, life) = (self.clone(), member.life.clone());
        // One that has died meanwhile loses it with its session.
        drop(member.offer.send(Given { broker, life, share }));
    }

    /// Where a member goes on; none where it died over the question.
    async fn position(&self, member: &Joined, topic: &str, partition: i32) -> Option<Offset> {
        let truths: BTreeSet<_> = member
            .topics
            .iter()
            .filter(|work| work.topic == topic)
            .map(|work| work.truth == Truth::Store)
            .collect();
        if truths.contains(&true)
            && let Some(next) = member.store.next_offset(topic, partition).await.ok()?
        {
            return Some(next);
        }
        Some(self.topics().log(topic, partition).committed.unwrap_or(0))
    }
}

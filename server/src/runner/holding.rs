//! Partitions whose runs are this process's, in a store that others write to as well.
//!
//! Whoever is given a partition takes its runs over, and proves it with everything that it writes
//! for them. It gives them up, and stops them where they are, when the partition is taken away, or
//! when the store says that somebody else has taken them over; if the partition is still given to
//! it then, it takes them over again: the bus knows whose they are, the other one did not.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::before::Before;
use super::{Admitted, Inner};
use crate::bus::{BusError, Partition};
use crate::store::{Conflict, Home, Proof, StoreError, Tenure};

/// Before runs are taken over again that somebody else has taken; doubled each time.
const AGAIN: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(10);

/// A partition whose runs are ours.
#[derive(Debug)]
pub(super) struct Holding {
    tenure: Arc<Tenure>,
    /// Ends what is done for its runs.
    over: CancellationToken,
    /// Said when its runs were taken up: each is in its lane.
    taken_up: CancellationToken,
    /// Its runs that are under way.
    tasks: TaskTracker,
}

impl Holding {
    pub(super) fn home(&self) -> &Home {
        &self.tenure.home
    }

    /// What its changes are made with.
    pub(super) fn proof(&self) -> Proof {
        Some(self.tenure.clone())
    }

    /// Somebody else has taken it over.
    pub(super) fn lose(&self) {
        self.over.cancel();
    }

    /// Does something for one of its runs, as long as it is ours; none: it is not any more.
    pub(super) async fn work<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _under_way = self.tasks.token();
        tokio::select! {
            biased;
            () = self.over.cancelled() => None,
            done = work => Some(done),
        }
    }
}

/// Those that this process has, which others may look on.
pub(super) type Holdings = BTreeMap<Home, Arc<Holding>>;

impl Admitted {
    /// Makes it a run of a partition that is ours.
    pub(super) fn belong_to(&mut self, holding: &Arc<Holding>) {
        if let Some(lane) = &mut self.lane {
            lane.home = Some(holding.home().clone());
        }
        self.holding = Some(holding.clone());
    }

    /// What its changes are made with.
    pub(super) fn proof(&self) -> Proof {
        self.holding.as_ref().and_then(|holding| holding.proof())
    }
}

impl Inner {
    /// Whether what belongs there is for this process to do.
    pub(super) fn is_ours(&self, home: Option<&Home>) -> bool {
        !self.store.is_shared() || home.is_some_and(|home| self.holdings.borrow().contains_key(home))
    }

    /// Whether the runs that belong there are this process's, and can be told something.
    pub(super) fn can_tell(&self, home: Option<&Home>) -> bool {
        let is_taken_up = |home| self.holding_of(home).is_some_and(|holding| holding.taken_up.is_cancelled());
        !self.store.is_shared() || home.is_some_and(is_taken_up)
    }

    /// The partitions whose runs are this process's, and can be told something.
    pub(super) fn homes_to_tell(&self) -> Vec<Home> {
        let holdings = self.holdings.borrow();
        let homes = holdings.iter().filter(|(_, holding)| holding.taken_up.is_cancelled());
        homes.map(|(home, _)| home.clone()).collect()
    }

    fn holding_of(&self, home: &Home) -> Option<Arc<Holding>> {
        self.holdings.borrow().get(home).cloned()
    }

    /// Does something for runs that belong there, with what proves that they are ours, if that has to
    /// be proven; none: they are not, or no longer.
    pub(super) async fn work_here<T>(
        &self,
        home: Option<&Home>,
        work: impl AsyncFnOnce(Option<&Arc<Holding>>) -> T,
    ) -> Option<T> {
        if !self.store.is_shared() {
            return Some(work(None).await);
        }
        let holding = self.holding_of(home?)?;
        let work = async {
            // Else it could be in a lane before those that are there already.
            self.stop.run_until_cancelled(holding.taken_up.cancelled()).await?;
            Some(work(Some(&holding)).await)
        };
        holding.work(work).await?
    }

    /// Has the runs of a partition until it is taken away: takes up those that are there and admits
    /// what comes.
    pub(super) async fn hold(
        self: &Arc<Self>,
        partition: &mut dyn Partition,
        room: &Arc<Semaphore>,
    ) -> Result<(), BusError> {
        let home = Home::new(partition.topic(), partition.number());
        // A partition that was taken away and given back at once is let go first.
        let place = self.place(&home);
        let _alone = place.lock().await;
        let mut pause = AGAIN;
        loop {
            let holding = self.take_over(&home).await?;
            let working = async {
                let before = Before::begin(&*self.store, holding.proof()).await?;
                self.resume(Some(&holding), before).await?;
                holding.taken_up.cancel();
                self.inbox.look_into(&home);
                self.admit_all(partition, room, Some(&holding), before).await
            };
            let worked = tokio::select! {
                biased;
                () = holding.over.cancelled() => None,
                worked = working => Some(worked),
            };
            if worked.is_none() || !self.stop.is_cancelled() {
                self.let_go(&holding).await;
            }
            match worked {
                Some(Err(BusError::Store(StoreError::Conflict(Conflict::Fenced { .. })))) | None => {}
                Some(worked) => return worked,
            }
            tracing::warn!(%home, "its runs were taken over by another process, which the bus does not know of");
            tokio::select! {
                biased;
                () = partition.given_up() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Where one task at a time has the runs of a partition.
    fn place(&self, home: &Home) -> Arc<tokio::sync::Mutex<()>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(home.clone()).or_default().clone()
    }

    async fn take_over(&self, home: &Home) -> Result<Arc<Holding>, StoreError> {
        let epoch = self.store.take_over(home).await?;
        tracing::info!(%home, epoch, "its runs are ours");
        let holding = Arc::new(Holding {
            tenure: Arc::new(Tenure { home: home.clone(), epoch }),
            over: CancellationToken::new(),
            taken_up: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        self.holdings.send_modify(|holdings| drop(holdings.insert(home.clone(), holding.clone())));
        Ok(holding)
    }

    /// Stops its runs where they are; ready when nothing is done for them any more.
    async fn let_go(&self, holding: &Holding) {
        holding.over.cancel();
        self.holdings.send_modify(|holdings| drop(holdings.remove(holding.home())));
        holding.tasks.close();
        holding.tasks.wait().await;
        self.lanes.forget(holding.home());
        self.asleep.forget(holding.home());
        self.inbox.forget(holding.home());
        self.end_work(holding.proof()).await;
    }

    /// Lets a partition go, if it is ours still.
    pub(super) async fn leave(&self, home: &Home) {
        if let Some(holding) = self.holding_of(home) {
            self.let_go(&holding).await;
        }
    }

    /// Lets the runs end that are under way, when no more are to begin.
    pub(super) async fn see_off(&self, home: &Home) {
        let Some(holding) = self.holding_of(home) else { return };
        holding.tasks.close();
        holding.tasks.wait().await;
        self.let_go(&holding).await;
    }
}

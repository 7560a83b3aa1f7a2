//! How busy whoever does the work is, in this process and in others.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::project::{Bus as BusKind, Project};
use tokio_util::sync::CancellationToken;

use super::role::{self, Role};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::gateway::Capacity;
use crate::runner::Runner;
use crate::standing::{self, Standings};

/// Who tells how busy whoever does the work is. Where work is shared, this process tells others of its
/// own, and hears of theirs.
pub(super) fn capacity(
    role: Role,
    project: &Project,
    runner: &Runner,
    bus: &Arc<dyn Bus>,
    stop: &CancellationToken,
) -> Arc<dyn Capacity> {
    let own = Arc::new(runner.clone());
    let (BusKind::Kafka(kafka), true) = (&project.bus, role::is_shared(project)) else { return own };
    let topic = standing::topic(&kafka.group.value);
    if role.works() {
        let (runner, bus, topic) = (runner.clone(), bus.clone(), topic.clone());
        tokio::spawn(standing::tell(runner, bus, topic, Clock::system(), stop.clone()));
    }
    if !role.has_doors() {
        return own;
    }
    let others = Arc::<Standings>::default();
    tokio::spawn(others.clone().listen(bus.clone(), topic, stop.clone()));
    Arc::new(Both(own, others))
}

/// The work of this process, and that of others.
#[derive(Debug)]
struct Both(Arc<Runner>, Arc<Standings>);

impl Capacity for Both {
    fn queued(&self, pathway: &str) -> usize {
        self.0.queued(pathway).max(self.1.queued(pathway))
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        let (own, others) = (Capacity::opens_after(&*self.0, service), self.1.opens_after(service));
        own.into_iter().chain(others).min()
    }
}

impl Capacity for Runner {
    fn queued(&self, pathway: &str) -> usize {
        Self::queued(self, pathway)
    }

    fn opens_after(&self, service: &str) -> Option<Duration> {
        self.upstreams().opens_after(service)
    }
}

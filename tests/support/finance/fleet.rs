//! The processes that are the app's server: one, or gateways and workers apart.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::REACHED;
use crate::{Log, Server};

/// How many processes there are of each role.
const ROLES: [&str; 4] = ["worker", "worker", "gateway", "gateway"];

/// Split servers at once: more of them would only be in each other's way.
static ROOM: Semaphore = Semaphore::const_new(2);

/// See above.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    is_split: bool,
    room: Option<SemaphorePermit<'static>>,
    servers: Vec<Server>,
    next: AtomicUsize,
}

impl Fleet {
    /// Gateways and workers apart.
    pub(super) fn split() -> Self {
        Self { is_split: true, ..Self::default() }
    }

    /// Starts all of it, one after the other; `has_bus`: each is to reach it.
    pub(super) async fn start(
        &mut self,
        folder: &Path,
        environment: &BTreeMap<String, String>,
        log: &Log,
        has_bus: bool,
    ) {
        assert!(self.servers.is_empty(), "the server runs");
        if self.is_split && self.room.is_none() {
            self.room = ROOM.acquire().await.ok();
        }
        let roles = if self.is_split { &ROLES[..] } else { &["serve"] };
        for role in roles {
            let from = log.here();
            self.servers.push(Server::launch_as(role, folder, environment, log).await);
            match *role {
                _ if !has_bus => {}
                "gateway" => drop(log.says(from, REACHED[1]).await),
                _ => log.says_all(from, &REACHED).await,
            }
        }
    }

    /// All of it, which must run.
    pub(super) fn taken(&mut self) -> Vec<Server> {
        assert!(!self.servers.is_empty(), "the server does not run");
        std::mem::take(&mut self.servers)
    }

    /// All of it: workers, then gateways.
    pub(super) fn all(&self) -> &[Server] {
        &self.servers
    }

    /// One with doors.
    pub(super) fn door(&self) -> &Server {
        let doors = if self.is_split { self.servers.get(2..) } else { Some(&self.servers[..]) };
        let doors = doors.unwrap_or_default();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        match doors.iter().cycle().nth(next % doors.len().max(1)) {
            Some(door) => door,
            None => panic!("the server does not run"),
        }
    }
}

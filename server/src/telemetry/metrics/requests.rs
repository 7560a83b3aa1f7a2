//! Requests by route and status.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::StatusCode;

use super::OTHER;

/// The statuses that there can be: from 100 to 599.
const FIRST: u16 = 100;
const STATUSES: usize = 500;

/// Requests that were answered. A route is a path as the project writes it, so there are no more than
/// routes.
#[derive(Debug, Default)]
pub struct Requests {
    routes: RwLock<BTreeMap<Box<str>, Arc<Statuses>>>,
    other: Statuses,
}

/// Those of a route.
#[derive(Debug)]
struct Statuses(Box<[AtomicU64]>);

impl Default for Statuses {
    fn default() -> Self {
        Self((0..STATUSES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Statuses {
    fn count(&self, status: StatusCode) {
        let place = status.as_u16().checked_sub(FIRST).map(usize::from);
        if let Some(count) = place.and_then(|place| self.0.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        (FIRST..).zip(counts).filter(|(_, count)| *count > 0)
    }
}

impl Requests {
    /// A request was answered; without a route it met none.
    pub(crate) fn count(&self, route: Option<&str>, status: StatusCode) {
        let Some(route) = route else { return self.other.count(status) };
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        let known = known.unwrap_or_else(|| {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            routes.entry(route.into()).or_default().clone()
        });
        known.count(status);
    }

    /// Those that there were: route, status, how many.
    pub(super) fn counts(&self) -> Vec<(String, u16, u64)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let all =
            routes.iter().map(|(route, statuses)| (&**route, &**statuses)).chain([(OTHER, &self.other)]);
        all.flat_map(|(route, statuses)| {
            statuses.counts().map(|(status, count)| (route.to_owned(), status, count)).collect::<Vec<_>>()
        })
        .collect()
    }
}

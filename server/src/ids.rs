//! What runs are called that come through a door.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Gives out ids: random ones, or those that a test chooses.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl Ids {
    /// UUIDs of version 7: ordered in time, and not to be guessed.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Uuid::now_v7)
    }

    /// Those that `next` gives, each once.
    pub fn new(next: impl Fn() -> Uuid + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// The next one.
    #[must_use]
    pub fn next(&self) -> Uuid {
        (self.0)()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ids")
    }
}

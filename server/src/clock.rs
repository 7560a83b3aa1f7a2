//! What time it is: the system's clock, or one that a test sets.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// That of the system.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// One that `tells` the time.
    pub fn new(tells: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tells))
    }

    /// One that begins with what this one tells, and is set neither forth nor back from there: for what
    /// lasts a while.
    #[must_use]
    pub fn steady(&self) -> Self {
        let (from, since) = (self.now(), Instant::now());
        Self::new(move || from.checked_add(since.elapsed()).unwrap_or(from))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// Now, in milliseconds since 1970.
    #[must_use]
    pub fn millis(&self) -> i64 {
        self.now().as_millisecond()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_steady_clock_is_not_set() {
        let set = Arc::new(Mutex::new(Timestamp::UNIX_EPOCH));
        let told = set.clone();
        let steady = Clock::new(move || *told.lock().unwrap()).steady();
        *set.lock().unwrap() += Duration::from_secs(3600);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(steady.now(), Timestamp::UNIX_EPOCH + Duration::from_secs(1));
    }
}

//! How long a server that is away is waited for.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause; each that follows is twice as long.
const FIRST: Duration = Duration::from_millis(50);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses between attempts, up to an end.
#[derive(Debug)]
pub(super) struct Patience {
    end: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { end: Instant::now() + limit, pause: FIRST }
    }

    /// Waits before the next attempt. False: there shall be no other.
    pub(super) async fn pause(&mut self) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ends() {
        let (begin, mut patience) = (Instant::now(), Patience::new(Duration::from_secs(10)));
        let mut attempts = 0;
        while patience.pause().await {
            attempts += 1;
        }
        // 0.05 + 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 2 + 2 + 2 and what is left of ten seconds.
        assert_eq!((attempts, begin.elapsed()), (10, Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn of_none_is_none() {
        assert!(!Patience::new(Duration::ZERO).pause().await);
    }
}

//! What runs are called that come through a door, and requests that bring no id along.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use jiff::Timestamp;
use uuid::Uuid;

/// Random bytes of an id.
const RANDOM: usize = 8;
/// Random bytes that the system is asked for at once: asking takes far longer than all else of an id.
const AHEAD: usize = 64 * RANDOM;

/// Gives out ids: random ones, or those that a test chooses.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl Ids {
    /// UUIDs of version 7: ordered in time, and not to be guessed.
    #[must_use]
    pub fn system() -> Self {
        let ahead = Mutex::new(Ahead::default());
        Self::new(move || ahead.lock().unwrap_or_else(PoisonError::into_inner).next())
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

/// Random bytes that are there already. Each is used once.
struct Ahead {
    bytes: [u8; AHEAD],
    left: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { bytes: [0; AHEAD], left: 0 }
    }
}

impl Ahead {
    /// A UUID of version 7 whose bits after the milliseconds are the fraction of one, so that ids which
    /// follow each other rise (RFC 9562, section 6.2, method 3).
    fn next(&mut self) -> Uuid {
        let Some(random) = self.random() else { return Uuid::now_v7() };
        let now = Timestamp::now().as_nanosecond();
        let millis = u64::try_from(now / 1_000_000).unwrap_or_default();
        let fraction = u64::try_from((now % 1_000_000) * 4096 / 1_000_000).unwrap_or_default();
        let [first, second] = u16::try_from(fraction).unwrap_or_default().to_be_bytes();
        let [a, b, c, d, e, f, g, h] = random;
        let rest = [first, second, a, b, c, d, e, f, g, h];
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }

    fn random(&mut self) -> Option<[u8; RANDOM]> {
        if self.left < RANDOM {
            rand::fill(&mut self.bytes).ok()?;
            self.left = AHEAD;
        }
        let taken = self.bytes.get_mut(self.left - RANDOM..self.left)?;
        self.left -= RANDOM;
        let random = <[u8; RANDOM]>::try_from(&*taken).ok()?;
        // Whoever reads the memory later is not to know it.
        taken.fill(0);
        Some(random)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_of_version_7_of_now_and_none_comes_twice() {
        let ids = Ids::system();
        let before = Timestamp::now().as_second();
        let given: Vec<Uuid> = (0..1_000).map(|_| ids.next()).collect();
        let after = Timestamp::now().as_second();
        for id in &given {
            assert_eq!(id.get_version_num(), 7);
            let (seconds, _) = id.get_timestamp().unwrap().to_unix();
            assert!((before..=after).contains(&i64::try_from(seconds).unwrap()));
        }
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
        let random: HashSet<u64> = given.iter().map(|id| id.as_u64_pair().1).collect();
        assert_eq!(random.len(), given.len(), "the random part alone tells them apart");
    }

    #[test]
    fn ids_rise_as_time_goes_on() {
        let ids = Ids::system();
        let earlier = ids.next();
        let (at, tick) = (Timestamp::now(), std::time::Duration::from_micros(1));
        while Timestamp::now() < at + tick {}
        assert!(ids.next() > earlier);
    }
}

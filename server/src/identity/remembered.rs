//! What was found out a short while ago, in bounded space.
//!
//! Two generations: when the younger one is full the elder is forgotten, and what is asked for
//! again is young again. So a flood of things that are asked for once forgets what has not been
//! asked for since, and nothing is ever searched for what to forget.

use std::collections::HashMap;
use std::mem;

use jiff::Timestamp;

/// Of a generation.
const MANY: usize = 2048;

/// The SHA-256 of what was asked.
pub(super) type Digest = [u8; 32];

/// Until when each digest is remembered.
#[derive(Default)]
pub(super) struct Remembered {
    young: HashMap<Digest, Timestamp>,
    elder: HashMap<Digest, Timestamp>,
}

impl Remembered {
    /// Whether `digest` is remembered.
    pub(super) fn has(&mut self, digest: &Digest, now: Timestamp) -> bool {
        if let Some(until) = self.young.get(digest) {
            return now < *until;
        }
        let Some(until) = self.elder.remove(digest) else { return false };
        self.remember(*digest, until);
        now < until
    }

    pub(super) fn remember(&mut self, digest: Digest, until: Timestamp) {
        if self.young.len() >= MANY && !self.young.contains_key(&digest) {
            self.elder = mem::take(&mut self.young);
        }
        self.young.insert(digest, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_le_bytes());
        digest
    }

    #[test]
    fn is_bounded_and_keeps_what_is_asked_for() {
        let (now, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let mut remembered = Remembered::default();
        remembered.remember(digest(0), later);
        for n in 1..10 * MANY {
            remembered.remember(digest(n), later);
            assert!(remembered.has(&digest(0), now), "{n}");
        }
        assert!(remembered.young.len() + remembered.elder.len() <= 2 * MANY);
        assert!(!remembered.has(&digest(1), now));
        assert!(!remembered.has(&digest(0), later));
    }
}

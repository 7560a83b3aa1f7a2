//! Guards that are taken away: with any of them gone, some seed must break a promise, or the promise
//! is not looked at.

/// A guard of the outside that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The store lets anybody write, whoever has taken the runs over.
    NoEpochs,
    /// The store takes a record twice.
    NoPositions,
    /// The store says that it has committed what a crash takes from it.
    NoSync,
    /// The store believes that records were sent that were not.
    NoOutbox,
    /// Offsets are kept when records are handed out, and not when they are in the store.
    OffsetFirst,
    /// Records that are published together are taken in any order.
    NoOrder,
    /// Each attempt of a call has a key of its own.
    FreshKeys,
    /// Records are handed out in any order.
    NoTurns,
    /// The store does not know a key again by which a caller asks.
    NoKeys,
    /// Calls of a service that is away are made, and count.
    NoCircuits,
}

impl Mutation {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::NoEpochs,
        Self::NoPositions,
        Self::NoSync,
        Self::NoOutbox,
        Self::OffsetFirst,
        Self::NoOrder,
        Self::FreshKeys,
        Self::NoTurns,
        Self::NoKeys,
        Self::NoCircuits,
    ];
}

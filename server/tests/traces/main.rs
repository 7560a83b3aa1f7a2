//! What a collector of traces is told of a server, and what it is not.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

#[cfg(test)]
#[path = "../kafka/cluster.rs"]
#[expect(dead_code, reason = "it is made for tests of the bus, which ask more of it")]
mod cluster;
mod collector;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod tree;
mod world;

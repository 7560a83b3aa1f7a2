//! The proof by reality: the real program over a real Kafka, with its store in a real PostgreSQL or in
//! SQLite, while its processes are killed or stand still, and what they stand on goes away.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod clock_jumps;
mod disk_full;
mod faults;
mod load;
mod loops;
mod operator;
mod project;
mod replies;
mod shop;
mod stood_still;
mod store_away;
mod upstream;
mod verdict;

//! The admin listener from outside: whom it answers, and what operators may do to runs.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

#[cfg(test)]
mod guard;
#[cfg(test)]
mod keyed;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod redrive;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod rerun;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod timeline;
mod world;

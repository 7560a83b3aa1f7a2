//! When a schedule ticks: times of a calendar, and which of those that have passed are made up
//! for.
//!
//! Pure like the rest of the engine: the time is passed in, and the rules of time zones are built
//! in, so that a schedule means the same on every machine.

mod calendar;
mod ticker;

pub use calendar::{Calendar, Mistake, zone, zones};
pub use ticker::{Due, Ticker};

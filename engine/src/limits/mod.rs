//! Who may run now, how often, and whether it is worth trying: slots, rates, circuits.
//!
//! Pure state machines. They have no clock, no threads and no wake-ups of their own: the time
//! is passed in as a [`jiff::Timestamp`], and who may go on is returned to the caller.

mod circuit;
mod ledger;
mod rate;

pub use circuit::{Circuit, Outcome, Permit, Refused, Settings, Snapshot, State};
pub use ledger::{Answer, Ledger, Limit, Limits, Ticket, Usage, Waiter};
pub use rate::Rate;

//! Who may run now, how often, and whether it is worth trying: slots, rates, circuits.
//!
//! Pure state machines. They have no clock, no threads and no wake-ups of their own: the time
//! is passed in as a [`jiff::Timestamp`], and who may go on is returned to the caller.

mod circuit;
mod ledger;
mod limit;
mod rate;
mod usage;

pub use circuit::{Circuit, Outcome, Permit, Refused, Settings, Snapshot, State};
pub use ledger::{Answer, Ledger, Ticket, Waiter};
pub use limit::{Limit, Limits};
pub use rate::Rate;
pub use usage::{Busy, Usage};

//! The spanned tree → a typed pathway or feed: one file per construct, all errors at once.

mod allow;
mod block;
mod broken;
mod compensate;
mod door;
mod feed;
pub mod fields;
mod keep;
mod max_runs;
mod pathway;
mod reader;
mod retry;
pub mod scalar;
mod schedule;
mod step;

pub(crate) use block::BLOCK;
pub use block::Block;
pub use compensate::Compensate;
pub use door::{Auth, Door, Form, HttpDoor, Mode, Reply};
pub(crate) use feed::FEED;
pub use feed::Feed;
pub use fields::{Fields, list, whole, wrong_type};
pub use keep::Keep;
pub use max_runs::{MaxRuns, Per};
pub(crate) use pathway::PATHWAY;
pub use pathway::Pathway;
pub use reader::{Reader, Schemas};
pub(crate) use retry::RETRY;
pub use retry::{On, Retry, class};
pub use schedule::{Overlap, Schedule};
pub use step::{Each, OnError, Repeat, Step, without};
pub(crate) use step::{MODIFIERS, OF_GUARDS, RESERVED};

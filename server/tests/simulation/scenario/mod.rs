//! What is done to a world while it is rough: records come, callers ask, operators meddle, processes die.

mod callers;
mod operators;
mod producers;
mod troubles;

pub(crate) use self::callers::{ask, ask_again};
pub(crate) use self::operators::{meddle, release};
pub(crate) use self::producers::produce;
pub(crate) use self::troubles::{crash, darken, disturb};

//! What is done to a world while it is rough: records come, operators meddle, processes die.

mod operators;
mod producers;
mod troubles;

pub(crate) use self::operators::{meddle, release};
pub(crate) use self::producers::produce;
pub(crate) use self::troubles::{crash, disturb};

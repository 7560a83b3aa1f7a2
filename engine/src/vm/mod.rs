//! The virtual machine: events in, effects out, time passed in.

mod effect;
mod failure;
mod hash;

pub use effect::{Body, Effect, HttpRequest, Instance, Method, Parse, Stream};
pub use failure::{Class, Failure};
pub use hash::RequestHash;

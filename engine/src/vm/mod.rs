//! The virtual machine: events in, effects out, time passed in.

mod effect;
mod failure;

pub use effect::{Body, Effect, HttpRequest, Instance, Method, Parse, Stream};
pub use failure::{Class, Failure};

//! Everything around the engine: bus, store, effects, gateway and command line.

pub mod bus;
pub mod effects;
pub mod seal;
pub mod store;

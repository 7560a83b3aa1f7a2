//! Everything around the engine: bus, store, effects, gateway and command line.

pub mod cli;
pub mod config;
pub mod telemetry;

//! The server of Pathway: command line, configuration, bus, store, runner and gateway.

pub mod config;

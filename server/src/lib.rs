//! Everything around the engine: bus, store, effects, gateway and command line.

pub mod admin;
pub mod app;
pub mod bus;
mod causes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod definition;
pub mod demo;
pub mod effects;
pub mod envelope;
pub mod facts;
pub mod gateway;
pub mod identity;
pub mod ids;
pub mod loading;
pub mod lsp;
pub mod operations;
pub mod piece;
pub mod runner;
pub mod schedule;
pub mod seal;
mod secret_file;
pub mod standing;
pub mod store;
pub mod telemetry;
pub mod trace;

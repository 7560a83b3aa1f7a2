//! Calls services: an `http` step's request in, its output or a failure out.
//!
//! One [`HttpClient`] with one pool of connections serves all services. It follows no redirect,
//! keeps no cookie, asks no proxy of the environment and repeats nothing: repetition is the
//! VM's. `address` and `headers` decide where a request goes and what it carries, so that
//! nothing an expression yields can change the host or the framing; `answer` and `stream`
//! read what comes back within [`Limits`]; `failure` says what went wrong in words that are
//! safe to show.

mod address;
mod answer;
mod body;
mod client;
mod failure;
mod headers;
mod lines;
mod sse;
mod stream;
mod target;
mod transport;

pub use address::{BadUrl, ServiceUrl};
pub use client::HttpClient;
pub use failure::counts_against_circuit;
pub use target::{Context, Limits, Target};
pub use transport::Transport;

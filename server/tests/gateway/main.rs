//! The gateway over real connections; the tests play the runner.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod auth;
mod bodies;
mod capacity;
mod doors;
mod http;
mod idempotency;
<<<<<<< HEAD
mod login;
=======
mod openapi;
>>>>>>> 874282c (Describe the API as OpenAPI 3.1, made from the pathways that are served)
mod runs;
mod streams;
mod tickets;
mod verified;
mod world;

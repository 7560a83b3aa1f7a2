//! The tables of keys against the readers of documents, and the schemas that are made of them.
//!
//! What is compared is what the readers themselves say: each map of the corpus is given a key that nobody
//! knows, and the message about it lists those that are known.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod accepted;
mod committed;
mod corpus;
mod known;
#[path = "../docs/markdown.rs"]
mod markdown;
#[path = "../support/mod.rs"]
mod support;
mod together;

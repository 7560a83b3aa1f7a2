//! YAML text → a tree in which every key and value knows its place.
//!
//! The reader of the project's files gives their bytes to [`Sources::add_bytes`] and each file to
//! [`parse`]. Values are read by YAML 1.2's core schema, so
//! `on`, `yes` and `no` are text; aliases and merge keys are expanded within [`Limits`].

mod anchors;
mod decode;
mod format;
mod merge;
mod node;
mod pieces;
mod raw;
mod scalar;
mod span;
mod syntax;
mod tabs;
mod tags;
mod template;
mod text;
mod tree;
mod value;
mod yaml;

pub use format::format;
pub use node::{Entry, Kind, Node, Spanned};
pub use span::{FileId, Location, Sources, Span};
#[cfg(test)]
pub(crate) use text::Piece;
pub use text::{Style, Text};
pub use yaml::{Limits, parse};

//! YAML text → a tree in which every key and value knows its place.

mod node;
mod span;
mod yaml;

pub use node::{Entry, Kind, Node, Spanned, Style, Text};
pub use span::{FileId, Location, Sources, Span};
pub use yaml::{Limits, parse};

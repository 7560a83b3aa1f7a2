//! Stand-ins for the upstreams of the finance app: **not the real ones, and not for production**.
//!
//! The demo and the tests need a Supabase, a Gemini gateway and an OCR gateway without network
//! and without accounts. Each is a small server on a free loopback port that keeps its data in
//! memory, answers as the real one does in the ways that the pathways rely on, and forgets
//! everything when [`StandIns`] is dropped. Every call is recorded, and faults can be ordered.

pub mod data;
mod gemini;
mod ocr;
mod project;
mod standins;
mod supabase;
mod watch;

pub use project::{FILES, Folder};
pub use standins::{Settings, StandIns};
pub use supabase::Keys;
pub use watch::{Call, Fault, Service};

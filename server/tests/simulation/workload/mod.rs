//! What the processes work on: a project, its pathways, and records for them.

mod compiled;
mod pathways;

pub(crate) use self::compiled::{Compiled, compiled, plan};
pub(crate) use self::pathways::{DOORS, FED};

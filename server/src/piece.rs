//! What a run streams to its caller, as the store keeps it: one row per piece.

use pathway_engine::Value;
use serde::{Deserialize, Serialize};

/// A row of a run's stream. That the stream is over is not among them: the run's status says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// The execution of the step that emitted it.
    pub step: String,
    /// Its attempt.
    pub attempt: u32,
    /// What.
    pub said: Said,
}

/// What a piece says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A value.
    Emitted(Value),
    /// Forget what came before: the step begins again.
    Reset,
}

//! Where an execution of a step stands.

use pathway_engine::vm::Change;
use serde::{Deserialize, Serialize};

/// Where an execution of a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It was begun, or it waits for its turn.
    Running,
    /// It failed, and is attempted again later.
    Retrying,
    /// It has an output.
    Finished,
    /// It has the output of the run that this one runs again.
    Kept,
    /// It was not to run.
    Skipped,
    /// It failed.
    Failed,
    /// It was called off.
    Cancelled,
    /// What a server of another version says.
    #[serde(other)]
    Unknown,
}

impl StepStatus {
    /// All that a server of this version says.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Retrying,
        Self::Finished,
        Self::Kept,
        Self::Skipped,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As operators read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Finished => "finished",
            Self::Kept => "kept",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Where it stands after `change`; none: where it stood.
    pub(super) const fn after(change: &Change) -> Option<Self> {
        match change {
            Change::Chose { .. } => None,
            Change::Begun { .. } => Some(Self::Running),
            Change::Retrying { .. } => Some(Self::Retrying),
            Change::Finished { .. } => Some(Self::Finished),
            Change::Kept { .. } => Some(Self::Kept),
            Change::Skipped => Some(Self::Skipped),
            Change::Failed { .. } => Some(Self::Failed),
            Change::Cancelled => Some(Self::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_it_is_called() {
        for status in StepStatus::ALL {
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("\"{}\"", status.name()));
            assert_eq!(serde_json::from_str::<StepStatus>(&json).unwrap(), status);
        }
        assert_eq!(serde_json::from_str::<StepStatus>("\"dreaming\"").unwrap(), StepStatus::Unknown);
    }
}

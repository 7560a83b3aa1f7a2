//! How the steps of a run stand, by which their picture is coloured.

use std::collections::HashMap;

use crate::compile::step_path;

/// How a step stands; of one that has several executions the one that matters most, as they are
/// ordered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was passed over.
    Skipped,
    /// It is done.
    Finished,
    /// It was called off.
    Cancelled,
    /// It goes on.
    Running,
    /// It failed.
    Failed,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Skipped, Self::Finished, Self::Cancelled, Self::Running, Self::Failed];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }

    /// For those who see no colours.
    pub(super) fn mark(self) -> char {
        match self {
            Self::Skipped => '–',
            Self::Finished => '✓',
            Self::Cancelled => '■',
            Self::Running => '●',
            Self::Failed => '✗',
        }
    }
}

/// The steps of a run that have come to something. The others wait.
#[derive(Debug, Default)]
pub struct Standings(HashMap<String, (Standing, usize)>);

impl Standings {
    /// From executions of steps, as `lines[3].price`, and how each stands.
    pub fn of<'a>(executions: impl IntoIterator<Item = (&'a str, Standing)>) -> Self {
        let mut all: HashMap<String, (Standing, usize)> = HashMap::new();
        for (execution, standing) in executions {
            let (most, count) = all.entry(step_path(execution)).or_insert((standing, 0));
            *most = standing.max(*most);
            *count += 1;
        }
        Self(all)
    }

    /// How a step stands, and how many executions it had.
    pub(super) fn get(&self, path: &str) -> Option<(Standing, usize)> {
        self.0.get(path).copied()
    }
}

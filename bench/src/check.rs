//! Outputs are compared with what they must be: a fast wrong answer is no figure.

/// Compares outputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check {
    /// Whether right outputs are taken for wrong ones.
    pub(crate) spoil: bool,
}

impl Check {
    /// Refuses `found` if it is not `expected`; `of` says what it is.
    pub(crate) fn same(self, of: &str, found: &str, expected: &str) -> Result<(), String> {
        match (found == expected) != self.spoil {
            true => Ok(()),
            false => Err(format!("wrong output of {of}: {found}, not {expected}")),
        }
    }
}

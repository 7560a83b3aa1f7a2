//! Of what there is a limited number of slots, and what people call it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How many characters of a key are shown.
const SHOWN: usize = 64;

/// Something of which there is a limited number of slots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Runs in this process.
    Server,
    /// Steps in flight in this process.
    ServerSteps,
    /// Runs of a pathway.
    Pathway(Arc<str>),
    /// Runs of a pathway that have the same key: what each key has. Slots are asked of a key.
    Keys(Arc<str>),
    /// Runs of a pathway that have one key: pathway, key.
    Key(Arc<str>, Arc<str>),
    /// A step of a pathway: pathway, path of the step.
    Step(Arc<str>, Arc<str>),
    /// Calls to a service.
    Service(Arc<str>),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("runs of this server"),
            Self::ServerSteps => f.write_str("steps of this server"),
            Self::Pathway(name) => write!(f, "pathway {name}"),
            Self::Keys(name) => write!(f, "each key of pathway {name}"),
            Self::Key(pathway, key) => write!(f, "pathway {pathway} for key {}", shown(key)),
            Self::Step(pathway, step) => write!(f, "step {step} of pathway {pathway}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

impl Limit {
    /// What operators call it: `server`, `steps`, `pathway/NAME`, `pathway/NAME/per` (also of a
    /// single key: all have as many), `pathway/NAME/STEP` or `service/NAME`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Server => "server".to_owned(),
            Self::ServerSteps => "steps".to_owned(),
            Self::Pathway(name) => format!("pathway/{name}"),
            Self::Keys(name) | Self::Key(name, _) => format!("pathway/{name}/per"),
            Self::Step(pathway, step) => format!("pathway/{pathway}/{step}"),
            Self::Service(name) => format!("service/{name}"),
        }
    }

    /// Whether it is one of the keys whose slots `other` sets.
    pub(super) fn is_key_of(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Key(pathway, _), Self::Keys(name)) if pathway == name)
    }
}

/// A key as people see it: it may be of any length, and have anything in it.
pub(super) fn shown(key: &str) -> String {
    let clean = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = key.chars().take(SHOWN).map(clean).collect();
    if key.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Limits in their order, each once; made ahead where the same are asked for again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits(pub(super) Arc<[Limit]>);

impl<L: IntoIterator<Item = Limit>> From<L> for Limits {
    fn from(limits: L) -> Self {
        Self(limits.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_in_one_short_line() {
        assert_eq!(shown("ann"), "ann");
        assert_eq!(shown("a\n\u{1b}[31mb"), "a��[31mb");
        let long = "ä".repeat(1000);
        assert_eq!(shown(&long).chars().count(), SHOWN + 1);
        assert_eq!(Limit::Key("p".into(), "ann".into()).to_string(), "pathway p for key ann");
    }
}

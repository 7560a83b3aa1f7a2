//! What a process is there for, and whether a project lets it be.

use pathway_engine::project::{Bus, Project, Store};

use crate::seal;

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gateway and worker.
    Serve,
    /// Doors alone: what comes through them is worked on by workers elsewhere, with the same store.
    Gateway,
    /// Work on topics alone: requests come through gateways elsewhere. What it still answers is how
    /// it is, and what runs are.
    Worker,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Serve, Self::Gateway, Self::Worker];

    /// Its name: that of the command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Gateway => "gateway",
            Self::Worker => "worker",
        }
    }

    /// Whether it has doors.
    #[must_use]
    pub const fn has_doors(self) -> bool {
        matches!(self, Self::Serve | Self::Gateway)
    }

    /// Whether it works on topics.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::Serve | Self::Worker)
    }

    /// Whether a process can be that with this project; else why not, and what would let it.
    pub(super) fn check(self, project: &Project, seal_keys: Option<&str>) -> Result<(), String> {
        if self == Self::Serve {
            return Ok(());
        }
        if project.bus == Bus::Embedded {
            return Err(
                "the embedded bus is part of one process, which is gateway and worker: use `pathway \
                        serve`, or give `bus.kafka.servers`"
                    .to_owned(),
            );
        }
        if self == Self::Gateway && !is_shared(project) {
            return Err(
                "a store in a folder is one process's: use `pathway serve`, or give `store.postgres`, \
                        which gateways and workers share"
                    .to_owned(),
            );
        }
        if seal_keys.is_none_or(|keys| keys.trim().is_empty()) {
            let variable = seal::VARIABLE;
            return Err(match self {
                Self::Gateway => format!(
                    "a gateway seals who asks, with keys that the workers have to be given too: set `{variable}`"
                ),
                _ => format!(
                    "gateways elsewhere seal who asks, with keys that a worker has to be given: set `{variable}`"
                ),
            });
        }
        Ok(())
    }
}

/// Whether several processes may have the store of a project: then the bus says whose a run is.
pub(super) fn is_shared(project: &Project) -> bool {
    matches!((&project.bus, &project.store), (Bus::Kafka(_), Store::Postgres(_)))
}

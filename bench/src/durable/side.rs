//! Who is asked: a server of ours or the peer, with one of two kinds of runs.

use std::path::Path;
use std::time::Duration;

use super::peer::Peer;
use crate::process::Process;
use crate::project::Project;
use crate::server::{Server, Target};
use crate::{order, pathway};

/// What the three steps of a run do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Work {
    /// They compute.
    Pure,
    /// Each calls a service.
    Calls,
}

impl Work {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Calls => "calls",
        }
    }

    const fn pathway(self) -> &'static str {
        match self {
            Self::Pure => pathway::THREE,
            Self::Calls => pathway::CALLS,
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Ours,
    Peer,
}

/// A side that is ready. Dropping it ends it.
#[derive(Debug)]
pub(super) enum Side {
    Ours { server: Server, _project: Project },
    Peer(Peer, Work),
}

impl Side {
    /// A server of ours, which may have as many runs under way as there are callers.
    pub(super) fn ours(target: &Target, work: Work, service: &str) -> Result<Self, String> {
        let door = "on: { http: { post: /run, mode: wait, auth: none } }\nsteps:";
        let settings = format!(
            "log: {{ level: warn }}\nmax_runs: 256\nservices: {{ echo: {{ url: \"http://{service}\" }} }}\n"
        );
        let project = Project::new(&settings, &work.pathway().replacen("steps:", door, 1))?;
        let server = target.start_with(Some(&project.file()), &[])?;
        server.wait_for_work()?;
        Ok(Self::Ours { server, _project: project })
    }

    /// The peer.
    pub(super) fn peer(folder: Option<&Path>, work: Work, service: &str) -> Result<Self, String> {
        let peer = Self::Peer(Peer::start(folder.ok_or("no folder of the peer")?, service)?, work);
        if let Self::Peer(it, _) = &peer {
            it.wait_for_work(peer.path(), &order::input(0))?;
        }
        Ok(peer)
    }

    pub(super) fn address(&self) -> &str {
        match self {
            Self::Ours { server, .. } => &server.address,
            Self::Peer(peer, _) => &peer.address,
        }
    }

    pub(super) const fn path(&self) -> &'static str {
        match self {
            Self::Ours { .. } => "/run",
            Self::Peer(_, Work::Pure) => "/Tx/process",
            Self::Peer(_, Work::Calls) => "/Tx/calls",
        }
    }

    fn processes(&self) -> Vec<Process> {
        match self {
            Self::Ours { server, .. } => vec![server.process()],
            Self::Peer(peer, _) => peer.processes().to_vec(),
        }
    }

    /// The time of the processor that it has taken; of the peer also that of its handler, where the
    /// steps are done.
    pub(super) fn cpu(&self) -> Result<Duration, String> {
        self.processes().into_iter().map(Process::cpu).sum()
    }

    /// The most memory that the server alone has taken.
    pub(super) fn peak_mib(&self) -> Result<f64, String> {
        self.processes().first().map_or(Ok(f64::NAN), |server| server.peak_mib())
    }

    /// The bytes that it has had written so far.
    pub(super) fn written(&self) -> Result<u64, String> {
        self.processes().into_iter().map(Process::written).sum()
    }

    /// The bytes of all its files.
    pub(super) fn kept(&self) -> Result<u64, String> {
        match self {
            Self::Ours { server, .. } => size_of(server.data.path()),
            Self::Peer(peer, _) => size_of(peer.data.path()),
        }
        .map_err(|error| error.to_string())
    }
}

/// The bytes of all files in a folder.
fn size_of(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            _ => entry.metadata().map(|about| about.len()),
        };
        // What went away meanwhile takes no place.
        bytes += found.unwrap_or(0);
    }
    Ok(bytes)
}

//! Files that are watched, for `--watch`: something is done whenever one changes.
//!
//! Watched are the folders of all files that were read, not those below them, so that neither a
//! build nor a store wakes anybody up. A folder that is made later is found in the next round.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{Exit, Failure};

/// Changes that come so soon after each other are one: editors write a file in several steps.
const GATHER: Duration = Duration::from_millis(50);
/// Changes that may wait to be looked at; more of them say nothing more.
const CHANGES: usize = 64;

/// Folders that are watched.
#[derive(Debug)]
pub(super) struct Watched {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

/// What changes in them.
#[derive(Debug)]
pub(super) struct Changed(Receiver<Vec<PathBuf>>);

/// Begins to watch; no folder yet.
pub(super) fn watch() -> Result<(Watched, Changed), Failure> {
    let (sender, changes) = mpsc::sync_channel(CHANGES);
    let tell = move |change: notify::Result<Event>| {
        // Where many wait already, one more says nothing.
        if let Ok(change) = change
            && matters(&change)
        {
            let _full = sender.try_send(change.paths);
        }
    };
    let watcher = notify::recommended_watcher(tell).map_err(|error| failed(&error))?;
    Ok((Watched { watcher, folders: BTreeSet::new() }, Changed(changes)))
}

impl Watched {
    /// Watches these, too.
    pub(super) fn look_at(&mut self, folders: BTreeSet<PathBuf>) -> Result<(), Failure> {
        for folder in folders {
            if !self.folders.contains(&folder) {
                self.watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(|error| failed(&error))?;
                self.folders.insert(folder);
            }
        }
        Ok(())
    }

    /// How many are watched.
    pub(super) fn len(&self) -> usize {
        self.folders.len()
    }
}

impl Changed {
    /// The names of the files that change next.
    pub(super) fn next(&self) -> Option<Vec<String>> {
        let mut paths: BTreeSet<PathBuf> = self.0.recv().ok()?.into_iter().collect();
        while let Ok(more) = self.0.recv_timeout(GATHER) {
            paths.extend(more);
        }
        let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        Some(paths.iter().filter_map(name).collect())
    }
}

/// Whether it may change what a project says.
fn matters(change: &Event) -> bool {
    let is_ours = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json"))
            || path.file_name().is_some_and(|name| name == ".env")
    };
    !matches!(change.kind, EventKind::Access(_)) && change.paths.iter().any(is_ours)
}

fn failed(error: &notify::Error) -> Failure {
    Failure::new(Exit::Failure, format!("files cannot be watched: {error}"))
}

//! `--watch`: plays again whenever a file changes.
//!
//! Watched are the folders of all files that were read, not those below them, so that neither a
//! build nor a store wakes anybody up. A folder that is made later is found in the next round.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::super::terminal::counted;
use super::super::{Exit, Failure, Outcome, Session};

/// Changes that come so soon after each other are one: editors write a file in several steps.
const GATHER: Duration = Duration::from_millis(50);
/// Changes that may wait to be looked at; more of them say nothing more.
const CHANGES: usize = 64;

/// A round: how it ended, and the folders of the files that were read.
pub(super) type Round = (Outcome, BTreeSet<PathBuf>);

/// Plays rounds until nobody wants more of them.
pub(super) fn watch(session: &Session, mut round: impl FnMut() -> Round) -> Outcome {
    let (sender, changes) = mpsc::sync_channel(CHANGES);
    let tell = move |change: notify::Result<Event>| {
        // Where many wait already, one more says nothing.
        if let Ok(change) = change
            && matters(&change)
        {
            let _full = sender.try_send(change.paths);
        }
    };
    let mut watcher = notify::recommended_watcher(tell).map_err(|error| failed(&error))?;
    let mut watched: BTreeSet<PathBuf> = BTreeSet::new();
    loop {
        let (outcome, folders) = round();
        if watched.is_empty() && folders.is_empty() {
            return outcome;
        }
        look_at(&mut watcher, folders, &mut watched)?;
        if let Err(failure) = outcome {
            session.terminal.error(&failure.to_string(), None)?;
        }
        let folders = counted(watched.len(), "folder");
        session.terminal.note(&format!("\nwatching {folders}; Ctrl-C ends it"))?;
        let Some(changed) = next(&changes) else { return Ok(Exit::Success) };
        session.terminal.note(&format!("changed: {}\n", changed.join(", ")))?;
    }
}

fn look_at(
    watcher: &mut RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    watched: &mut BTreeSet<PathBuf>,
) -> Result<(), Failure> {
    for folder in folders {
        if !watched.contains(&folder) {
            watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(|error| failed(&error))?;
            watched.insert(folder);
        }
    }
    Ok(())
}

/// The names of the files that change next.
fn next(changes: &Receiver<Vec<PathBuf>>) -> Option<Vec<String>> {
    let mut paths: BTreeSet<PathBuf> = changes.recv().ok()?.into_iter().collect();
    while let Ok(more) = changes.recv_timeout(GATHER) {
        paths.extend(more);
    }
    let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    Some(paths.iter().filter_map(name).collect())
}

/// Whether it may change what comes of a test.
fn matters(change: &Event) -> bool {
    let is_ours = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json"))
            || path.file_name().is_some_and(|name| name == ".env")
    };
    !matches!(change.kind, EventKind::Access(_)) && change.paths.iter().any(is_ours)
}

/// The folders of files of a project.
pub(super) fn folders<'a>(root: &Path, files: impl Iterator<Item = &'a str>) -> BTreeSet<PathBuf> {
    let files = files.map(|file| root.join(file));
    let folders = files.filter(|file| file.is_file()).filter_map(|file| Some(file.parent()?.to_owned()));
    folders.chain([root.to_owned()]).collect()
}

fn failed(error: &notify::Error) -> Failure {
    Failure::new(Exit::Failure, format!("files cannot be watched: {error}"))
}

//! `pathway check --fix`: mends what can be mended for certain, and looks again.
//!
//! Nothing is written before all is done. An edit counts only if there are fewer problems with it, and no
//! errors that were not there before; only where it lets a file be read at all may others come to light.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use pathway_engine::diagnostic::{Diagnostic, Edit, Severity, apply};
use pathway_engine::source::FileId;

use super::Check;
use super::Looked;
use crate::cli::{Exit, Failure, Session, patch};
use crate::config::{Config, read_text};

/// How often it is looked again.
const ROUNDS: usize = 50;

/// Files that are other than before.
#[derive(Debug, Default)]
pub(super) struct Mended {
    texts: BTreeMap<PathBuf, String>,
    /// Problems that are gone.
    pub(super) count: usize,
}

/// A problem that can be mended, and how.
struct Way<'a> {
    problem: &'a Diagnostic,
    path: PathBuf,
    edit: Edit,
}

impl Mended {
    /// Mends what was found, and tells what is left.
    pub(super) fn of(
        check: &Check,
        session: &Session,
        mut looked: Looked,
    ) -> Result<(Self, Looked), Failure> {
        let mut mended = Self::default();
        // What did not help, by code, message and file.
        let mut refused = BTreeSet::new();
        for _ in 0..ROUNDS {
            let ways: Vec<_> = ways(&looked).into_iter().filter(|way| !refused.contains(&key(way))).collect();
            if ways.is_empty() {
                break;
            }
            let all = mended.with(&looked.config, &ways);
            let after = check.look(session, Arc::new(all.clone()))?;
            if is_better(&looked, &after, &ways) {
                (mended.texts, mended.count, looked) = (all, mended.count + ways.len(), after);
                continue;
            }
            // One of them is to blame: the first alone, or not at all.
            let Some(first) = ways.first() else { break };
            let one = mended.with(&looked.config, std::slice::from_ref(first));
            let after = check.look(session, Arc::new(one.clone()))?;
            if is_better(&looked, &after, std::slice::from_ref(first)) {
                (mended.texts, mended.count, looked) = (one, mended.count + 1, after);
            } else {
                refused.insert(key(first));
            }
        }
        Ok((mended, looked))
    }

    fn with(&self, config: &Config, ways: &[Way<'_>]) -> BTreeMap<PathBuf, String> {
        let mut texts = self.texts.clone();
        let mut by_file: BTreeMap<(&PathBuf, FileId), Vec<Edit>> = BTreeMap::new();
        for way in ways {
            by_file.entry((&way.path, way.edit.span.file)).or_default().push(way.edit.clone());
        }
        for ((path, file), edits) in by_file {
            texts.insert(path.clone(), apply(config.sources.text(file), &edits));
        }
        texts
    }

    /// Writes the files.
    pub(super) fn write(&self) -> Result<(), Failure> {
        for (path, text) in &self.texts {
            fs::write(path, text).map_err(|error| {
                Failure::new(Exit::Failure, format!("`{}` was not written: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    /// How many files are others.
    pub(super) fn files(&self) -> usize {
        self.texts.len()
    }

    /// What would be written.
    pub(super) fn diff(&self, config: &Config) -> String {
        let folder = config.root.folder();
        let diffs = self.texts.iter().map(|(path, text)| {
            let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
            patch::of(&name, &read_text(path).unwrap_or_default(), text)
        });
        diffs.collect()
    }
}

fn key(way: &Way<'_>) -> (&'static str, String, PathBuf) {
    (way.problem.code.0, way.problem.message.clone(), way.path.clone())
}

/// What can be mended at once: edits of files of the project that do not overlap.
fn ways(looked: &Looked) -> Vec<Way<'_>> {
    let config = &looked.config;
    let mut ways: Vec<Way<'_>> = Vec::new();
    for problem in &looked.found {
        let Some(edit) = problem.edit(&config.sources) else { continue };
        let name = config.sources.path(edit.span.file);
        // What stands in a variable or a flag is no file to write to.
        let path = config.root.folder().join(name).canonicalize();
        let Some(path) =
            path.ok().filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        else {
            continue;
        };
        let meets = |other: &Way<'_>| {
            other.path == path
                && other.edit.span.start < edit.span.end
                && edit.span.start < other.edit.span.end
        };
        if !ways.iter().any(meets) {
            ways.push(Way { problem, path, edit });
        }
    }
    ways
}

fn is_better(before: &Looked, after: &Looked, ways: &[Way<'_>]) -> bool {
    let name = |problem: &Diagnostic| (problem.code.0, problem.message.clone());
    let left: Vec<_> = after.found.iter().map(name).collect();
    let was: BTreeSet<_> = before.found.iter().map(name).collect();
    // A file that could not be read hides what else is wrong with it.
    let unreadable = |found: &[Diagnostic]| found.iter().filter(|it| it.code.0.starts_with("PW01")).count();
    let lets_read = unreadable(&after.found) < unreadable(&before.found);
    let gone = ways.iter().all(|way| {
        let count = |names: &mut dyn Iterator<Item = (&'static str, String)>| {
            names.filter(|other| *other == name(way.problem)).count()
        };
        count(&mut left.iter().cloned()) < count(&mut before.found.iter().map(name))
    });
    let adds = errors(&after.found).map(name).any(|error| !was.contains(&error));
    // Warnings are only told of what has no errors.
    let count = |looked: &Looked| (errors(&looked.found).count(), looked.found.len());
    gone && (lets_read || (!adds && count(after) < count(before)))
}

fn errors(found: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    found.iter().filter(|problem| problem.severity == Severity::Error)
}

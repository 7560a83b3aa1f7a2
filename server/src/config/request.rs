//! What to load, and where the project file is.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Drafts, FILE, Root};

/// What to load.
#[derive(Clone, Default)]
pub struct Request {
    /// The project file or its folder; none: it is looked for.
    pub project: Option<PathBuf>,
    /// The folder from which on upwards it is looked for; none: `directory`.
    pub near: Option<PathBuf>,
    /// The working directory.
    pub directory: PathBuf,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// `key.path=value`, the topmost layer.
    pub flags: Vec<String>,
    /// What counts for files that are not written yet.
    pub drafts: Drafts,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { project, directory, .. } = self;
        f.debug_struct("Request")
            .field("project", project)
            .field("directory", directory)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request with the environment and the directory of this process.
    ///
    /// # Errors
    /// If there is no working directory.
    pub fn of_process() -> io::Result<Self> {
        let unicode =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Ok(Self {
            directory: std::env::current_dir()?,
            environment: std::env::vars_os().filter_map(unicode).collect(),
            ..Self::default()
        })
    }

    /// The project file, if there is one, and the folder of all that belongs to it.
    pub(super) fn locate(&self) -> io::Result<(Option<PathBuf>, Root)> {
        let file = match &self.project {
            Some(path) => Some(named(&self.directory.join(path))?),
            None => find(self.near.as_ref().unwrap_or(&self.directory)),
        };
        let folder = match (file.as_deref().and_then(Path::parent), &self.near) {
            (Some(folder), _) => folder,
            (None, Some(near)) if !near.starts_with(&self.directory) => near,
            (None, _) => &self.directory,
        };
        let root = Root::new(folder)?.with_drafts(self.drafts.clone());
        Ok((file, root))
    }
}

/// The project file that `path`, a file or a folder, names.
fn named(path: &Path) -> io::Result<PathBuf> {
    let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
    std::fs::metadata(&file)?;
    Ok(file)
}

/// The project file of `directory` or of the nearest folder above it.
fn find(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

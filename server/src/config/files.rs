//! The folder of a project: nothing outside it is read in its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::pattern::Pattern;

/// The largest file that is read, as that of a YAML document.
const LARGEST: u64 = 8 << 20;
/// Folders inside folders.
const DEPTH: usize = 32;
/// Files and folders that a search looks at.
const VISITS: usize = 200_000;

/// A folder whose files may be read, and no other.
#[derive(Debug, Clone)]
pub struct Root {
    folder: PathBuf,
    /// What counts for some files instead of what they hold.
    drafts: Drafts,
}

/// Texts that count instead of those of files, by their real path: an editor has them open, or they are
/// not written yet.
pub type Drafts = Arc<BTreeMap<PathBuf, String>>;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It lies outside the folder.
    #[error("it is outside the project's folder")]
    Outside,
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It is a folder, a pipe or the like.
    #[error("it is not a file")]
    NotAFile,
    /// It is larger than any file should be.
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    /// Its bytes are not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8 {
        /// Its text, with `�` for what cannot be read.
        text: String,
        /// Where the first bad byte stands in that text.
        at: usize,
    },
    /// The system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Root {
    /// The folder at `path`.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { folder: path.canonicalize()?, drafts: Drafts::default() })
    }

    /// The same folder, with drafts of some of its files.
    #[must_use]
    pub fn with_drafts(self, drafts: Drafts) -> Self {
        Self { drafts, ..self }
    }

    /// The folder, absolute and without symbolic links.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path, relative to the folder, of what the file `from` calls `reference`.
    ///
    /// # Errors
    /// [`FileError::Outside`], if it leads out of the folder or is absolute.
    pub fn resolve(&self, from: &str, reference: &str) -> Result<String, FileError> {
        resolve(from, reference)
    }

    /// The text of the file at `path`, relative to the folder.
    ///
    /// # Errors
    /// If it lies outside (by a symbolic link too), is no file, too large or not UTF-8.
    pub fn read(&self, path: &str) -> Result<String, FileError> {
        let inside = self.resolve("", path)?;
        let real = self.folder.join(inside).canonicalize().map_err(missing)?;
        if !real.starts_with(&self.folder) {
            return Err(FileError::Outside);
        }
        self.text_at(&real)
    }

    /// The draft of the file at `path`, or what it holds.
    pub(super) fn text_at(&self, path: &Path) -> Result<String, FileError> {
        let draft = path.canonicalize().ok().and_then(|real| self.drafts.get(&real));
        draft.map_or_else(|| read_text(path), |draft| Ok(draft.clone()))
    }

    /// The files that one of `patterns` means, sorted.
    ///
    /// # Errors
    /// If a folder cannot be read, or there is too much to look at.
    pub(super) fn find(&self, pattern: &Pattern) -> io::Result<BTreeSet<String>> {
        let fixed: Vec<&str> = pattern.fixed().collect();
        let mut search =
            Search { root: self, pattern, found: BTreeSet::new(), seen: BTreeSet::new(), left: VISITS };
        search.folder(&fixed.join("/"), 0)?;
        Ok(search.found)
    }
}

/// The path, relative to the project's folder, of what the file `from` calls `reference`.
///
/// # Errors
/// [`FileError::Outside`], if it leads out of the folder or is absolute.
pub fn resolve(from: &str, reference: &str) -> Result<String, FileError> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in Path::new(reference).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop().ok_or(FileError::Outside)?;
            }
            Component::Normal(name) => path.push(name.to_str().ok_or(FileError::Outside)?),
            Component::RootDir | Component::Prefix(_) => return Err(FileError::Outside),
        }
    }
    Ok(path.join("/"))
}

/// Reads a text file of reasonable size, wherever it is.
///
/// # Errors
/// As [`Root::read`].
pub fn read_text(path: &Path) -> Result<String, FileError> {
    // Opening a pipe would wait for its writer, so look first.
    if !fs::metadata(path).map_err(missing)?.is_file() {
        return Err(FileError::NotAFile);
    }
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(missing)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        FileError::NotUtf8 { text: String::from_utf8_lossy(error.as_bytes()).into_owned(), at }
    })
}

fn missing(error: io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::Missing,
        _ => FileError::Io(error),
    }
}

struct Search<'a> {
    root: &'a Root,
    pattern: &'a Pattern,
    found: BTreeSet<String>,
    /// Folders by their real path: a link may lead into a folder that was seen.
    seen: BTreeSet<PathBuf>,
    left: usize,
}

impl Search<'_> {
    fn folder(&mut self, path: &str, depth: usize) -> io::Result<()> {
        let Ok(real) = self.root.folder.join(path).canonicalize() else { return Ok(()) };
        if depth > DEPTH || !real.starts_with(&self.root.folder) || !self.seen.insert(real.clone()) {
            return Ok(());
        }
        let entries = match fs::read_dir(&real) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("too many files"))?;
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                let Ok(real) = entry.path().canonicalize() else { continue };
                if !real.starts_with(&self.root.folder) {
                    continue;
                }
                kind = fs::metadata(&real)?.file_type();
            }
            if kind.is_dir() {
                self.folder(&path, depth + 1)?;
            } else if self.pattern.matches(&path) {
                self.found.insert(path);
            }
        }
        Ok(())
    }
}

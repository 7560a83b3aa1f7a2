//! The data folder: made private, and held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;

const LOCK: &str = "lock";
const DATABASE: &str = "pathway.db";

/// A data folder that this process holds until the value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The operating system's lock ends with the file, also when the process is killed.
    lock: File,
}

impl Folder {
    /// Makes the folder if there is none and takes its lock.
    pub(super) fn hold(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        let lock_path = path.join(LOCK);
        let mut lock = open_private(&lock_path).map_err(|source| unusable(&lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { folder: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(&lock_path, source)),
        }
        write_pid(&mut lock).map_err(|source| unusable(&lock_path, source))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// The database file, which is there and private.
    pub(super) fn database(&self) -> Result<PathBuf, StoreError> {
        let path = self.path.join(DATABASE);
        open_private(&path).map_err(|source| unusable(&path, source))?;
        Ok(path)
    }
}

impl Drop for Folder {
    /// Closing alone does not free it while a process that was just started has the file open as well.
    fn drop(&mut self) {
        drop(self.lock.unlock());
    }
}

/// Makes a folder that only its owner may enter, where there is none.
pub(crate) fn make_private(path: &Path) -> Result<(), StoreError> {
    create_private_dir(path).map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Folder { path: path.to_owned(), source: Arc::new(source) }
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    writeln!(lock, "{}", std::process::id())
}

fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_let_go_is_free_although_its_lock_was_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let held = Folder::hold(folder.path()).unwrap();
        let inherited = held.lock.try_clone().unwrap();
        assert!(matches!(Folder::hold(folder.path()), Err(StoreError::InUse { .. })));
        drop(held);
        Folder::hold(folder.path()).unwrap();
        drop(inherited);
    }
}

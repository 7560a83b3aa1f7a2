//! The finance project, as a part of this program: the demo needs no checkout.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../", $path)))),*]
    };
}

/// Its files, each with its path from the project's folder.
pub const FILES: &[(&str, &str)] = files![
    "pathway.yaml",
    "pathways/analytics.pathway.yaml",
    "pathways/budget.pathway.yaml",
    "pathways/chat.pathway.yaml",
    "pathways/create_transaction.pathway.yaml",
    "pathways/notification.pathway.yaml",
    "pathways/ocr.pathway.yaml",
    "pathways/transaction.pathway.yaml",
    "pathways/transactions.feed.yaml",
    "schemas/analytics.json",
    "schemas/budget.json",
    "schemas/chat.json",
    "schemas/listed.json",
    "schemas/new_transaction.json",
    "schemas/notification.json",
    "schemas/ocr.json",
    "schemas/suggestion.json",
    "schemas/transaction.json",
];

/// A folder that only its owner can enter.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// A new folder for as long as this value lives.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn temporary() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("pathway-{}", uuid::Uuid::new_v4().simple()));
        private().create(&path)?;
        Ok(Self { path: path.canonicalize()?, is_temporary: true })
    }

    /// The folder `path`, which is new or empty and stays.
    ///
    /// # Errors
    /// If it cannot be made or holds something.
    pub fn at(path: &Path) -> io::Result<Self> {
        private().recursive(true).create(path)?;
        if fs::read_dir(path)?.next().is_some() {
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "it is not empty"));
        }
        Ok(Self { path: path.canonicalize()?, is_temporary: false })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is removed in the end.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    /// Puts the project in.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn fill(&self) -> io::Result<()> {
        FILES.iter().try_for_each(|(path, text)| self.write(path, text))
    }

    /// Puts a file in, which only its owner can read.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(path);
        if let Some(parent) = path.parent() {
            private().recursive(true).create(parent)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed is left to the system.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn all_files_of_the_project_are_in_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut expected = vec!["pathway.yaml".to_owned()];
        for folder in ["pathways", "schemas"] {
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                // What only tests and editors read is left out.
                if !name.ends_with(".test.yaml") && !name.ends_with(".schema.json") {
                    expected.push(format!("{folder}/{name}"));
                }
            }
        }
        expected.sort();
        let mut listed: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        listed.sort();
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_folder_is_private_and_goes_when_it_is_temporary() {
        let folder = Folder::temporary().unwrap();
        folder.fill().unwrap();
        let path = folder.path().to_owned();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("schemas")), 0o700);
        assert_eq!(mode(&path.join("pathway.yaml")), 0o600);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = Folder::temporary().unwrap();
        folder.fill().unwrap();
        let error = Folder::at(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        let below = folder.path().join("a/b");
        drop(Folder::at(&below).unwrap());
        assert!(below.exists());
    }
}

//! A project of its own for one benchmark, in a folder that goes with it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// A project with one pathway.
#[derive(Debug)]
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// A project with these settings and this pathway.
    pub(crate) fn new(settings: &str, pathway: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let project = Self { folder };
        fs::write(project.file(), format!("pathways: [pathways/**/*.yaml]\n{settings}")).map_err(text)?;
        fs::create_dir(project.folder.path().join("pathways")).map_err(text)?;
        project.add("one.pathway.yaml", pathway)?;
        Ok(project)
    }

    /// Adds a pathway or a feed.
    pub(crate) fn add(&self, name: &str, content: &str) -> Result<(), String> {
        fs::write(self.folder.path().join("pathways").join(name), content).map_err(text)
    }

    /// Its project file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("pathway.yaml")
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

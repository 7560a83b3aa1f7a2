//! Pages of the documentation and the blocks of code in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A page; those of `docs/errors` have a test of their own.
pub(crate) struct Page {
    /// Relative to the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A block of code.
pub(crate) struct Block {
    /// What follows the opening fence: a language, and what the block is.
    pub(crate) info: String,
    /// The line of the opening fence, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All pages: of the repository, of its documentation, and of its examples.
pub(crate) fn pages() -> Vec<Page> {
    let root = root();
    let examples = root.join("examples");
    let projects = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = [root.clone(), root.join("docs"), examples]
        .into_iter()
        .chain(projects.filter(|path| path.is_dir()))
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 6, "the walk found only {paths:?}");
    let page = |path: &PathBuf| Page {
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(page).collect()
}

impl Page {
    /// Its blocks of code, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (line, n) in self.text.lines().zip(1..) {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(Block { info: info.trim().to_owned(), line: n, text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text += line;
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path);
        blocks
    }

    /// Where a block stands, for messages.
    pub(crate) fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.path, block.line)
    }
}

impl Block {
    /// The `n`th word of its info string.
    pub(crate) fn word(&self, n: usize) -> &str {
        self.info.split(' ').nth(n).unwrap_or("")
    }
}

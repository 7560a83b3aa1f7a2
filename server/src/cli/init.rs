//! `pathway init`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use pathway_engine::reference::{Document, json_schema};

use super::{Exit, Failure, Outcome, Session};

/// Makes a project that runs
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// Where; made if it is not there
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Paths and texts of the files.
const FILES: [(&str, &str); 7] = [
    ("pathway.yaml", include_str!("init/pathway.yaml")),
    ("pathways/hello.pathway.yaml", include_str!("init/hello.pathway.yaml")),
    ("pathways/hello.test.yaml", include_str!("init/hello.test.yaml")),
    ("schemas/greeting.json", include_str!("init/greeting.json")),
    (".env.example", include_str!("init/env.example")),
    (".gitignore", include_str!("init/gitignore")),
    (".vscode/settings.json", include_str!("init/vscode.json")),
];

impl Init {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let files: Vec<(String, String)> = FILES
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .chain(Document::ALL.map(schema))
            .collect();
        let there: Vec<&str> = files
            .iter()
            .map(|(path, _)| path.as_str())
            .filter(|path| self.folder.join(path).exists())
            .collect();
        if !there.is_empty() {
            let what = format!("`{}` has {} already", self.folder.display(), there.join(", "));
            return Err(Failure::new(Exit::Failure, what).help("name an empty folder: `pathway init NAME`"));
        }
        for (path, text) in &files {
            let path = self.folder.join(path);
            create(&path, text).map_err(|error| {
                Failure::new(Exit::Failure, format!("`{}` was not made: {error}", path.display()))
            })?;
            session.terminal.note(&format!("made {}", path.display()))?;
        }
        let enter = match self.folder.to_str() {
            Some(".") => String::new(),
            _ => format!("  cd {}\n", quoted(&self.folder)),
        };
        session.terminal.note(&format!(
            "\nNext:\n{enter}  pathway check\n  pathway test\n  pathway run hello --set name=Ada\n  pathway serve"
        ))?;
        Ok(Exit::Success)
    }
}

/// The schema that editors know such files by, where their first lines say that it is.
fn schema(document: Document) -> (String, String) {
    (format!("schemas/{}.schema.json", document.name()), format!("{:#}\n", json_schema(document)))
}

/// Writes a new file; never over another.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

//! All projects there are: fixtures, the finance app, what `init` makes, the documentation.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use pathway_engine::diagnostic::{Diagnostics, Severity};
use pathway_engine::reference::{Document, json_schema};
use pathway_engine::source::{self, Sources};
use serde_json::Value as Json;

use crate::markdown::{pages, root};
use crate::support::{Compiled, fixture};

/// Files by name, as [`crate::support::compile_files`] takes them.
pub(crate) type Project = Vec<(String, String)>;

/// Projects of the tests and of the repository, with what they are called.
pub(crate) fn projects() -> Vec<(String, Project)> {
    let mut projects = vec![("the finance app".to_owned(), finance()), ("init".to_owned(), initial())];
    for folder in ["compile/ok", "compile/err", "testing", "reference"] {
        for path in yaml_in(&root().join("engine/tests").join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            projects.push((path.display().to_string(), fixture::files(&text)));
        }
    }
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            let paths = yaml_in(&folder).into_iter().chain(yaml_in(&folder.join("pathways")));
            projects.push((folder.display().to_string(), paths.map(|path| named(&path)).collect()));
        }
    }
    assert!(projects.len() > 50, "the walk found only {} projects", projects.len());
    projects
}

/// What is told to be right in the documentation: each block in the project above it.
pub(crate) fn snippets() -> Vec<(String, Project)> {
    let mut snippets = Vec::new();
    for page in pages() {
        let mut project = String::new();
        for block in page.blocks().iter().filter(|block| block.word(0) == "yaml") {
            let place = page.place(block);
            let text = block.text.clone();
            match block.word(1) {
                "project" => {
                    project.clone_from(&text);
                    snippets.push((place, vec![("pathway.yaml".to_owned(), text)]));
                }
                "pathway" | "fragment" | "run" => {
                    let named =
                        text.lines().any(|line| line.starts_with("pathway:") || line.starts_with("feed:"));
                    let does = text
                        .lines()
                        .any(|line| ["steps:", "return:", "feed:"].iter().any(|key| line.starts_with(key)));
                    let before = if named { "" } else { "pathway: example\n" };
                    let after = if does { "" } else { "return: null\n" };
                    let main = ("main.yaml".to_owned(), format!("{before}{after}{text}"));
                    snippets.push((place, vec![("pathway.yaml".to_owned(), project.clone()), main]));
                }
                "part" if block.info.contains(".test.yaml") => {
                    snippets.push((place, vec![("main.test.yaml".to_owned(), text)]));
                }
                _ => {}
            }
        }
    }
    assert!(snippets.len() > 50, "the walk found only {} snippets", snippets.len());
    snippets
}

/// What the file of that name and text is; none: no document.
pub(crate) fn document(name: &str, text: &str) -> Option<Document> {
    let is_yaml = Path::new(name).extension().is_some_and(|it| it == "yaml");
    match name {
        "pathway.yaml" => Some(Document::Project),
        name if name.ends_with(".test.yaml") => Some(Document::Test),
        _ if !is_yaml => None,
        _ if text.lines().any(|line| line.starts_with("feed:")) => Some(Document::Feed),
        _ => Some(Document::Pathway),
    }
}

/// A text as data; none, if it cannot be read.
pub(crate) fn data(text: &str) -> Option<Json> {
    let mut sources = Sources::new();
    let file = sources.add("text", text);
    let mut diagnostics = Diagnostics::new();
    let node = source::parse(&sources, file, source::Limits::default(), &mut diagnostics)?;
    (!diagnostics.has_errors()).then(|| node.to_json())
}

/// Whether nothing is wrong in that file.
pub(crate) fn is_sound(compiled: &Compiled, name: &str) -> bool {
    let errors = compiled.diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let mut places = errors.flat_map(|it| &it.labels).map(|label| compiled.sources.path(label.span.file));
    places.all(|path| path != name)
}

/// The schema of a kind of file, ready to be asked.
pub(crate) fn validator(document: Document) -> Validator {
    jsonschema::draft7::new(&json_schema(document)).unwrap()
}

fn finance() -> Project {
    let mut files = Vec::new();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    files.push(("pathway.yaml".to_owned(), read(&root().join("pathway.yaml"))));
    let names = ["GEMINI_URL", "OCR_URL", "SUPABASE_URL", "INTEGRATIONS_API_KEY", "SUPABASE_ANON_KEY"];
    let env: String = names.map(|name| format!("{name}=http://127.0.0.1:9\n")).concat();
    files.push((".env".to_owned(), env));
    for path in yaml_in(&root().join("pathways")) {
        files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), read(&path)));
    }
    for entry in fs::read_dir(root().join("schemas")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "json") {
            files.push((format!("schemas/{}", path.file_name().unwrap().to_str().unwrap()), read(&path)));
        }
    }
    files
}

/// The name and the text of a file.
fn named(path: &Path) -> (String, String) {
    (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
}

fn initial() -> Project {
    let folder = root().join("server/src/cli/init");
    let mut files: Project = yaml_in(&folder).iter().map(|path| named(path)).collect();
    let schema = fs::read_to_string(folder.join("greeting.json")).unwrap();
    files.push(("schemas/greeting.json".to_owned(), schema));
    files
}

fn yaml_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "yaml"));
    paths.sort();
    paths
}

//! What `check` accepts, the schemas accept.

use pathway_engine::reference::Document;

use crate::corpus::{data, document, is_sound, projects, snippets, validator};
use crate::support::compile_files;

#[test]
fn what_can_be_read_meets_its_schema() {
    let validators = Document::ALL.map(|document| (document, validator(document)));
    let mut wrong = Vec::new();
    let mut count = 0;
    for (project, files) in projects().into_iter().chain(snippets()) {
        let compiled = compile_files(&files);
        for (name, text) in files.iter().filter(|(name, _)| is_sound(&compiled, name)) {
            let Some(kind) = document(name, text) else { continue };
            let Some(data) = data(text) else { continue };
            // An empty project file has nothing in it.
            if data.is_null() {
                continue;
            }
            count += 1;
            let (_, validator) = validators.iter().find(|(known, _)| *known == kind).unwrap();
            for error in validator.iter_errors(&data) {
                wrong.push(format!("{project}, {name}, {}: {error}", error.instance_path()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count > 150, "only {count} files were sound");
}

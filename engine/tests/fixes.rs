//! What mends a problem does so, and brings no other about.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::fs;
use std::path::Path;

use pathway_engine::diagnostic::{Diagnostic, Severity, apply, pages};

use support::{Compiled, compile_files, fixture};

type Files = Vec<(String, String)>;

/// All texts that have problems: the fixtures of the compiler, and what the pages show.
fn texts() -> Vec<(String, Files)> {
    let mut texts = Vec::new();
    for folder in ["err", "lint"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile").join(folder);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            texts.push((path.display().to_string(), fixture::files(&fs::read_to_string(path).unwrap())));
        }
    }
    for (code, page) in pages() {
        for block in page.split("```yaml wrong\n").skip(1) {
            let text = block.split("```").next().unwrap();
            texts.push(((*code).to_owned(), fixture::files(text)));
        }
    }
    texts
}

fn names(compiled: &Compiled) -> Vec<(&'static str, String)> {
    let name = |problem: &Diagnostic| (problem.code.0, problem.message.clone());
    compiled.diagnostics.iter().map(name).collect()
}

/// The files after what mends one problem, and the code of that.
fn mended(files: &Files, compiled: &Compiled) -> Vec<(Diagnostic, Files)> {
    let all = compiled.diagnostics.iter().filter_map(|problem| {
        let edit = problem.edit(&compiled.sources)?;
        let name = compiled.sources.path(edit.span.file);
        let mut after = files.clone();
        let (_, text) = after.iter_mut().find(|(file, _)| file == name)?;
        *text = apply(text, &[edit]);
        Some((problem.clone(), after))
    });
    all.collect()
}

#[test]
fn each_mends_its_problem_and_brings_no_error_about() {
    let mut count = 0;
    for (name, files) in texts() {
        let before = compile_files(&files);
        let was = names(&before);
        for (problem, after) in mended(&files, &before) {
            let after = compile_files(&after);
            let left = names(&after);
            let same = |name: &(&str, String)| name.0 == problem.code.0 && name.1 == problem.message;
            let times = |names: &[(&'static str, String)]| names.iter().filter(|name| same(name)).count();
            assert!(times(&left) < times(&was), "{name}: {} is left\n{}", problem.message, after.report());
            // What could not be read hid what else is wrong; of a name, whether it may be missing.
            let place = |problem: &Diagnostic| problem.labels.first().map(|label| label.span.start);
            let is_new = |it: &&Diagnostic| {
                it.severity == Severity::Error
                    && place(it) != place(&problem)
                    && !was.contains(&(it.code.0, it.message.clone()))
            };
            let new: Vec<_> = after.diagnostics.iter().filter(is_new).collect();
            assert!(
                new.is_empty() || problem.code.0.starts_with("PW01"),
                "{name}: {}\n{new:?}",
                problem.message
            );
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} problems are mended");
}

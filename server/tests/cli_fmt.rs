//! `pathway fmt`, with the real binary.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

fn fmt(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    let output = command.arg("fmt").args(arguments).current_dir(folder).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const MESSY: &str = "pathway: a\nsteps:\n    # why\n    one: { emit: 1 }   \n\n\n\nreturn: 'x'\n\n";
const TIDY: &str = "pathway: a\nsteps:\n  # why\n  one: { emit: 1 }\n\nreturn: \"x\"\n";
const BROKEN: &str = "pathway: b\nreturn: {{ x }}\n";

fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    let files = [
        ("pathway.yaml", "vars:\n    a: 1\n"),
        ("pathways/a.yaml", MESSY),
        ("pathways/a.test.yaml", "test: a\ncases:\n      one: {}\n"),
        ("pathways/b.yaml", BROKEN),
    ];
    for (path, text) in files {
        fs::write(folder.path().join(path), text).unwrap();
    }
    folder
}

#[test]
fn all_of_the_project_but_what_is_broken() {
    let folder = project();
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    let (code, output, error) = fmt(folder.path(), &[]);
    assert_eq!(
        (code, output.as_str()),
        (1, "pathway.yaml\npathways/a.yaml\npathways/a.test.yaml\n"),
        "{error}"
    );
    assert!(error.contains("error[PW0102]"), "{error}");
    assert!(error.ends_with("3 of 4 files formatted, 1 file left as it is: it cannot be read\n"), "{error}");
    assert_eq!(read("pathway.yaml"), "vars:\n  a: 1\n");
    assert_eq!(read("pathways/a.yaml"), TIDY);
    assert_eq!(read("pathways/a.test.yaml"), "test: a\ncases:\n  one: {}\n");
    assert_eq!(read("pathways/b.yaml"), BROKEN);
    assert_eq!(fmt(folder.path(), &["pathways/a.yaml", "--check"]).0, 0);
}

#[test]
fn it_can_be_asked_first() {
    let folder = project();
    let path = "pathways/a.yaml";
    let (code, output, error) = fmt(folder.path(), &[path, "--check"]);
    assert_eq!((code, output.as_str()), (1, "pathways/a.yaml\n"));
    assert_eq!(error, "1 of 1 file would be formatted\n");
    let (code, output, _) = fmt(folder.path(), &[path, "--diff"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(output);
    assert_eq!(fs::read_to_string(folder.path().join(path)).unwrap(), MESSY);
}

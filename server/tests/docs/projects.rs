//! Examples are whole: each project checks without a problem, its tests pass and reach all of it, and it
//! has a page.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::markdown::root;

#[test]
fn examples_are_tested_in_full() {
    let folders = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let projects: Vec<_> = folders.filter(|path| path.is_dir()).collect();
    assert!(projects.len() >= 5, "the walk found only {projects:?}");
    for project in projects {
        assert!(project.join("README.md").exists(), "{} has no page", project.display());
        let checked = pathway(&project, &["check", "--format", "json"]);
        assert!(checked.trim().is_empty(), "{}: {checked}", project.display());
        let tested = pathway(&project, &["test", "--coverage"]);
        for line in tested.lines().filter(|line| line.contains(" steps")) {
            for part in line.split(", ") {
                let counts: Vec<_> = part.split(' ').filter(|word| word.parse::<u32>().is_ok()).collect();
                assert!(
                    matches!(counts[..], [reached, all] if reached == all),
                    "{}: {line}",
                    project.display()
                );
            }
        }
        assert!(!tested.contains("no case ran"), "{tested}");
    }
}

/// What the program prints to its standard output in a project.
fn pathway(project: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(arguments).current_dir(project).env_clear();
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {arguments:?}: {told}", project.display());
    String::from_utf8(output.stdout).unwrap()
}

//! The tests of the pathways that stand beside them: all pass, and nothing is left out.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

#[test]
fn the_tests_beside_the_pathways_pass_and_reach_all_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    // No variable is set: tests need none.
    command.args(["test", "--json", "--coverage"]).current_dir(root).env_clear().stdin(Stdio::null());
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Json> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, cases) = lines.split_last().unwrap();
    let failed: Vec<&Json> = cases.iter().filter(|case| case["passed"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(output.status.success(), "{last:#?}");
    assert!(cases.len() >= 80, "only {} cases", cases.len());

    let coverage = last["coverage"].as_array().unwrap();
    let names: Vec<_> = coverage.iter().map(|it| it["pathway"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["analytics", "budget", "chat", "create_transaction", "notification", "ocr", "transaction"]
    );
    assert_eq!(last["untested"], Json::Array(Vec::new()));
    let gaps: Vec<&Json> = coverage.iter().flat_map(|it| it["gaps"].as_array().unwrap()).collect();
    assert!(gaps.is_empty(), "{gaps:#?}");
}

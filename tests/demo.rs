//! `pathway demo`, as somebody sees it who has just built the program.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Stdio;

use pathway_server::demo::Folder;
use pathway_tests::{binary, soon};
use tokio::process::Command;

/// What it says, in this order.
const EXPECTED: [&str; 28] = [
    "The backend of a personal finance app",
    "7 pathways",
    "stand-ins",
    "1. A purchase takes groceries past 80 % of their budget",
    "200 after",
    "✓ create_transaction",
    "→ transactions",
    "✓ transaction",
    "alert",
    "→ notifications   → analytics",
    "+ alerts            budget_80 · groceries: ₹8500.00 of ₹10000.00 spent",
    "+ notifications     ⚠️ Budget Warning",
    "+ category_spending",
    "2. The next one takes them past all of it",
    "+ alerts            budget_exceeded · groceries: ₹10500.00 of ₹10000.00 spent",
    "+ notifications     🔴 Budget Exceeded",
    "~ total_spending",
    "3. A receipt is read and booked",
    r#""transactionCount":2"#,
    "→ transactions ×2",
    "~ documents         receipt.jpg · processed: true",
    "4. A budget is suggested and checked",
    r#"200 after"#,
    "✓ budget",
    "5. A question is answered, word by word",
    "Here is a thought",
    r#"at the end {"done":true}"#,
    "+ chat_history      model · Here is a thought",
];

async fn demo(arguments: &[&str], directory: &std::path::Path) -> std::process::Output {
    let mut command = Command::new(binary());
    command.arg("demo").args(arguments).current_dir(directory).env_clear().env("TMPDIR", directory);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    soon("the end of the demo", output).await.unwrap()
}

#[tokio::test]
async fn it_plays_anywhere_and_leaves_nothing_behind() {
    let folder = Folder::temporary().unwrap();
    let output = demo(&["--once"], folder.path()).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{:?}\n{said}", output.status);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "nothing but the story is told");
    let mut rest = said.as_str();
    for expected in EXPECTED {
        let Some((_, after)) = rest.split_once(expected) else {
            panic!("no `{expected}` in its place:\n{said}")
        };
        rest = after;
    }
    assert!(!said.contains('\u{1b}') && !said.contains('✗'), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_project_can_be_kept() {
    let folder = Folder::temporary().unwrap();
    let output = demo(&["--once", "--dir", "mine"], folder.path()).await;
    assert!(output.status.success());
    let kept = folder.path().join("mine");
    assert!(kept.join("pathways/transaction.pathway.yaml").is_file());
    assert!(kept.join("data").is_dir());
    let output = demo(&["--once", "--dir", "mine"], folder.path()).await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("it is not empty"), "{said}");
}

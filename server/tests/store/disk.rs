//! What only a store in a folder has.

use std::path::Path;
use std::process::Command;

use pathway_server::store::*;

use crate::support::*;

const CHILD: &str = "PATHWAY_TEST_SECOND_PROCESS";

#[test]
fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _held = SqliteStore::open(&data).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["disk::second_process", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, &data)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let expected =
        format!("`{}` is in use by another pathway process (pid {})", data.display(), std::process::id());
    assert!(printed.contains(&expected), "{printed}");
}

#[test]
#[ignore = "the other process of `a_second_process_is_refused`"]
fn second_process() {
    let folder = std::env::var_os(CHILD).unwrap();
    println!("{}", SqliteStore::open(Path::new(&folder)).unwrap_err());
}

#[test]
fn a_folder_is_free_when_its_store_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let store = SqliteStore::open(folder.path()).unwrap();
        assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::InUse { .. })));
        drop(store);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let store = prepared(SqliteStore::open(&data).unwrap()).await;
    admitted(&*store, new_run(0)).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(folder.path()).unwrap());
    let database = rusqlite::Connection::open(folder.path().join("pathway.db")).unwrap();
    database.execute("UPDATE meta SET value = 999 WHERE name = 'schema_version'", []).unwrap();
    let error = SqliteStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 999, known: 1..=998, .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(&folder.path().display().to_string()), "{message}");
    assert!(message.contains("use the newer version"), "{message}");
    let version: i64 = database
        .query_row("SELECT value FROM meta WHERE name = 'schema_version'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 999);
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pathway.db"), "no database at all, but some text").unwrap();
    assert!(matches!(SqliteStore::open(folder.path()), Err(StoreError::Open { .. })));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(SqliteStore::open(&file), Err(StoreError::Folder { .. })));
}

#[tokio::test]
async fn commits_reach_the_disk() {
    // A reader that is not ours sees the mode in which the store left the file.
    let folder = tempfile::tempdir().unwrap();
    let store = prepared(SqliteStore::open(folder.path()).unwrap()).await;
    admitted(&*store, new_run(0)).await;
    let database = rusqlite::Connection::open(folder.path().join("pathway.db")).unwrap();
    let mode: String = database.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let runs: i64 = database.query_row("SELECT count(*) FROM run", [], |row| row.get(0)).unwrap();
    assert_eq!(runs, 1);
}

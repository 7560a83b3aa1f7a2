//! Loading a project again: at a signal, by a command, and as files change.

use std::fs;

use crate::{PROJECT, Server, command, folder, open, write};

#[tokio::test]
async fn a_signal_has_it_loaded_again() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["serve"]).await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    server.hang_up();
    assert_eq!(server.says("reloaded").await, "reloaded: changed p");
    assert_eq!(server.answer().await, "2");
    write(folder.path(), &open("'{{ nothing }}'"));
    server.hang_up();
    server.says("pathways/p.yaml:3:").await;
    server.says("the last good version still serves").await;
    assert_eq!(server.answer().await, "2");
}

#[tokio::test]
async fn a_command_has_it_loaded_again() {
    let folder = folder();
    let server = Server::start(folder.path(), &["serve"]).await;
    let reload = async |expected: i32| {
        let ended = command(folder.path(), &["reload"]).output().await.unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8(ended.stdout).unwrap(),
            String::from_utf8(ended.stderr).unwrap()
        );
        assert_eq!(ended.status.code(), Some(expected), "{said}");
        said
    };
    assert_eq!(reload(0).await, "reloaded: no pathway is another\n");
    write(folder.path(), &open("'{{ nothing }}'"));
    let said = reload(65).await;
    assert!(said.contains("the last good definitions go on"), "{said}");
    assert!(said.contains("pathways/p.yaml:3:13: error[PW0503]"), "{said}");
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    fs::write(folder.path().join("pathway.yaml"), PROJECT.replace("error", "warn")).unwrap();
    assert_eq!(reload(0).await, "reloaded: changed p; holds after a restart only: log\n");
    assert_eq!(server.answer().await, "2");
}

#[tokio::test]
async fn with_watch_it_is_loaded_again_as_files_change() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["serve", "--watch"]).await;
    write(folder.path(), &open("'{{ nothing }}'"));
    server.says("the last good version still serves").await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    assert_eq!(server.says("reloaded").await, "reloaded: changed p");
    assert_eq!(server.answer().await, "2");
}

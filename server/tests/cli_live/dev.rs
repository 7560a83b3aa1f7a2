//! `pathway dev`.

use std::fs;

use crate::{Server, folder, open, write};

#[tokio::test]
async fn a_broken_edit_leaves_it_serving_and_a_mended_one_is_live() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["dev"]).await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("'{{ nothing }}'"));
    server.says("there is no name `nothing` here").await;
    server.says("pathways/p.yaml:3:").await;
    server.says("the last good version still serves").await;
    assert_eq!(server.answer().await, "1");
    write(folder.path(), &open("2"));
    assert_eq!(server.says("reloaded").await, "reloaded: changed p");
    assert_eq!(server.answer().await, "2");
    // A pathway in a folder that was not there before.
    fs::create_dir(folder.path().join("pathways/more")).unwrap();
    fs::write(
        folder.path().join("pathways/more/q.yaml"),
        open("3").replace("p\n", "q\n").replace("/p", "/q"),
    )
    .unwrap();
    server.says("added q").await;
    assert_eq!(server.post("/q").await, "3");
    assert!(!folder.path().join("data").exists(), "it has a folder of its own");
}

/// What it does otherwise than a server does is said, and services that are not there are mocked.
#[tokio::test]
async fn it_says_what_is_mocked_and_what_is_lost() {
    let folder = folder();
    let project = "listen: 0.0.0.0:0\nadmin: 0.0.0.0:0\nlog: { level: error }\n\
                   services: { stock: { url: '' }, mail: { url: 'http://127.0.0.1:9' } }\n";
    fs::write(folder.path().join("pathway.yaml"), project).unwrap();
    let pathway = "pathway: p\non: { http: { post: /p } }\n\
                   input: { type: object, properties: { n: { type: integer } }, required: [n] }\n\
                   steps:\n  a: { http: { service: stock, get: /a } }\n  b: { http: { service: mail, post: /b } }\n\
                   return: { a: '{{ steps.a.body }}', b: '{{ steps.b.status }}' }\n";
    write(folder.path(), &pathway.replace("post: /p", "post: /p, auth: none").replace("[n]", "[]"));
    fs::write(
        folder.path().join("pathways/users.yaml"),
        pathway.replace("p\non", "users\non").replace("/p", "/users"),
    )
    .unwrap();
    let test = |left: u32| format!("test: p\nmocks: {{ a: {{ body: {{ left: {left} }} }} }}\ncases: {{}}\n");
    fs::write(folder.path().join("pathways/p.test.yaml"), test(3)).unwrap();
    let mut server = Server::start_saying(folder.path(), &["dev", "--mock", "mail"], "watching").await;
    let said = server.said.join("\n");
    for text in [
        "listening http://127.0.0.1:",
        "LOST AT EXIT",
        "UNVERIFIED",
        "MOCKED    stock: ",
        "MOCKED    mail: ",
        "curl -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:",
        "/users' --json '{\"n\":1}'",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert_eq!(server.answer().await, r#"{"a":{"left":3},"b":200}"#);
    // The mocks are those of the files, too.
    fs::write(folder.path().join("pathways/p.test.yaml"), test(4)).unwrap();
    server.says("reloaded").await;
    assert_eq!(server.answer().await, r#"{"a":{"left":4},"b":200}"#);
}

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

/// They say what those of a case say; what is wrong with them is told, and keeps nothing from being served.
#[tokio::test]
async fn mocks_answer_as_in_a_test_and_are_read_as_there() {
    let folder = folder();
    let project = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nlog: { level: error }\n\
                   services: { stock: { url: '', retry: { attempts: 2, delay: 10ms } } }\n";
    fs::write(folder.path().join("pathway.yaml"), project).unwrap();
    write(
        folder.path(),
        "pathway: p\non: { http: { post: /p, auth: none } }\n\
         steps: { a: { http: { service: stock, get: /a/1 } } }\nreturn: '{{ steps.a.body }}'\n",
    );
    let test = |mocks: &str| {
        let text = format!("test: p\nmocks:\n  {mocks}\ncases: {{}}\n");
        fs::write(folder.path().join("pathways/p.test.yaml"), text).unwrap();
    };
    test("stock GET /a/*: { delay: 10ms, body: { left: 3 } }");
    let mut server = Server::start_saying(folder.path(), &["dev"], "watching").await;
    assert_eq!(server.answer().await, r#"{"left":3}"#);
    // One an attempt, of each run.
    test("a: [{ status: 503 }, { body: { left: 4 } }]");
    server.says("reloaded").await;
    for _ in 0..2 {
        assert_eq!(server.answer().await, r#"{"left":4}"#);
    }
    test("a: { error: { class: conflict, message: none left } }");
    server.says("reloaded").await;
    let answer = server.answer().await;
    assert!(answer.contains(r#""status":409,"detail":"none left""#), "{answer}");
    test("a: { boddy: { left: 5 } }");
    let told = server.says("PW0202").await;
    assert!(told.starts_with("pathways/p.test.yaml:3:8: warning[PW0202]: "), "{told}");
    assert!(told.ends_with("did you mean `body`?"), "{told}");
    server.says("reloaded").await;
    assert_eq!(server.answer().await, "{}");
}

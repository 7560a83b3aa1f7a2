//! Asking the issuer about tokens for which it publishes no key.

use futures_util::future::join_all;
use pathway_engine::project::{Auth, Secret};
use serde_json::json;

use crate::issuer::Issuer;
use crate::signer::Signer;
use crate::{SECRET, World, claims, claims_with, rules, shared};

const REFUSED: &str = r#"{"code":403,"error_code":"bad_jwt","msg":"invalid JWT: signature is invalid"}"#;

async fn world() -> (Issuer, World) {
    let issuer = Issuer::start().await;
    let world = World::of(&asking(&issuer, rules()));
    (issuer, world)
}

fn asking(issuer: &Issuer, auth: Auth) -> Auth {
    let (jwks, introspect) = (Some(issuer.jwks()), Some(issuer.introspect()));
    Auth { jwks, introspect, apikey: Some(Secret::new("the-anon-key")), ..auth }
}

fn login() -> String {
    Signer::hs256(b"a secret that only the issuer knows").token(&claims())
}

#[tokio::test]
async fn the_issuer_is_asked_once_a_minute() {
    let (issuer, world) = world().await;
    let token = login();
    world.accepts(&token).await;
    assert_eq!(issuer.asked(), [["the-anon-key".to_owned(), format!("Bearer {token}")]]);
    world.at(59).accepts(&token).await;
    assert_eq!(issuer.asked().len(), 1);
    issuer.answer_user(403, REFUSED);
    world.at(60).refuses(&token).await;
    assert_eq!(issuer.asked().len(), 2);
    // No key is looked for that could not be published.
    assert_eq!(issuer.fetched(), 0);
}

#[tokio::test]
async fn a_refusal_is_remembered_too() {
    let (issuer, world) = world().await;
    issuer.answer_user(403, REFUSED);
    let token = login();
    assert_eq!(world.refuses(&token).await, "the token is not signed by its issuer");
    issuer.answer_user(200, json!({ "id": "ann" }).to_string());
    world.at(59).refuses(&token).await;
    assert_eq!(issuer.asked().len(), 1);
    world.at(60).accepts(&token).await;
}

#[tokio::test]
async fn requests_at_once_with_one_token_ask_once() {
    let (issuer, world) = world().await;
    let token = login();
    for verified in join_all((0..50).map(|_| world.verify(&token))).await {
        verified.unwrap();
    }
    assert_eq!(issuer.asked().len(), 1);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_makes_no_token_bad() {
    let (issuer, world) = world().await;
    let token = login();
    for (status, body) in [
        (500, ""),
        (429, ""),
        (404, ""),
        (302, ""),
        (200, "<html>"),
        (200, "{}"),
        (401, r#"{"message":"No API key found in request"}"#),
        (401, r#"{"message":"Invalid API key"}"#),
    ] {
        issuer.answer_user(status, body);
        let why = world.cannot_know(&token).await;
        assert!(!why.contains(&token) && !why.contains("the-anon-key"), "{why}");
    }
    issuer.answer_user(200, json!({ "id": "ann" }).to_string());
    world.accepts(&token).await;
}

#[tokio::test]
async fn what_the_issuer_need_not_be_asked_is_not_asked() {
    let (issuer, world) = world().await;
    let signer = Signer::hs256(SECRET.as_bytes());
    for (name, value) in [("exp", json!(0)), ("aud", json!("others")), ("sub", json!(null))] {
        world.refuses(&signer.token(&claims_with(name, value))).await;
    }
    world.refuses(&signer.token_where("alg", json!("none"), &claims())).await;
    assert!(issuer.asked().is_empty());
}

#[tokio::test]
async fn the_issuer_must_mean_the_same_subject() {
    let (issuer, world) = world().await;
    issuer.answer_user(200, json!({ "id": "bob" }).to_string());
    world.refuses(&login()).await;
}

#[tokio::test]
async fn keys_come_before_questions() {
    let issuer = Issuer::start().await;
    let (published, other) = (Signer::es256("1"), Signer::rs256("2"));
    issuer.publish(&[&published]);
    let world = World::of(&asking(&issuer, shared(rules())));
    world.accepts(&Signer::hs256(SECRET.as_bytes()).token(&claims())).await;
    world.refuses(&login()).await;
    world.accepts(&published.token(&claims())).await;
    world.refuses(&Signer::es256("1").token(&claims())).await;
    world.at(20).refuses(&Signer::es256("unknown").token(&claims())).await;
    assert!(issuer.asked().is_empty());
    // No key of this kind is published.
    world.accepts(&other.token(&claims())).await;
    assert_eq!(issuer.asked().len(), 1);
    // That nothing can be said of keys is no reason to ask elsewhere.
    issuer.answer_keys(503, "");
    world.at(700).cannot_know(&published.token(&claims())).await;
    assert_eq!(issuer.asked().len(), 1);
}

//! Published keys: when they are fetched, and what happens when they cannot be.

use futures_util::future::join_all;
use pathway_engine::project::Auth;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::issuer::Issuer;
use crate::signer::Signer;
use crate::{World, claims, rules};

async fn world(signers: &[&Signer]) -> (Issuer, World) {
    let issuer = Issuer::start().await;
    issuer.publish(signers);
    let world = World::of(&Auth { jwks: Some(issuer.jwks()), ..rules() });
    (issuer, world)
}

#[tokio::test]
async fn keys_are_fetched_before_they_are_needed() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    world.identity.prepare();
    issuer.until_fetched(1).await;
    world.accepts(&key.token(&claims())).await;
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_forgotten() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let (issuer, world) = world(&[&old]).await;
    let [old_token, new_token] = [&old, &new].map(|key| key.token(&claims()));
    world.accepts(&old_token).await;
    issuer.publish(&[&new]);
    world.at(9).accepts(&old_token).await;
    world.refuses(&new_token).await;
    assert_eq!(issuer.fetched(), 1);
    world.at(10).accepts(&new_token).await;
    assert_eq!(issuer.fetched(), 2);
    world.refuses(&old_token).await;
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_request() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    let good = key.token(&claims());
    world.accepts(&good).await;
    for (round, at) in [20, 40].into_iter().enumerate() {
        world.at(at);
        let flood = (0..200).map(|n| key.token_where("kid", json!(format!("{round}.{n}")), &claims()));
        let flood: Vec<String> = flood.collect();
        for refused in join_all(flood.iter().map(|token| world.verify(token))).await {
            assert_eq!(refused.unwrap_err().to_string(), "the token is not signed by its issuer");
        }
        world.accepts(&good).await;
        assert_eq!(issuer.fetched(), 2 + round);
    }
}

#[tokio::test]
async fn first_callers_wait_for_one_request() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    let token = key.token(&claims());
    for verified in join_all((0..50).map(|_| world.verify(&token))).await {
        verified.unwrap();
    }
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_call_it_off() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    let token = key.token(&claims());
    issuer.gate.forget_permits(Semaphore::MAX_PERMITS);
    tokio::select! {
        biased;
        _ = world.verify(&token) => unreachable!("the issuer has not answered"),
        () = issuer.until_fetched(1) => {}
    }
    issuer.gate.add_permits(1);
    world.accepts(&token).await;
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn keys_hold_for_ten_minutes() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    let token = key.token(&claims());
    // Who shows a token of another key waits for what is under way.
    let unknown = key.token_where("kid", json!("2"), &claims());
    world.accepts(&token).await;
    world.at(299).accepts(&token).await;
    assert_eq!(issuer.fetched(), 1);
    // From half of it on they are fetched anew, while the old ones hold.
    issuer.answer_keys(500, "");
    world.at(300).accepts(&token).await;
    world.cannot_know(&unknown).await;
    assert_eq!(issuer.fetched(), 2);
    world.at(599).accepts(&token).await;
    world.cannot_know(&unknown).await;
    assert_eq!(issuer.fetched(), 3);
    assert!(world.at(603).cannot_know(&token).await.contains("500"));
    issuer.publish(&[&key]);
    assert!(world.at(604).cannot_know(&token).await.contains("500"));
    world.at(605).accepts(&token).await;
    assert_eq!(issuer.fetched(), 5);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_keys_old() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    world.accepts(&key.token(&claims())).await;
    world.at(-3600).accepts(&key.token(&claims())).await;
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_make_no_token_bad() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[&key]).await;
    let token = key.token(&claims());
    let bodies = [
        (200, "<html>".to_owned(), "not a set of keys"),
        (200, "{}".to_owned(), "not a set of keys"),
        (200, "x".repeat(300 << 10), "more than"),
        (302, String::new(), "302"),
        (404, String::new(), "404"),
        (503, String::new(), "503"),
    ];
    for (n, (status, body, why)) in (1..).zip(bodies) {
        issuer.answer_keys(status, body);
        let said = world.at(n * 10).cannot_know(&token).await;
        assert!(said.contains(why), "{said}");
    }
    // Expired tokens are bad whatever the issuer knows.
    world.at(4000).refuses(&token).await;

    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/keys", closed.local_addr().unwrap());
    drop(closed);
    World::of(&Auth { jwks: Some(url), ..rules() }).cannot_know(&token).await;
}

#[tokio::test]
async fn an_unknown_key_is_not_refused_while_keys_cannot_be_fetched() {
    let (known, unknown) = (Signer::es256("1"), Signer::es256("2"));
    let (issuer, world) = world(&[&known]).await;
    world.accepts(&known.token(&claims())).await;
    issuer.answer_keys(503, "");
    world.at(20).cannot_know(&unknown.token(&claims())).await;
    world.accepts(&known.token(&claims())).await;
}

#[tokio::test]
async fn keys_for_something_else_are_passed_over() {
    let key = Signer::es256("1");
    let (issuer, world) = world(&[]).await;
    let token = key.token(&claims());
    let shared = Signer::hs256(b"published, and so no secret at all");
    let with = |name: &str, value| {
        let mut jwk = key.jwk.clone();
        jwk[name] = value;
        jwk
    };
    let others = [
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("alg", json!("ES384")),
        with("alg", json!("RSA-OAEP")),
        with("alg", json!("of the future")),
        with("crv", json!("P-384")),
        with("kty", json!("of the future")),
        with("x", json!("!")),
        json!("no key"),
    ];
    for (n, other) in (1..).zip(others) {
        issuer.publish_json(&json!({ "keys": [other.clone(), shared.jwk.clone()] }));
        world.at(n * 10).refuses(&token).await;
        world.refuses(&shared.token(&claims())).await;
    }
    let unnamed = {
        let mut jwk = key.jwk.clone();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    issuer.publish_json(&json!({ "keys": ["no key", { "kty": "EC" }, unnamed] }));
    world.at(200).accepts(&token).await;
}

//! Good tokens, and all the ways of being a bad one.

use pathway_engine::project::Auth;
use pathway_engine::value::to_serde;
use pathway_server::identity::Identity;
use serde_json::{Value as Json, json};

use crate::issuer::Issuer;
use crate::signer::{Signer, base64};
use crate::{NOW, SECRET, World, bare, claims, claims_with, rules, shared};

fn secret() -> Signer {
    Signer::hs256(SECRET.as_bytes())
}

#[tokio::test]
async fn a_login_is_known_by_its_subject() {
    let world = World::of(&shared(rules()));
    let verified = world.verify(&secret().token(&claims())).await.unwrap();
    let principal = verified.principal;
    assert_eq!((principal.sub.as_str(), principal.role.as_deref()), ("ann", Some("authenticated")));
    assert!(principal.has_token);
    assert_eq!(to_serde(&principal.claims.unwrap()), claims());
    assert_eq!(verified.expires_at.as_second(), NOW + 3600);
}

#[tokio::test]
async fn every_kind_of_published_key_is_known() {
    let signers =
        [Signer::es256("1"), Signer::es384("2"), Signer::eddsa("3"), Signer::rs256("4"), Signer::ps512("5")];
    let issuer = Issuer::start().await;
    issuer.publish(&signers.each_ref());
    let world = World::of(&Auth { jwks: Some(issuer.jwks()), ..rules() });
    for signer in &signers {
        world.accepts(&signer.token(&claims())).await;
        world.refuses(&signer.token(&claims_with("aud", json!("others")))).await;
    }
    assert_eq!(issuer.fetched(), 1);
}

#[tokio::test]
async fn claims_are_as_they_must_be() {
    let world = World::of(&shared(rules()));
    let said =
        async |name: &str, value: Json| world.refuses(&secret().token(&claims_with(name, value))).await;
    let good = async |name: &str, value: Json| {
        let verified = world.verify(&secret().token(&claims_with(name, value.clone()))).await;
        assert!(verified.is_ok(), "{name}: {value}");
    };

    good("exp", json!(NOW - 9)).await;
    good("exp", json!(f64::from(i32::MAX) + 0.5)).await;
    assert_eq!(said("exp", json!(NOW - 10)).await, "the token has expired");
    for exp in [Json::Null, json!("tomorrow"), json!(true), json!([NOW + 5]), json!(1e300)] {
        assert_eq!(said("exp", exp).await, "the token has no time of expiry");
    }
    good("nbf", json!(NOW + 10)).await;
    for nbf in [json!(NOW + 11), json!("now"), json!(1e300)] {
        assert_eq!(said("nbf", nbf).await, "the token is not valid yet");
    }
    for iss in [Json::Null, json!("supabase"), json!(""), json!([crate::ISSUER])] {
        assert_eq!(said("iss", iss).await, "the token is of another issuer");
    }
    good("aud", json!(["others", "authenticated"])).await;
    for aud in [Json::Null, json!("others"), json!([]), json!(["others"]), json!({ "authenticated": 1 })] {
        assert_eq!(said("aud", aud).await, "the token is for another audience");
    }
    for role in [Json::Null, json!("anon"), json!("service_role"), json!(["authenticated"])] {
        assert_eq!(said("role", role).await, "the token is for another role");
    }
    for sub in [Json::Null, json!(""), json!(7), json!({ "a": 1 })] {
        assert_eq!(said("sub", sub).await, "the token has no subject");
    }
    good("sub", json!("a".repeat(255))).await;
    assert_eq!(said("sub", json!("a".repeat(256))).await, "the subject of the token is too long");
    assert_eq!(said("sub", json!("service")).await, "the subject of the token is reserved");
}

#[tokio::test]
async fn the_keys_of_a_project_are_no_logins() {
    let far = NOW + 315_360_000;
    let issuer = Issuer::start().await;
    let asking = |auth| Auth { introspect: Some(issuer.introspect()), ..auth };
    for auth in [shared(rules()), shared(bare()), asking(rules()), asking(bare())] {
        let world = World::of(&auth);
        for role in ["anon", "service_role"] {
            let key = json!({ "iss": "supabase", "ref": "project", "role": role, "iat": NOW, "exp": far });
            world.refuses(&secret().token(&key)).await;
        }
    }
    assert!(issuer.asked().is_empty());
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let issuer = Issuer::start().await;
    let (key, stranger) = (Signer::es256("1"), Signer::es256("1"));
    issuer.publish(&[&key]);
    let world = World::of(&Auth { jwks: Some(issuer.jwks()), ..shared(rules()) });
    let forged = "the token is not signed by its issuer";
    assert_eq!(world.refuses(&Signer::hs256(b"another secret").token(&claims())).await, forged);
    assert_eq!(world.refuses(&Signer::hs256(b"").token(&claims())).await, forged);
    assert_eq!(world.refuses(&stranger.token(&claims())).await, forged);
    for good in [secret().token(&claims()), key.token(&claims())] {
        world.accepts(&good).await;
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let other = base64(claims_with("email", json!("bob@test")).to_string());
        assert_eq!(world.refuses(&format!("{header}.{other}.{signature}")).await, forged);
        assert_eq!(world.refuses(&format!("{message}.")).await, forged);
        assert_eq!(world.refuses(&format!("{message}.AA")).await, forged);
        assert_eq!(world.refuses(&format!("{message}.{signature}=")).await, forged);
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_not_the_tokens() {
    let issuer = Issuer::start().await;
    let (ec, rsa, ed) = (Signer::es256("ec"), Signer::rs256("rsa"), Signer::eddsa("ed"));
    issuer.publish(&[&ec, &rsa, &ed]);
    let published = Auth { jwks: Some(issuer.jwks()), ..rules() };
    for auth in [published.clone(), shared(published), shared(rules())] {
        let world = World::of(&auth);
        let unsigned = base64(claims().to_string());
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = base64(json!({ "alg": alg, "typ": "JWT" }).to_string());
            world.refuses(&format!("{header}.{unsigned}.")).await;
            world.refuses(&secret().token_where("alg", json!(alg), &claims())).await;
        }
        // What is public taken for a shared secret.
        for signer in [&ec, &rsa, &ed] {
            let jwk = signer.jwk.to_string();
            let pem =
                format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&signer.public));
            for public in [signer.public.as_slice(), jwk.as_bytes(), pem.as_bytes()] {
                let confused = Signer::hs256(public);
                world.refuses(&confused.token(&claims())).await;
                world.refuses(&confused.token_where("kid", signer.jwk["kid"].clone(), &claims())).await;
                for alg in ["ES256", "RS256", "EdDSA"] {
                    let kid = signer.jwk["kid"].clone();
                    let header = json!({ "alg": alg, "kid": kid });
                    world.refuses(&confused.token_with(&header, &claims())).await;
                }
            }
        }
        // A key for another algorithm than its own.
        for alg in ["ES384", "RS256", "PS256", "EdDSA", "HS256", "HS384", "HS512", "ES512", "es256"] {
            world.refuses(&ec.token_where("alg", json!(alg), &claims())).await;
        }
        world.refuses(&ec.token_where("kid", json!("rsa"), &claims())).await;
        world.refuses(&secret().token_where("crit", json!(["b64"]), &claims())).await;
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let world = World::of(&shared(rules()));
    let good = secret().token(&claims());
    let long = secret().token(&claims_with("x", json!("y".repeat(20_000))));
    let no_object = secret().token(&json!("ann"));
    let mut texts = vec![String::new(), ".".into(), "..".into(), "a.b.c".into(), format!("{good}.x")];
    texts.extend([long, no_object, good.replace('.', ""), format!("{good} "), format!("é{good}")]);
    for header in ["{}", "[]", "null", r#"{"alg":7}"#, r#"{"alg":"HS256","kid":7}"#, "{"] {
        let (_, rest) = good.split_once('.').unwrap();
        texts.push(format!("{}.{rest}", base64(header)));
    }
    for text in texts {
        world.refuses(&text).await;
    }
    world.accepts(&good).await;
}

#[tokio::test]
async fn without_auth_nobody_is_known() {
    let identity = Identity::new(None).unwrap();
    assert!(identity.verify(&secret().token(&claims())).await.is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let auth = shared(Auth { apikey: shared(bare()).secret, ..rules() });
    let world = World::of(&auth);
    let printed = format!("{:?} {:#?} {auth:?}", world.identity, world.identity);
    assert!(!printed.contains(SECRET), "{printed}");
}

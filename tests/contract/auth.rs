//! Who may ask: only whose token the project's issuer has signed, for themselves, about themselves.

use pathway_server::demo::data;
use pathway_tests::finance::{Answer, Draft, Finance, JsonBody as _};
use pathway_tests::issuer::{Issuer, Key, claims, hs256, unsigned};
use reqwest::Method;
use serde_json::{Value, json};

use crate::shape;

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What a question with this token is answered.
async fn ask(app: &Finance, token: &str) -> Answer {
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let request = app.bare(Method::POST, "/api/budget/suggest").json_body(&body);
    Answer::to(request.bearer_auth(token)).await
}

#[tokio::test]
async fn tokens_that_are_not_a_logins_are_refused() {
    let Some(app) = shape::served().await else { return };
    let keys = app.stand_ins.keys().clone();
    let issuer = format!("{}/auth/v1", app.stand_ins.supabase_url);
    let good = claims(&issuer, data::USER);
    let now = jiff::Timestamp::now().as_second();
    let signed = |claims: &Value| hs256(&keys.jwt_secret, &header(), claims);
    assert_eq!(ask(&app, &signed(&good)).await.status, 200);
    let before = app.calls().len();

    let token = signed(&good);
    let (signed_part, _) = token.rsplit_once('.').unwrap();
    let other = signed(&with(good.clone(), "sub", json!("somebody else")));
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    let refused = [
        ("forged", hs256("another secret that is long enough to sign", &header(), &good)),
        ("of another's signature", format!("{signed_part}.{other_signature}")),
        ("unsigned", format!("{signed_part}.")),
        ("without a signature", signed_part.to_owned()),
        ("alg: none", unsigned("none", &good)),
        ("alg: None", unsigned("None", &good)),
        ("signed for alg: none", hs256(&keys.jwt_secret, &json!({"alg": "none"}), &good)),
        ("alg: HS384", hs256(&keys.jwt_secret, &json!({"alg": "HS384"}), &good)),
        ("signed with an unknown key", Key::new("k").sign(&good)),
        ("expired", signed(&with(good.clone(), "exp", json!(now - 3600)))),
        ("without an end", signed(&without(good.clone(), "exp"))),
        ("not yet", signed(&with(good.clone(), "nbf", json!(now + 3600)))),
        ("wrong audience", signed(&with(good.clone(), "aud", json!("other-app")))),
        ("no audience", signed(&without(good.clone(), "aud"))),
        ("wrong issuer", signed(&with(good.clone(), "iss", json!("https://elsewhere.example.com/auth/v1")))),
        ("wrong role", signed(&with(good.clone(), "role", json!("service_role")))),
        ("no role", signed(&without(good.clone(), "role"))),
        ("no subject", signed(&without(good.clone(), "sub"))),
        ("an empty subject", signed(&with(good.clone(), "sub", json!("")))),
        ("the anon key", keys.anon.clone()),
        ("the service key", keys.service.clone()),
        ("the integrations key", keys.integrations.clone()),
        ("text", "no-token-at-all".to_owned()),
        ("three texts", "three.texts.together".to_owned()),
    ];
    for (what, token) in &refused {
        let answer = ask(&app, token).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (401, "application/problem+json"),
            "{what}"
        );
        assert!(answer.header("www-authenticate").contains("invalid_token"), "{what}: {answer:?}");
        assert!(!answer.text.contains(token.as_str()), "{what}");
        assert!(!app.log.text().contains(token.as_str()), "{what}");
    }
    assert_eq!(app.calls().len(), before, "nobody was called for any of them");
}

#[tokio::test]
async fn a_run_is_its_owners_alone() {
    let Some(app) = shape::served().await else { return };
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let answer = app.post("/api/budget/suggest", &body).await;
    let run = answer.header("pathway-run").to_owned();
    assert_eq!(app.get(&format!("/api/runs/{run}")).await.status, 200);
    let other = app.stand_ins.token("somebody else");
    for (method, path) in [
        (Method::GET, format!("/api/runs/{run}")),
        (Method::GET, format!("/api/runs/{run}/events")),
        (Method::POST, format!("/api/runs/{run}/cancel")),
        (Method::POST, format!("/api/runs/{run}/signals/go")),
    ] {
        let request = || app.bare(method.clone(), &path).json_body(&json!({}));
        let theirs = Answer::to(request().bearer_auth(&other)).await;
        let nobodys = path.replace(&run, "00000000-0000-7000-8000-000000000000");
        let unknown =
            Answer::to(app.bare(method.clone(), &nobodys).json_body(&json!({})).bearer_auth(&other)).await;
        assert_eq!((theirs.status, unknown.status), (404, 404), "{path}");
        let told = |answer: &Answer| answer.json()["detail"].clone();
        assert_eq!(told(&theirs), told(&unknown), "whether there is one is not told");
        let anonymous = Answer::to(request()).await;
        assert!(matches!(anonymous.status, 401 | 404), "{path}: {anonymous:?}");
    }
}

/// The app with an issuer whose keys, and no secret, are known.
async fn published(issuer: &Issuer) -> Finance {
    let draft = Draft::new(None).await.variable("SUPABASE_URL", Some(&issuer.url));
    draft.variable("SUPABASE_JWT_SECRET", Some("")).start().await
}

#[tokio::test]
async fn what_the_issuers_published_key_has_signed_is_good() {
    let issuer = Issuer::start().await;
    let (old, foreign) = (Key::new("old"), Key::new("old"));
    issuer.publish(&[&old]);
    let app = published(&issuer).await;
    let claims = claims(&issuer.name(), data::USER);
    assert_eq!(ask(&app, &old.sign(&claims)).await.status, 200);
    assert_eq!(ask(&app, &old.sign(&claims)).await.status, 200);
    assert_eq!(issuer.asked("jwks.json"), 1, "keys are remembered");
    assert_eq!(ask(&app, &foreign.sign(&claims)).await.status, 401, "another key of that name");
    let expired = with(claims.clone(), "exp", json!(1_700_000_000));
    assert_eq!(ask(&app, &old.sign(&expired)).await.status, 401);

    let unknown = Key::new("unknown");
    for _ in 0..20 {
        assert_eq!(ask(&app, &unknown.sign(&claims)).await.status, 401);
    }
    assert!(issuer.asked("jwks.json") <= 2, "nobody can make us ask all the time");
    // A key for signatures is no secret: what is signed with its public part is forged.
    let public = hs256(&foreign.sign(&claims), &json!({"alg": "HS256", "kid": "old"}), &claims);
    assert_eq!(ask(&app, &public).await.status, 401);
}

#[tokio::test]
async fn an_issuer_without_keys_is_asked() {
    let issuer = Issuer::start().await;
    let app = published(&issuer).await;
    let token = |subject: &str| {
        hs256("known to the issuer alone, and long enough", &header(), &claims(&issuer.name(), subject))
    };
    let good = token(data::USER);
    assert_eq!(ask(&app, &good).await.status, 401);

    let good = {
        let later = with(claims(&issuer.name(), data::USER), "session", json!(2));
        let token = hs256("known to the issuer alone, and long enough", &header(), &later);
        issuer.know(&token, data::USER);
        token
    };
    assert_eq!(ask(&app, &good).await.status, 200);
    let asked = issuer.asked("/user");
    assert_eq!(ask(&app, &good).await.status, 200);
    assert_eq!(issuer.asked("/user"), asked, "an answer is remembered");

    // That the issuer cannot be asked is no fault of the caller's.
    issuer.set_away(true);
    let answer = ask(&app, &token("later")).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(ask(&app, &good).await.status, 200);
}

#[tokio::test]
async fn nothing_but_a_loopback_address_serves_unverified() {
    let draft = Draft::new(None).await.setting("PATHWAY_AUTH__MODE", "unverified");
    let app = draft.setting("PATHWAY_LISTEN", "0.0.0.0:0").stopped();
    let (status, said) = app.try_start().await;
    assert!(!status.success() && said.contains("unverified"), "{said}");
}

#[tokio::test]
async fn unverified_is_said_aloud() {
    let app = Draft::new(None).await.setting("PATHWAY_AUTH__MODE", "unverified").start().await;
    app.log.says(0, "UNVERIFIED").await;
    let forged = unsigned("none", &claims("anybody", data::USER));
    let body = json!({"userId": data::USER, "totalIncome": 10, "period": "monthly"});
    let request = app.bare(Method::POST, "/api/budget/suggest").json_body(&body).bearer_auth(forged);
    // Believed here, and refused by whoever is called with it.
    assert_ne!(Answer::to(request).await.status, 401);
    let Some(verified) = shape::served().await else { return };
    assert!(!verified.log.text().contains("UNVERIFIED"));
}

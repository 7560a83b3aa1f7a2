//! What may be a body, and what happens to what may not.

use futures_util::stream;
use pathway_server::gateway::Limits;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::world::{Runner, UNVERIFIED, World, send};

const OPEN: &str = r#"
pathway: open
on: { correlation: cid, key: input.k, http: { post: /open, auth: none } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const STRICT: &str = r#"
pathway: strict
on: { http: { put: /strict, auth: optional } }
input:
  type: object
  properties: { a: { type: integer, default: 1 }, b: { type: array, items: { format: date } } }
  additionalProperties: { type: [string, number] }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

#[tokio::test]
async fn json_of_any_dialect_is_read() {
    let world = World::start(&[OPEN], Runner::Echo).await;
    let url = format!("{}/open", world.url);
    for media in
        ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json", "text/json"]
    {
        let request = world.client.post(&url).header("content-type", media).body(r#"{"k":"1"}"#);
        assert_eq!(send(request).await.ok()["k"], "1", "{media}");
    }
    send(world.client.post(&url).body(r#"{"k":"1"}"#)).await.ok();
    assert_eq!(send(world.client.post(&url)).await.ok()["k"], json!(null), "nothing is an empty object");
    for media in ["text/plain", "application/x-www-form-urlencoded", "json", ""] {
        send(world.client.post(&url).header("content-type", media).body("{}")).await.problem(415);
    }
    send(world.client.post(&url).header("content-encoding", "gzip").body("{}")).await.problem(415);
}

#[tokio::test]
async fn what_is_not_json_is_told_with_its_place() {
    let world = World::start(&[OPEN], Runner::Echo).await;
    let problem = send(world.post_text("/open", "{\n  \"k\": nope}")).await.problem(400);
    assert!(problem["detail"].as_str().unwrap().contains("line 2, column 9"), "{problem}");
    for bad in ["{", "{} {}", "{'a': 1}", "\u{feff}{}", r#"{"a": 1e999}"#, r#"{"a": "\ud800"}"#] {
        send(world.post_text("/open", bad)).await.problem(400);
    }
    send(world.post_text("/open", vec![b'"', 0xff, b'"'])).await.problem(400);
    let deep = format!("{{\"k\":{}{}}}", "[".repeat(125), "]".repeat(125));
    send(world.post_text("/open", deep)).await.problem(400);
    let deep = format!("{{\"k\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    send(world.post_text("/open", deep)).await.problem(400);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let limits = Limits { body: 1_000, ..Limits::default() };
    let mut world = World::start_with(UNVERIFIED, &[OPEN], Runner::Echo, limits).await;
    let fits = json!({ "k": "x".repeat(1_000 - 8) });
    assert_eq!(fits.to_string().len(), 1_000);
    send(world.post("/open", &fits)).await.ok();
    let large = json!({ "k": "x".repeat(1_000 - 7) });
    send(world.post("/open", &large)).await.problem(413);
    // Counted, where it is not announced.
    let pieces = || stream::iter((0..40).map(|_| Ok::<_, std::io::Error>("x".repeat(40))));
    let request = world.post_text("/open", reqwest::Body::wrap_stream(pieces()));
    send(request).await.problem(413);
    // Still being sent when it is refused.
    send(world.post_text("/open", "x".repeat(1_900))).await.problem(413);
    world.admitted().await;
    assert!(world.nothing_admitted());
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        any::<u64>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        any::<String>().prop_map(|it| json!(it)),
    ];
    let value = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
            prop::collection::vec((prop_oneof!["[abk]", any::<String>()], inner), 0..6)
                .prop_map(|pairs| json!(pairs.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    });
    value.prop_map(|value| value.to_string())
}

fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let cut = (json_text(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, place, byte)| {
        let mut bytes = text.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        bytes
    });
    prop_oneof![
        3 => json_text().prop_map(String::into_bytes),
        2 => cut,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn no_body_is_the_servers_fault() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start(&[OPEN, STRICT], Runner::Echo));
    let strategy = (mangled(), any::<bool>(), "[ -~]{0,12}", "[ -~]{0,12}");
    let mut runner = TestRunner::new(ProptestConfig { cases: 400, ..ProptestConfig::default() });
    runner
        .run(&strategy, |(body, open, media, header)| {
            let url = format!("{}/{}", world.url, if open { "open" } else { "strict" });
            let method = if open { reqwest::Method::POST } else { reqwest::Method::PUT };
            let mut request = world.client.request(method, url).body(body);
            if media.len() > 10 {
                request = request.header("content-type", media);
            }
            for name in ["idempotency-key", "prefer", "authorization", "x-request-id"] {
                if header.len() > 10 {
                    request = request.header(name, &header);
                }
            }
            let answer = runtime.block_on(send(request));
            prop_assert!(answer.status < 500, "{}", answer.body);
            if answer.status >= 400 {
                prop_assert_eq!(answer.header("content-type"), "application/problem+json");
            }
            Ok(())
        })
        .unwrap();
}

//! Looking at limits, and setting them while work is under way.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{DEADLINE, World, client, told};

const CALLS: &str = "pathway: p\non: { topic: t }\nsteps: { a: { http: { service: api, get: /slow } } }\n";

pub(crate) async fn limit(world: &World, name: &str) -> Value {
    let said = world.get("/limits").await;
    let limits = said["limits"].as_array().unwrap();
    limits.iter().find(|limit| limit["name"] == name).unwrap().clone()
}

/// Waits until a limit is so full; whatever fills or frees it is observed.
pub(crate) async fn until(world: &World, name: &str, in_use: u64, waiting: u64) -> Value {
    let mut observed = world.app.runner.observe();
    let wait = async {
        loop {
            let limit = limit(world, name).await;
            if (&limit["in_use"], &limit["waiting"]) == (&json!(in_use), &json!(waiting)) {
                return limit;
            }
            // Waiting for slots is observed by nobody: it is looked again after others had their turn.
            let _other = tokio::time::timeout(std::time::Duration::from_millis(10), observed.recv()).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("in time")
}

#[tokio::test]
async fn a_limit_is_set_under_load_and_what_is_under_way_beyond_it_ends_first() {
    let world = World::start(CALLS).await;
    for _ in 0..3 {
        world.publish("t", "{}").await;
        world.called().await;
    }
    let full = until(&world, "service/api", 3, 0).await;
    assert_eq!((&full["permits"], &full["source"]), (&json!(null), &json!("project")));
    let holders = full["holders"].as_array().unwrap();
    assert!(holders.len() == 3 && holders[0].as_str().unwrap().starts_with("p "), "{full}");

    let (status, said) = world.ask(Method::PUT, "/limits/service/api", Some(json!({ "permits": 1 }))).await;
    assert_eq!((status, &said["revision"]), (200, &json!(1)));
    let tuned = limit(&world, "service/api").await;
    assert_eq!(
        (&tuned["permits"], &tuned["configured"], &tuned["source"]),
        (&json!(1), &json!(null), &json!("operator"))
    );
    world.publish("t", "{}").await;
    // Two of three have to end before the next may begin, and it after the third.
    until(&world, "service/api", 3, 1).await;
    for left in [2, 1] {
        world.upstream.go.notify_one();
        world.until("succeeded", 3 - left).await;
        until(&world, "service/api", left as u64, 1).await;
    }
    world.upstream.go.notify_one();
    world.called().await;
    until(&world, "service/api", 1, 0).await;

    world.publish("t", "{}").await;
    until(&world, "service/api", 1, 1).await;
    assert_eq!(world.ask(Method::DELETE, "/limits/service/api", None).await.0, 200);
    world.called().await;
    let reset = until(&world, "service/api", 2, 0).await;
    assert_eq!((&reset["permits"], &reset["source"]), (&json!(null), &json!("project")));
    for _ in 0..2 {
        world.upstream.go.notify_one();
    }
    world.upstream.go.notify_waiters();
    world.app.stop().await;
}

#[tokio::test]
async fn of_a_pathway_with_no_permits_nothing_begins() {
    let world = World::start("pathway: p\non: { topic: t }\nreturn: 1\n").await;
    let set = async |name: &str, permits: u32| {
        let body = Some(json!({ "permits": permits }));
        assert_eq!(world.ask(Method::PUT, &format!("/limits/{name}"), body).await.0, 200);
    };
    for (n, name) in ["pathway/p", "server"].into_iter().enumerate() {
        set(name, 0).await;
        world.publish("t", "{}").await;
        until(&world, name, 0, 1).await;
        let run = world.one("ready").await;
        let why = world.get(&format!("/runs/{run}")).await;
        assert_eq!(why["waits"][0]["for"], "slot", "{why}");
        set(name, 1).await;
        world.until("succeeded", n + 1).await;
    }
    world.app.stop().await;
}

#[tokio::test]
async fn who_was_overtaken_changes_nothing() {
    let world = World::start(CALLS).await;
    let put = |tag: &'static str, permits: u32| {
        let request = client().put(world.url("/limits/server")).bearer_auth(&world.token);
        let request = request.header("if-match", tag).header("content-type", "application/json");
        request.body(json!({ "permits": permits }).to_string())
    };
    let response = put("\"0\"", 7).send().await.unwrap();
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(response.status(), 200);
    let (status, said) = told(put("\"0\"", 9).send().await.unwrap()).await;
    assert_eq!((status, said["detail"].as_str().unwrap().contains("revision 1")), (412, true), "{said}");
    assert_eq!(limit(&world, "server").await["permits"], json!(7));
    assert_eq!(told(put("1", 9).send().await.unwrap()).await.0, 400);
    assert_eq!(put("*", 9).send().await.unwrap().status(), 200);
    world.app.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start(CALLS).await;
    let set = async |name: &str, body: Option<Value>| world.ask(Method::PUT, name, body).await;
    let (status, said) = set("/limits/service/apt", Some(json!({ "permits": 1 }))).await;
    assert_eq!(status, 404);
    assert_eq!(
        said["detail"],
        "there is no limit `service/apt`; there are pathway/p, server, service/api, steps"
    );
    for body in [None, Some(json!({})), Some(json!({ "permits": -1 })), Some(json!({ "permit": 1 }))] {
        assert_eq!(set("/limits/server", body.clone()).await.0, 422, "{body:?}");
    }
    assert_eq!(world.ask(Method::DELETE, "/limits/nothing", None).await.0, 404);
    assert_eq!(world.get("/limits").await["revision"], json!(0));
    world.app.stop().await;
}

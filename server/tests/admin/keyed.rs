//! Limits for each key: whom they keep waiting, and what is told and set of them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::limits::{limit, until};
use crate::world::{DEADLINE, World};

/// One run of each user at once.
const KEYED: &str = "\
pathway: p
on: { topic: t }
max_runs: { slots: 1, per: input.user, total: 10 }
steps: { a: { http: { service: api, get: '/slow/{{ input.user }}' } } }
";
const PER: &str = "pathway/p/per";

/// Begins a run of each user, in this order.
async fn begin(world: &World, users: &[&str]) {
    for user in users {
        world.publish("t", &json!({ "user": user }).to_string()).await;
    }
}

/// How often the service was called for Ann, and for Ben.
fn calls(world: &World) -> (usize, usize) {
    (world.upstream.keys("slow/ann").len(), world.upstream.keys("slow/ben").len())
}

/// Waits until it was called so often for each.
async fn called(world: &World, wanted: (usize, usize)) {
    let wait = async {
        while calls(world) != wanted {
            // Calls that come together are told once.
            let _call =
                tokio::time::timeout(Duration::from_millis(10), world.upstream.called.notified()).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("in time");
}

async fn set(world: &World, permits: u32) -> Value {
    let (status, said) =
        world.ask(Method::PUT, "/limits/pathway/p/per", Some(json!({ "permits": permits }))).await;
    assert_eq!(status, 200, "{said}");
    said
}

/// Lets the calls end that are under way, and those that follow.
async fn end(world: &World, runs: usize) {
    for done in 1..=runs {
        world.upstream.go.notify_one();
        world.until("succeeded", done).await;
    }
}

#[tokio::test]
async fn the_runs_of_one_user_do_not_keep_those_of_another_waiting() {
    let world = World::start(KEYED).await;
    begin(&world, &["ann", "ann", "ann", "ben"]).await;
    called(&world, (1, 1)).await;
    let full = until(&world, PER, 2, 2).await;
    assert_eq!(calls(&world), (1, 1));
    assert_eq!((&full["permits"], &full["configured"], &full["keys"]), (&json!(1), &json!(1), &json!(2)));
    let busiest =
        json!([{ "key": "ann", "in_use": 1, "waiting": 2 }, { "key": "ben", "in_use": 1, "waiting": 0 }]);
    assert_eq!(full["busiest"], busiest);
    // Who waits has nothing of what others need.
    for name in ["pathway/p", "server"] {
        let wide = limit(&world, name).await;
        assert_eq!(
            (&wide["in_use"], &wide["set_aside"], &wide["waiting"]),
            (&json!(2), &json!(0), &json!(0))
        );
        assert_eq!(wide["keys"], Value::Null);
    }
    let ready = world.until("ready", 4).await;
    let id = |n: usize| ready[n]["id"].as_str().unwrap();
    let why = world.get(&format!("/runs/{}", id(1))).await;
    let holders = [format!("p {}", id(0))];
    let slot = json!({ "for": "slot", "name": "pathway p for key ann", "holders": holders });
    assert_eq!(why["waits"], json!([slot]), "no call is made yet");

    assert_eq!(set(&world, 2).await["revision"], 1);
    called(&world, (2, 1)).await;
    let raised = until(&world, PER, 3, 1).await;
    assert_eq!((calls(&world), &raised["source"]), ((2, 1), &json!("operator")));
    end(&world, 4).await;
    assert_eq!(calls(&world), (3, 1));
    let over = until(&world, PER, 0, 0).await;
    assert_eq!((&over["keys"], &over["busiest"]), (&json!(0), &Value::Null));
    world.app.stop().await;
}

#[tokio::test]
async fn where_no_key_has_a_place_nothing_begins_that_has_one() {
    let pathway = "pathway: p\non: { topic: t }\nmax_runs: { slots: 1, per: input.user }\nreturn: 1\n";
    let world = World::start(pathway).await;
    set(&world, 0).await;
    begin(&world, &["ann", "ben"]).await;
    until(&world, PER, 0, 2).await;
    for without in ["{}", r#"{"user": null}"#, "{broken"] {
        world.publish("t", without).await;
    }
    world.until("succeeded", 2).await;
    world.until("parked", 1).await;
    assert_eq!(limit(&world, PER).await["waiting"], json!(2));
    set(&world, 1).await;
    world.until("succeeded", 4).await;
    world.app.stop().await;
}

#[tokio::test]
async fn what_is_loaded_again_holds_for_keys_in_use() {
    let world = World::start(KEYED).await;
    let reload = async |pathway: &str| {
        world.write("pathways/p.yaml", pathway);
        assert_eq!(world.post("/reload").await.0, 200);
    };
    begin(&world, &["ann", "ann", "ann"]).await;
    called(&world, (1, 0)).await;
    until(&world, PER, 1, 2).await;
    reload(&KEYED.replace("slots: 1", "slots: 2")).await;
    called(&world, (2, 0)).await;
    until(&world, PER, 2, 1).await;
    // There is no such limit any more, nor does what an operator said of it hold.
    set(&world, 1).await;
    reload(&KEYED.replace("{ slots: 1, per: input.user, total: 10 }", "10")).await;
    called(&world, (3, 0)).await;
    let (status, said) = world.ask(Method::DELETE, "/limits/pathway/p/per", None).await;
    assert_eq!(status, 404, "{said}");
    end(&world, 3).await;
    world.app.stop().await;
}

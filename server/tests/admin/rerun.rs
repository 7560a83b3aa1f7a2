//! Runs are run again: all of them, from a step on, or a step alone.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{DEADLINE, World, client};

const PATHWAY: &str = r#"
pathway: p
on:
  topic: t
  key: input.k
  correlation: id
  reply: { topic: replies }
steps:
  first: { http: { service: api, get: "/{{ input.first | default('first') }}" } }
  second: { needs: [first], http: { service: api, get: "/{{ input.second | default('second') }}" } }
  sent: { needs: [second], publish: { topic: sent, value: "{{ steps.second.body }}" } }
  third: { needs: [sent], http: { service: api, get: /third } }
return: "{{ steps.first.body }}, {{ steps.third.body }}"
"#;

async fn rerun(world: &World, id: &str, body: Value) -> (u16, Value) {
    world.ask(Method::POST, &format!("/runs/{id}/rerun"), Some(body)).await
}

/// Runs again, and waits for the end of the new run.
async fn again(world: &World, id: &str, body: Value) -> Value {
    let (status, said) = rerun(world, id, body).await;
    assert_eq!(status, 202, "{said}");
    ended(world, said["id"].as_str().unwrap()).await;
    said
}

/// How a run ended, once it has.
async fn ended(world: &World, id: &str) -> Value {
    let mut observed = world.app.runner.observe();
    let wait = async {
        loop {
            let shown = world.get(&format!("/runs/{id}")).await;
            if shown["status"] != "ready" {
                return shown;
            }
            observed.recv().await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("in time")
}

async fn outcome(world: &World, id: &str) -> Value {
    let run = world.app.store.run(id).await.unwrap().unwrap();
    serde_json::from_slice(&run.outcome.unwrap()).unwrap()
}

#[tokio::test]
async fn a_run_is_run_again_as_another_that_answers_nobody() {
    let world = World::start(PATHWAY).await;
    world.publish("t", r#"{"k": 1, "id": "asked"}"#).await;
    let old = world.one("succeeded").await;
    let said = again(&world, &old, json!({})).await;
    let new = said["id"].as_str().unwrap();
    let expected = json!({
        "id": new, "rerun_of": old, "kept": [], "parked": false, "waits_for_parked": false, "token_expired": false
    });
    assert_eq!(said, expected);
    for path in ["first", "second", "third"] {
        let keys = world.upstream.keys(path);
        assert_eq!(keys.len(), 2);
        assert_ne!(keys[0], keys[1], "it is another run");
    }
    assert_eq!(world.records("sent").await.len(), 2);
    assert_eq!(outcome(&world, new).await, outcome(&world, &old).await);
    let replies = world.records("replies").await;
    assert_eq!(replies.len(), 1, "whoever asked is answered once");

    let shown = world.get(&format!("/runs/{new}")).await;
    assert_eq!((&shown["rerun_of"], &shown["correlation_id"]), (&json!(old), &json!(new)));
    assert_eq!(shown["source"], Value::Null);
    assert_eq!(world.get(&format!("/runs/{old}")).await["reruns"], json!([new]));
    // A run that runs another again can be run again itself.
    let third = again(&world, new, json!({ "from": "third" })).await;
    assert_eq!(third["kept"], json!(["first", "second", "sent"]));
    world.app.stop().await;
}

#[tokio::test]
async fn from_a_step_on_the_others_keep_what_they_came_to() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": 1}"#).await;
    let old = world.one("parked").await;
    world.upstream.works();
    let said = again(&world, &old, json!({ "from": "second" })).await;
    assert_eq!((&said["kept"], &said["parked"]), (&json!(["first"]), &json!(true)));
    let new = said["id"].as_str().unwrap();
    assert_eq!(outcome(&world, new).await, json!({ "answer": "got first, got third" }));
    let counts = ["first", "second", "third"].map(|path| world.upstream.keys(path).len());
    assert_eq!(counts, [1, 2, 1]);
    let shown = world.get(&format!("/runs/{new}")).await;
    assert_eq!((&shown["steps"][0]["path"], &shown["steps"][0]["status"]), (&json!("first"), &json!("kept")));
    // What it is a rerun of is left as it is.
    assert_eq!(world.get(&format!("/runs/{old}")).await["status"], "parked");
    assert_eq!(world.records("t.dlq").await.len(), 1);

    // Of a run that is over too.
    let last = again(&world, new, json!({ "from": "third" })).await;
    assert_eq!(last["kept"], json!(["first", "second", "sent"]));
    assert_eq!(world.records("sent").await.len(), 1);
    assert_eq!(world.upstream.keys("third").len(), 2);
    world.app.stop().await;
}

#[tokio::test]
async fn a_rerun_that_a_crash_cut_off_goes_on_with_what_it_keeps_which_is_sealed() {
    let world = World::start(PATHWAY).await;
    world.publish("t", r#"{"k": 1, "first": "planted-answer"}"#).await;
    let old = world.one("succeeded").await;
    let (_, said) = rerun(&world, &old, json!({ "from": "second" })).await;
    let new = said["id"].as_str().unwrap().to_owned();
    ended(&world, &new).await;
    let run = world.app.store.run(&new).await.unwrap().unwrap();
    let started = world.app.store.events(run.id).await.unwrap().remove(0).payload;
    assert!(!String::from_utf8(started).unwrap().contains("planted-answer"), "outputs may be secret");

    let pathway = PATHWAY.replace("get: /third", "get: /slow");
    let world = world.restart_with(&pathway).await;
    world.publish("t", r#"{"k": 2}"#).await;
    world.called().await;
    world.upstream.go.notify_waiters();
    let runs = world.until("succeeded", 3).await;
    let slow = runs[2]["id"].as_str().unwrap();
    let (_, said) = rerun(&world, slow, json!({ "from": "third" })).await;
    let cut = said["id"].as_str().unwrap().to_owned();
    world.called().await;
    let firsts = world.upstream.keys("first").len();
    let world = world.restart().await;
    world.called().await;
    world.upstream.go.notify_waiters();
    assert_eq!(ended(&world, &cut).await["status"], "succeeded");
    assert_eq!(world.upstream.keys("first").len(), firsts);
    let keys = world.upstream.keys("slow");
    assert_eq!((keys.len(), &keys[1]), (3, &keys[2]), "one key over the restart");
    assert_ne!(keys[0], keys[1]);
    assert_eq!(world.records("replies").await.len(), 2, "of those that were asked");
    world.app.stop().await;
}

#[tokio::test]
async fn one_step_alone_is_run_and_is_the_result() {
    let world = World::start(PATHWAY).await;
    world.publish("t", r#"{"k": 1}"#).await;
    let old = world.one("succeeded").await;
    let said = again(&world, &old, json!({ "only": "sent" })).await;
    assert_eq!(said["kept"], json!(["second"]));
    let ids: Vec<Value> = [&old, said["id"].as_str().unwrap()].map(|id| json!(id)).into();
    let (first, second) = (outcome(&world, &old).await, outcome(&world, ids[1].as_str().unwrap()).await);
    assert_ne!(first, second);
    let records = world.records("sent").await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].value, records[1].value);
    let id = |n: usize| String::from_utf8(records[n].headers[0].1.clone()).unwrap();
    assert_eq!(second, json!({ "answer": { "id": id(1) } }));
    assert_ne!(id(0), id(1), "it is another message");
    let counts = ["first", "second", "third"].map(|path| world.upstream.keys(path).len());
    assert_eq!(counts, [1, 1, 1]);
    world.app.stop().await;
}

#[tokio::test]
async fn what_a_run_sent_that_was_over_at_once_is_kept_too() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  sum: { set: "{{ input.n + 1 }}" }
  sent: { publish: { topic: sent, value: "{{ steps.sum }}" } }
  after: { set: "{{ [steps.sum, steps.sent.id] }}" }
return: "{{ steps.after }}"
"#;
    let world = World::start(pathway).await;
    // Nobody looks on, so it may end within its admission.
    let mut watch = world.app.store.watch_topic("sent");
    world.publish("t", r#"{"n": 1}"#).await;
    tokio::time::timeout(DEADLINE, watch.changed()).await.unwrap().unwrap();
    let old = world.one("succeeded").await;
    let shown = world.get(&format!("/runs/{old}")).await;
    let statuses: Vec<_> = shown["steps"].as_array().unwrap().iter().map(|step| &step["status"]).collect();
    assert_eq!(statuses, ["finished", "finished", "finished"]);
    let said = again(&world, &old, json!({ "from": "after" })).await;
    assert_eq!(said["kept"], json!(["sent", "sum"]));
    assert_eq!(outcome(&world, said["id"].as_str().unwrap()).await, outcome(&world, &old).await);
    assert_eq!(world.records("sent").await.len(), 1);
    world.app.stop().await;
}

#[tokio::test]
async fn it_runs_by_the_definition_that_it_began_with_or_by_the_current_one() {
    let world = World::start(PATHWAY).await;
    world.publish("t", r#"{"k": 1}"#).await;
    let old = world.one("succeeded").await;
    let changed = PATHWAY.replace("get: /third", "get: /changed").replace("key: input.k", "key: input.lane");
    let world = world.restart_with(&changed).await;
    let said = again(&world, &old, json!({ "from": "third" })).await;
    let pinned = said["id"].as_str().unwrap();
    assert_eq!(outcome(&world, pinned).await, json!({ "answer": "got first, got third" }));
    let said = again(&world, &old, json!({ "from": "third", "definition": "current" })).await;
    let current = said["id"].as_str().unwrap();
    assert_eq!(outcome(&world, current).await, json!({ "answer": "got first, got changed" }));
    assert_eq!(said["kept"], json!(["first", "second", "sent"]));
    let shown = async |id: &str| world.get(&format!("/runs/{id}")).await;
    let (a, b, c) = (shown(&old).await, shown(pinned).await, shown(current).await);
    assert_eq!(a["digest"], b["digest"]);
    assert_ne!(a["digest"], c["digest"]);
    world.app.stop().await;
}

#[tokio::test]
async fn it_waits_for_its_lane_also_behind_the_run_that_it_runs_again() {
    let pathway = PATHWAY.replace("key: input.k", "key: input.k\n  park: hold");
    let world = World::start(&pathway).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": "lane"}"#).await;
    let old = world.one("parked").await;
    world.upstream.works();
    let (_, said) = rerun(&world, &old, json!({})).await;
    assert_eq!((&said["parked"], &said["waits_for_parked"]), (&json!(true), &json!(true)));
    let new = said["id"].as_str().unwrap();
    let shown = world.get(&format!("/runs/{new}")).await;
    assert_eq!(shown["waits"], json!([{ "for": "lane", "name": "lane" }]), "{shown}");
    // Also after a restart.
    let world = world.restart().await;
    assert_eq!(world.get(&format!("/runs/{new}")).await["waits"][0]["for"], "lane");
    assert_eq!(world.upstream.keys("first").len(), 1);
    assert_eq!(world.post(&format!("/runs/{old}/drop")).await.0, 202);
    assert_eq!(ended(&world, new).await["status"], "succeeded");
    assert_eq!(world.upstream.keys("first").len(), 2);
    world.app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_run_again_so_is_refused_with_a_way_out() {
    let world = World::start(PATHWAY).await;
    world.publish("t", r#"{"k": 1, "first": "slow"}"#).await;
    world.called().await;
    let old = world.one("ready").await;
    let refused = async |id: &str, body: Value| {
        let (status, said) = rerun(&world, id, body).await;
        (status, said["detail"].as_str().unwrap().to_owned())
    };
    let under_way = (409, "the run is under way: wait until it is over, or cancel it".to_owned());
    assert_eq!(refused(&old, json!({})).await, under_way);
    world.upstream.go.notify_waiters();
    world.until("succeeded", 1).await;
    let near = (422, "there is no step `secnd`: did you mean `second`?".to_owned());
    assert_eq!(refused(&old, json!({ "from": "secnd" })).await, near);
    let both = (422, "give `from` or `only`, not both".to_owned());
    assert_eq!(refused(&old, json!({ "from": "first", "only": "first" })).await, both);
    for wrong in [json!({ "form": "first" }), json!({ "definition": "newest" })] {
        assert_eq!(refused(&old, wrong.clone()).await.0, 422, "{wrong}");
    }
    assert_eq!(refused("x", json!({})).await.0, 404);
    world.publish("t", "no json").await;
    let parked = world.one("parked").await;
    let (status, why) = refused(&parked, json!({})).await;
    assert_eq!(status, 409);
    assert!(why.ends_with("send it anew"), "{why}");
    assert_eq!(world.until("succeeded", 1).await.len(), 1, "nothing was run");
    world.app.stop().await;
}

#[tokio::test]
async fn it_is_of_whoever_asked_with_their_token_while_that_is_good() {
    let project = "  as_caller: { like: api, headers: { Authorization: \"Bearer {{ auth.token }}\" }, \
                   without_token: api }\nauth: { mode: unverified }\n";
    let pathway = r#"
pathway: p
on: { http: { post: /p, auth: user, mode: accept } }
steps: { asked: { http: { service: as_caller, get: "/{{ auth.has_token }}" } } }
return: "{{ auth.sub }}"
"#;
    let world = World::start_in(project, pathway).await;
    let ask = async |expires: i64| {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = json!({ "sub": "ann", "exp": expires });
        let token = format!("{}.{}.c2ln", part(json!({ "alg": "HS256" })), part(claims));
        let url = format!("http://{}/p", world.app.address);
        let request = client().post(url).bearer_auth(&token).header("content-type", "application/json");
        let response = request.body("{}").send().await.unwrap();
        assert_eq!(response.status(), 202);
        let id = response.headers()["pathway-run"].to_str().unwrap().to_owned();
        ended(&world, &id).await;
        (id, token)
    };
    let (good, token) = ask(4_000_000_000).await;
    let said = again(&world, &good, json!({})).await;
    assert_eq!(said["token_expired"], json!(false));
    let shown = world.get(&format!("/runs/{}", said["id"].as_str().unwrap())).await;
    assert_eq!((&shown["subject"], &shown["status"]), (&json!("ann"), &json!("succeeded")));
    assert_eq!(world.upstream.tokens("true"), [format!("Bearer {token}"), format!("Bearer {token}")]);

    let (gone, _) = ask(1_000_000_000).await;
    let said = again(&world, &gone, json!({})).await;
    assert_eq!(said["token_expired"], json!(true));
    assert_eq!(world.upstream.tokens("true").len(), 3);
    assert_eq!((world.upstream.keys("false").len(), world.upstream.tokens("false").len()), (1, 0));
    let data = world.data();
    world.app.stop().await;
    for file in fs::read_dir(data).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "a token is on the disk");
    }
}

//! Loading the project of a running server again.

use std::fmt::Write as _;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::world::{DEADLINE, World, client, told};

/// A door whose answer and schema say which version it is.
fn versioned(version: u32) -> String {
    format!(
        "pathway: p\non: {{ http: {{ post: /p, auth: none }} }}\n\
         input: {{ type: object, required: [v{version}], properties: {{ v{version}: {{}} }} }}\n\
         steps: {{ a: {{ set: '{{{{ input.v{version} }}}}' }} }}\nreturn: {{ v: {version}, a: '{{{{ steps.a }}}}' }}\n"
    )
}

const CALLS: &str = "pathway: p\non: { http: { post: /p, auth: none } }\nsteps: { a: { http: { service: api, get: /slow } } }\nreturn: old\n";
const OPEN: &str = "on: { http: { post: /NAME, auth: none } }\nreturn: VALUE\n";

fn open(name: &str, value: &str) -> String {
    format!("pathway: {name}\n{}", OPEN.replace("NAME", name).replace("VALUE", value))
}

async fn reload(world: &World) -> Value {
    let (status, said) = world.post("/reload").await;
    assert_eq!(status, 200, "{said}");
    said
}

async fn post(url: String, body: Value) -> Response {
    let request = client().post(url).header("content-type", "application/json").body(body.to_string());
    request.send().await.unwrap()
}

async fn ask(world: &World, path: &str) -> (u16, Value) {
    told(post(world.door(path), json!({})).await).await
}

#[tokio::test]
async fn what_is_another_is_told_and_holds() {
    let world = World::start(&open("p", "1")).await;
    world.write("pathways/same.yaml", &open("same", "1"));
    world.write("pathways/added.yaml", &open("added", "1"));
    let said = reload(&world).await;
    assert_eq!(
        said["pathways"],
        json!({ "added": ["added", "same"], "changed": [], "removed": [], "unchanged": ["p"] })
    );
    world.remove("pathways/added.yaml");
    world.write("pathways/p.yaml", &open("p", "2"));
    world.write(
        "pathways/f.yaml",
        "feed: f\ntopic: news\nget: /f\nauth: none\nkey: record.key\nfor: query.key\n",
    );
    let said = reload(&world).await;
    assert_eq!(
        said["pathways"],
        json!({ "added": [], "changed": ["p"], "removed": ["added"], "unchanged": ["same"] })
    );
    assert_eq!(said["feeds"]["added"], json!(["f"]));
    assert_eq!(ask(&world, "/p").await, (200, json!(2)));
    assert_eq!(ask(&world, "/same").await, (200, json!(1)));
    assert_eq!(ask(&world, "/added").await.0, 404);
    let described = client().get(world.door("/openapi.json")).send().await.unwrap();
    let paths = told(described).await.1["paths"].clone();
    assert!(paths["/f"].is_object() && paths["/added"].is_null(), "{paths}");
    // One that comes back is worked on again.
    world.write("pathways/added.yaml", &open("added", "3"));
    assert_eq!(reload(&world).await["pathways"]["added"], json!(["added"]));
    assert_eq!(ask(&world, "/added").await, (200, json!(3)));
}

/// Every request is served by one version, to its end: none is checked by one and run by another.
#[tokio::test]
async fn edits_under_load_fail_no_request_and_mix_no_versions() {
    const EDITS: u32 = 12;
    let world = World::start(&versioned(0)).await;
    let done = tokio_util::sync::CancellationToken::new();
    let load = (0..4).map(|_| {
        let (url, done) = (world.door("/p"), done.clone());
        tokio::spawn(async move {
            // One connection that is kept open, over all versions.
            let (client, mut answered, mut seen) = (client(), 0, std::collections::BTreeSet::new());
            while !done.is_cancelled() {
                let n = answered % (EDITS + 1);
                let body = (0..=EDITS).fold(String::from("{"), |mut body, version| {
                    write!(body, "{}\"v{version}\":{n}", if version == 0 { "" } else { "," }).unwrap();
                    body
                }) + "}";
                let request = client.post(&url).header("content-type", "application/json").body(body);
                let (status, said) = told(request.send().await.unwrap()).await;
                assert_eq!(status, 200, "{said}");
                assert_eq!(said["a"], json!(n), "{said}");
                seen.insert(said["v"].as_u64().unwrap());
                // What only fits an old version is refused by the door, never by the run.
                let old = client.post(&url).header("content-type", "application/json").body("{\"v0\":1}");
                let refused = old.send().await.unwrap();
                if refused.status() != 200 {
                    assert!(refused.headers().get("pathway-run").is_none(), "{refused:?}");
                }
                answered += 1;
            }
            (answered, seen)
        })
    });
    let load: Vec<_> = load.collect();
    for version in 1..=EDITS {
        world.write("pathways/p.yaml", &versioned(version));
        assert_eq!(reload(&world).await["pathways"]["changed"], json!(["p"]));
    }
    let last = ask_versions(&world, EDITS).await;
    assert_eq!(last["v"], json!(EDITS));
    done.cancel();
    for load in load {
        let (answered, seen) = tokio::time::timeout(DEADLINE, load).await.unwrap().unwrap();
        assert!(answered > 0 && seen.iter().all(|version| *version <= u64::from(EDITS)), "{seen:?}");
    }
    // No run was lost or refused.
    let runs = world.get("/runs?limit=500").await["runs"].clone();
    assert!(runs.as_array().unwrap().iter().all(|run| run["status"] == "succeeded"), "{runs}");
}

async fn ask_versions(world: &World, version: u32) -> Value {
    let body = json!({ format!("v{version}"): 1 });
    let (status, said) = told(post(world.door("/p"), body).await).await;
    assert_eq!(status, 200, "{said}");
    said
}

#[tokio::test]
async fn runs_go_on_with_what_they_began_with_also_of_a_pathway_that_is_gone() {
    let world = World::start(CALLS).await;
    world.write("pathways/other.yaml", &open("other", "1"));
    reload(&world).await;
    let first = tokio::spawn(post(world.door("/p"), json!({})));
    world.called().await;
    world.write("pathways/p.yaml", &CALLS.replace("old", "new"));
    reload(&world).await;
    let second = tokio::spawn(post(world.door("/p"), json!({})));
    world.called().await;
    // Its service goes with it.
    world.remove("pathways/p.yaml");
    world.write("pathway.yaml", "max_runs: 9\n");
    let said = reload(&world).await;
    assert_eq!(said["pathways"]["removed"], json!(["p"]));
    assert_eq!(ask(&world, "/p").await.0, 404);
    world.upstream.go.notify_one();
    world.until("succeeded", 1).await;
    world.upstream.go.notify_one();
    let mut answers = Vec::new();
    for request in [first, second] {
        let response = tokio::time::timeout(DEADLINE, request).await.unwrap().unwrap();
        answers.push(told(response).await);
    }
    assert_eq!(answers, [(200, json!("old")), (200, json!("new"))]);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let world = World::start(&open("p", "1")).await;
    world.write("pathways/other.yaml", &open("other", "1"));
    world.write(
        "pathways/p.yaml",
        "pathway: p\non: { http: { post: /p, auth: none } }\nreturn: '{{ steps.x }}'\n",
    );
    let (status, said) = world.post("/reload").await;
    assert_eq!(status, 422, "{said}");
    assert!(said["detail"].as_str().unwrap().contains("the last good definitions go on"), "{said}");
    let wrong = &said["diagnostics"][0];
    assert_eq!(
        (&wrong["code"], &wrong["file"], &wrong["line"]),
        (&json!("PW0504"), &json!("pathways/p.yaml"), &json!(3)),
        "{said}"
    );
    assert_eq!(ask(&world, "/p").await, (200, json!(1)));
    // Not even what is right of it.
    assert_eq!(ask(&world, "/other").await.0, 404);
    world.write("pathway.yaml", "max_runs: [\n");
    assert_eq!(world.post("/reload").await.0, 422);
    assert_eq!(ask(&world, "/p").await, (200, json!(1)));
    world.write("pathways/p.yaml", &open("p", "2"));
    world.write("pathway.yaml", "max_runs: 9\n");
    reload(&world).await;
    assert_eq!(ask(&world, "/p").await, (200, json!(2)));
    assert_eq!(ask(&world, "/other").await, (200, json!(1)));
}

#[tokio::test]
async fn settings_hold_or_are_named() {
    let world = World::start(CALLS).await;
    let (status, _) = world.ask(Method::PUT, "/limits/steps", Some(json!({ "permits": 7 }))).await;
    assert_eq!(status, 200);
    world.write(
        "pathway.yaml",
        "listen: 127.0.0.1:9\nlog: { level: debug }\nmax_runs: 9\nmax_parallel: 3\n\
         traces: { url: 'http://127.0.0.1:9' }\n\
         services: { api: { url: 'http://127.0.0.1:9', max_parallel: 2, retry: { attempts: 1 } } }\n",
    );
    let said = reload(&world).await;
    assert_eq!(said["restart"], json!(["listen", "log", "traces"]));
    assert_eq!(said["pathways"]["unchanged"], json!(["p"]), "settings are no part of it");
    let limits = world.get("/limits").await["limits"].clone();
    let of =
        |name: &str| limits.as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone();
    assert_eq!(of("server")["permits"], 9);
    assert_eq!(of("service/api")["permits"], 2);
    assert_eq!((&of("steps")["permits"], &of("steps")["configured"]), (&json!(7), &json!(3)));
    // The service is called where it is now: nobody is there.
    assert_eq!(ask(&world, "/p").await.0, 503);
}

/// Where a pathway depends on what only a new process has, nothing is done.
#[tokio::test]
async fn what_needs_a_restart_is_refused_as_a_whole() {
    let world = World::start(&open("p", "1")).await;
    world.write("pathway.yaml", "auth: { mode: unverified }\n");
    world.write("pathways/p.yaml", &open("p", "2"));
    world.write("pathways/users.yaml", "pathway: users\non: { http: { post: /users } }\nreturn: 1\n");
    let (status, said) = world.post("/reload").await;
    let detail = said["detail"].as_str().unwrap();
    assert_eq!(status, 409, "{said}");
    assert!(detail.contains("`users` is for users") && detail.contains("auth"), "{said}");
    assert_eq!(ask(&world, "/p").await, (200, json!(1)));
    world.remove("pathways/users.yaml");
    assert_eq!(reload(&world).await["restart"], json!(["auth"]));
    assert_eq!(ask(&world, "/p").await, (200, json!(2)));
    // A topic is worked on with a journal or without.
    world.write("pathways/t.yaml", "pathway: t\non: { topic: t }\nreturn: 1\n");
    reload(&world).await;
    world.write("pathways/t.yaml", "pathway: t\non: { topic: t }\ndurability: none\nreturn: 1\n");
    let (status, said) = world.post("/reload").await;
    assert_eq!(status, 409, "{said}");
    assert!(said["detail"].as_str().unwrap().contains("`durability` of the topic `t`"), "{said}");
}

#[tokio::test]
async fn reloads_at_once_are_done_one_after_another() {
    let world = World::start(&open("p", "1")).await;
    world.write("pathways/p.yaml", &open("p", "2"));
    let all = futures_util::future::join_all((0..8).map(|_| reload(&world))).await;
    let changed = all.iter().filter(|said| said["pathways"]["changed"] == json!(["p"])).count();
    assert_eq!(changed, 1, "{all:?}");
    assert_eq!(ask(&world, "/p").await, (200, json!(2)));
}

#[tokio::test]
async fn schedules_and_topics_are_those_of_now() {
    let every = |cron: &str| format!("pathway: s\non: {{ schedule: {{ cron: '{cron}' }} }}\nreturn: 1\n");
    let world = World::start(&every("0 0 1 1 *")).await;
    world.write("pathways/p.yaml", &every("* * * * * *"));
    assert_eq!(reload(&world).await["pathways"]["added"], json!([] as [&str; 0]));
    let runs = tokio::time::timeout(DEADLINE, async {
        let mut observed = world.app.runner.observe();
        loop {
            let runs = world.get("/runs?pathway=s").await["runs"].as_array().unwrap().len();
            if runs > 0 {
                return runs;
            }
            observed.recv().await.unwrap();
        }
    });
    assert!(runs.await.unwrap() > 0);
    // A topic that nobody worked on before, with what is in it already.
    world.publish("late", "{}").await;
    world.write("pathways/p.yaml", "pathway: late\non: { topic: late }\nreturn: 1\n");
    assert_eq!(reload(&world).await["pathways"]["removed"], json!(["s"]));
    world.publish("late", "{}").await;
    tokio::time::timeout(DEADLINE, async {
        let mut observed = world.app.runner.observe();
        while world.get("/runs?pathway=late&status=succeeded").await["runs"].as_array().unwrap().len() < 2 {
            observed.recv().await.unwrap();
        }
    })
    .await
    .unwrap();
}

/// Readers of a feed that is the same stay; those of another are told to come again.
#[tokio::test]
async fn readers_of_a_feed_stay_while_it_is_the_same() {
    const FEED: &str = "feed: f\ntopic: news\nget: /f\nauth: none\nkey: record.value.to\nfor: query.to\n";
    let world = World::start(&open("p", "1")).await;
    world.write("pathways/f.yaml", FEED);
    reload(&world).await;
    let mut stream = client().get(world.door("/f?to=ann")).send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some_and(|opening| opening.starts_with(b":")));
    world.write("pathways/p.yaml", &open("p", "2"));
    assert_eq!(reload(&world).await["feeds"]["unchanged"], json!(["f"]));
    world.publish("news", "{\"to\":\"ann\",\"n\":1}").await;
    let event = tokio::time::timeout(DEADLINE, stream.chunk()).await.unwrap().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&event).contains("\"n\":1"), "{event:?}");
    world.write("pathways/f.yaml", &format!("{FEED}replay: 1m\n"));
    assert_eq!(reload(&world).await["feeds"]["changed"], json!(["f"]));
    let rest = tokio::time::timeout(DEADLINE, async {
        let mut rest = Vec::new();
        while let Some(chunk) = stream.chunk().await.unwrap() {
            rest.extend(chunk);
        }
        String::from_utf8(rest).unwrap()
    });
    assert!(rest.await.unwrap().contains("another now"));
}

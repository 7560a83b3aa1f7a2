//! What callers may ask of their runs.

use pathway_engine::vm::Class;
use pathway_server::store::Status;
use serde_json::json;

use crate::doors::BUDGET;
use crate::world::{Runner, World, failure, send, token};

#[tokio::test]
async fn a_run_is_there_for_its_subject_only() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let place = send(request).await.header("location").to_owned();
    let run = world.admitted().await;
    let shown = send(world.get(&place)).await.ok();
    assert_eq!(shown["id"], run.public_id);
    assert_eq!(shown["pathway"], "budget");
    assert_eq!(shown["created_at"], "2023-11-14T22:13:20Z");
    assert_eq!(shown["finished_at"], json!(null));

    for rest in ["", "/events"] {
        let url = format!("{}{place}{rest}", world.url);
        send(world.client.get(&url).bearer_auth(token("bob"))).await.problem(404);
        send(world.client.get(&url)).await.problem(404);
    }
    for rest in ["/cancel", "/signals/go"] {
        let url = format!("{}{place}{rest}", world.url);
        send(world.client.post(&url).bearer_auth(token("bob"))).await.problem(404);
        send(world.client.post(&url)).await.problem(404);
    }
    send(world.get("/api/runs/018f0000-0000-7000-8000-000000000001")).await.problem(404);
    assert!(world.commands.given.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_is_waited_for() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let answer = send(request).await;
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let place = answer.header("location").to_owned();
    let run = world.admitted().await;
    let shown = send(world.get(&format!("{place}?wait=0"))).await.ok();
    assert_eq!(shown["status"], "ready");
    for bad in ["wait=soon", "wait=-1", "wait=1&wait=2"] {
        send(world.get(&format!("{place}?{bad}"))).await.problem(400);
    }
    let waiting = tokio::spawn(send(world.get(&format!("{place}?wait=50"))));
    world.returns(&run, json!({ "fine": true })).await;
    let shown = waiting.await.unwrap().ok();
    assert_eq!((&shown["status"], &shown["result"]["fine"]), (&json!("succeeded"), &json!(true)));

    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let place = send(request).await.header("location").to_owned();
    world.admitted().await;
    let head = world.client.head(format!("{}{place}?wait=1", world.url)).bearer_auth(token("ann"));
    let head = head.send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test]
async fn a_failed_run_shows_its_problem() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let place = send(request).await.header("location").to_owned();
    let run = world.admitted().await;
    world.fails(&run, Status::Parked, failure(Class::Outage, "`api` could not be reached")).await;
    let shown = send(world.get(&place)).await.ok();
    assert_eq!(shown["status"], "parked");
    assert_eq!(shown["problem"]["status"], 503);
    assert_eq!(shown["problem"]["detail"], "`api` could not be reached");
}

#[tokio::test]
async fn runs_are_called_off_and_signalled() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let place = send(request).await.header("location").to_owned();
    let run = world.admitted().await;
    let id = &run.public_id;
    let signal =
        |name: &str, body: &str| world.post_text(&format!("{place}/signals/{name}"), body.to_owned());
    assert_eq!(send(signal("go", "[1]")).await.status, 202);
    assert_eq!(send(signal("go", "").header("idempotency-key", "k1")).await.status, 202);
    send(signal("go", "").header("idempotency-key", "")).await.problem(400);
    send(signal("go", "{")).await.problem(400);
    send(signal(&"x".repeat(200), "")).await.problem(400);
    assert_eq!(send(signal("nobody_waits", "")).await.problem(409)["detail"], "nobody waits for it");
    assert_eq!(send(world.post(&format!("{place}/cancel"), &json!({}))).await.status, 202);
    let given = std::mem::take(&mut *world.commands.given.lock().unwrap());
    let ann = "Some(\"ann\")";
    assert_eq!(
        given,
        [
            format!("go {id} [1] {ann} None"),
            format!("go {id} null {ann} Some(\"k1\")"),
            format!("nobody_waits {id} null {ann} None"),
            format!("cancel {id}")
        ]
    );
    world.returns(&run, json!(1)).await;
    send(world.post(&format!("{place}/cancel"), &json!({}))).await.problem(409);
    send(signal("go", "")).await.problem(409);
    assert!(world.commands.given.lock().unwrap().is_empty());
}

//! What holds of every request: problems, ids, bounds, origins, health, a graceful end.

use std::time::Duration;

use pathway_server::gateway::Limits;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::doors::BUDGET;
use crate::world::{Runner, UNVERIFIED, World, answer, send};

#[tokio::test]
async fn health_is_told() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    let get = |path: &str| send(world.client.get(format!("{}{path}", world.url)));
    for path in ["/health", "/livez", "/readyz"] {
        assert_eq!(get(path).await.ok(), json!({ "ok": true }));
    }
    world.ready.send(Err("the runner is catching up".into())).unwrap();
    let answer = get("/readyz").await;
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(answer.problem(503)["detail"], "the runner is catching up");
    assert_eq!(get("/health").await.ok(), json!({ "ok": true }));
    let head = world.client.head(format!("{}/health", world.url)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    send(world.get("/nothing")).await.problem(404);
    send(world.get("/api/runs/")).await.problem(404);
    send(world.get("/api/runs/%ff")).await.problem(400);
    let answer = send(world.get("/api/budget")).await;
    assert_eq!(answer.header("allow"), "POST");
    answer.problem(405);
    let answer = send(world.post("/health", &json!({}))).await;
    assert_eq!(answer.header("allow"), "GET,HEAD");
    answer.problem(405);
}

#[tokio::test]
async fn a_panic_tells_nothing_of_the_inside() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let request = world.post("/api/budget", &json!({ "totalIncome": 5 })).header("prefer", "respond-async");
    let place = send(request).await.header("location").to_owned();
    world.admitted().await;
    let request = world.post(&format!("{place}/signals/panic"), &json!({}));
    let answer = send(request.header("origin", "http://app.test")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://app.test");
    let problem = answer.problem(500);
    assert!(!problem.to_string().contains("secret"), "{problem}");
    send(world.get("/health")).await.ok();
}

#[tokio::test]
async fn requests_have_ids() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    let with = |id: &str| send(world.get("/health").header("x-request-id", id));
    assert_eq!(with("abc-1_2.3:4").await.header("x-request-id"), "abc-1_2.3:4");
    let long = "x".repeat(129);
    for bad in ["", "a b", "a\"b", &long] {
        let answer = with(bad).await;
        assert_eq!(uuid::Uuid::parse_str(answer.header("x-request-id")).unwrap().get_version_num(), 7);
    }
}

#[tokio::test]
async fn only_the_projects_origins_may_call() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    let preflight = |origin: &str| {
        world
            .client
            .request(Method::OPTIONS, format!("{}/api/budget", world.url))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization")
    };
    let answer = send(preflight("http://app.test")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "http://app.test");
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    for header in [
        "authorization",
        "content-type",
        "idempotency-key",
        "last-event-id",
        "prefer",
        "traceparent",
        "tracestate",
        "x-request-id",
    ] {
        assert!(answer.header("access-control-allow-headers").contains(header), "{header}");
    }
    assert!(answer.header("vary").contains("origin"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for foreign in ["http://app.test.evil", "https://app.test", "null", "http://app.test:81"] {
        assert_eq!(send(preflight(foreign)).await.header("access-control-allow-origin"), "", "{foreign}");
    }
    let request = world.post("/api/budget", &json!({ "totalIncome": 1 })).header("origin", "http://app.test");
    let answer = send(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://app.test");
    for header in
        ["location", "retry-after", "preference-applied", "x-request-id", "pathway-run", "www-authenticate"]
    {
        assert!(answer.header("access-control-expose-headers").contains(header), "{header}");
    }
    assert!(answer.header("vary").contains("origin"));

    let closed = World::start_with("auth: { mode: unverified }", &[], Runner::Echo, Limits::default()).await;
    let request = closed.get("/health").header("origin", "http://app.test");
    assert_eq!(send(request).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn heads_are_bounded() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    send(world.get(&format!("/health?{}", "x".repeat(9_000)))).await.problem(414);
    send(world.get("/health").header("x-long", "x".repeat(33_000))).await.problem(431);
    send(world.get("/health").header("x-long", "x".repeat(200_000))).await.problem(431);
    let many = (0..200).fold(world.get("/health"), |request, n| request.header(format!("x-{n}"), "1"));
    send(many).await.problem(431);
    send(world.get("/health")).await.ok();
}

/// What a raw client reads until the server closes.
async fn raw(world: &World, text: &str) -> String {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut read = String::new();
    let reading = stream.read_to_string(&mut read);
    tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap().unwrap();
    read
}

/// The problem in what a raw client read.
fn refused(read: &str, status: u16) -> serde_json::Value {
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{read}");
    assert!(head.contains("content-type: application/problem+json"), "{read}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{read}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["status"], status);
    assert!(head.contains(&format!("x-request-id: {}", problem["instance"].as_str().unwrap())), "{read}");
    problem
}

#[tokio::test]
async fn what_is_no_request_is_a_problem_too() {
    let world = World::start(&[BUDGET], Runner::Echo).await;
    for bad in [
        "what is this\r\n\r\n",
        "GET /health HTTP/7.0\r\n\r\n",
        "GET /health HTTP/1.1\r\nbad header\r\n\r\n",
        "GET /he alth HTTP/1.1\r\n\r\n",
        "POST /api/budget HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n",
        "POST /api/budget HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "\0\0\0",
    ] {
        refused(&raw(&world, bad).await, 400);
    }
    // After one that was good, on the same connection.
    let both = "GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/7.0\r\n\r\n";
    let read = raw(&world, both).await;
    let (good, bad) = read.split_at(read.find("}HTTP/1.1").unwrap() + 1);
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("{\"ok\":true}"), "{read}");
    refused(bad, 400);
}

#[tokio::test]
async fn a_trace_goes_on_in_the_record() {
    let mut world = World::start(&[BUDGET], Runner::Echo).await;
    let ask = || world.post("/api/budget", &json!({ "totalIncome": 1 }));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    send(ask().header("traceparent", parent).header("tracestate", "a=b")).await.ok();
    send(ask().header("traceparent", "00-nonsense").header("tracestate", "a=b")).await.ok();
    let traced = |record: &pathway_server::store::Record| {
        let of_trace = record.headers.iter().filter(|(name, _)| name.starts_with("trace"));
        of_trace
            .map(|(name, value)| (name.clone(), String::from_utf8(value.clone()).unwrap()))
            .collect::<Vec<_>>()
    };
    let (name, state) = ("traceparent".to_owned(), "tracestate".to_owned());
    assert_eq!(
        traced(&world.admitted().await.record),
        [(name, parent.to_owned()), (state, "a=b".to_owned())]
    );
    assert_eq!(traced(&world.admitted().await.record), []);
}

#[tokio::test]
async fn slow_heads_and_bodies_are_given_up() {
    let limits = Limits { reading: Duration::from_millis(50), ..Limits::default() };
    let world = World::start_with(UNVERIFIED, &[OPEN], Runner::Echo, limits).await;
    assert!(!raw(&world, "GET /health HT").await.contains("200"));
    let body = raw(&world, "POST /open HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{").await;
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(body.contains("application/problem+json"));
}

const OPEN: &str = r#"
pathway: open
on: { http: { post: /open, auth: none } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

#[tokio::test]
async fn a_connection_that_has_no_place_waits() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let world = World::start_with(UNVERIFIED, &[OPEN], Runner::Echo, limits).await;
    let address = world.url.strip_prefix("http://").unwrap();
    let first = TcpStream::connect(address).await.unwrap();
    let request = tokio::spawn(send(world.get("/health")));
    drop(first);
    request.await.unwrap().ok();
}

#[tokio::test]
async fn what_waits_is_answered_before_the_server_ends() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let waiting = world.post("/api/budget", &json!({ "totalIncome": 5 })).send();
    let waiting = tokio::spawn(waiting);
    let run = world.admitted().await;
    world.stop.cancel();
    world.returns(&run, json!({ "fine": true })).await;
    assert_eq!(answer(waiting.await.unwrap().unwrap()).await.ok()["fine"], true);
    world.served.take().unwrap().await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_too_long_is_cut_off() {
    let limits = Limits { grace: Duration::from_millis(20), ..Limits::default() };
    let mut world = World::start_with(UNVERIFIED, &[BUDGET], Runner::Manual, limits).await;
    let waiting = tokio::spawn(world.post("/api/budget", &json!({ "totalIncome": 5 })).send());
    world.admitted().await;
    world.stop.cancel();
    world.served.take().unwrap().await.unwrap().unwrap();
    assert!(waiting.await.unwrap().is_err());
}

//! Server-sent events.

use std::time::Duration;

use pathway_engine::vm::Class;
use pathway_server::gateway::Limits;
use pathway_server::piece::Said;
use pathway_server::store::Status;
use reqwest::Response;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{Admitted, Runner, UNVERIFIED, World, answer, failure, send, token};

const CHAT: &str = r#"
pathway: chat
on:
  correlation: correlation_id
  subject: input.userId
  http:
    post: /chat
    mode: stream
    auth: user
    emit: { text: "{{ emitted }}" }
    done: { done: true }
    error: { error: "{{ error.message }}" }
input: { type: object, required: [message] }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const PLAIN: &str = r#"
pathway: plain
on: { http: { get: /plain, mode: stream, auth: none } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

async fn open(world: &mut World) -> (Response, Admitted) {
    let response = world.post("/chat", &json!({ "message": "hi" })).send().await.unwrap();
    assert_eq!(response.status(), 200);
    (response, world.admitted().await)
}

/// A client that reads when it likes.
async fn open_raw(world: &mut World) -> (TcpStream, Admitted) {
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    let (body, token) = (r#"{"message":"hi"}"#, token("ann"));
    let length = body.len();
    let head = format!(
        "POST /chat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}"
    );
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    (stream, world.admitted().await)
}

async fn next(response: &mut Response) -> Option<String> {
    let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await.unwrap().unwrap();
    chunk.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

async fn all(mut response: Response) -> Vec<String> {
    let mut events = Vec::new();
    while let Some(event) = next(&mut response).await {
        events.push(event);
    }
    events
}

fn data(id: &str, json: &str) -> String {
    format!("id: {id}\ndata: {json}\n\n")
}

#[tokio::test]
async fn events_arrive_one_by_one_in_the_doors_form() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let (mut response, run) = open(&mut world).await;
    let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache");
    assert_eq!(header("x-accel-buffering"), "no");
    assert_eq!(header("pathway-run"), run.public_id);
    assert!(next(&mut response).await.unwrap().starts_with(':'));
    for (seq, word) in ["a", "line\nbreak", "ü\u{2028}"].iter().enumerate() {
        let seq = u32::try_from(seq).unwrap();
        world.emits(&run, (1, seq), json!(word)).await;
        let event = next(&mut response).await.unwrap();
        assert_eq!(event, data(&format!("1.{seq}"), &json!({ "text": word }).to_string()));
    }
    world.streams(&run, (2, 0), Said::Reset).await;
    assert_eq!(next(&mut response).await.unwrap(), "id: 2.0\nevent: reset\ndata: {}\n\n");
    world.returns(&run, json!({ "text": "all" })).await;
    assert_eq!(next(&mut response).await.unwrap(), data("2.1", r#"{"done":true}"#));
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test]
async fn a_failure_is_an_event_once_the_stream_is_open() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let (response, run) = open(&mut world).await;
    world.fails(&run, Status::Parked, failure(Class::Outage, "`gemini` is down")).await;
    let events = all(response).await;
    assert_eq!(events.last().unwrap(), &data("1.0", r#"{"error":"`gemini` is down"}"#));
}

#[tokio::test]
async fn a_failure_before_is_a_status() {
    let world = World::start(&[CHAT], Runner::Manual).await;
    send(world.post("/chat", &json!({}))).await.problem(422);
    send(world.post("/chat", &json!({ "message": "", "userId": "bob" }))).await.problem(403);
    send(world.client.post(format!("{}/chat", world.url)).body("{}")).await.problem(401);
}

#[tokio::test]
async fn without_a_form_everything_is_said_as_it_is() {
    let mut world = World::start(&[PLAIN], Runner::Manual).await;
    let response = world.get("/plain").send().await.unwrap();
    let run = world.admitted().await;
    world.emits(&run, (1, 0), json!({ "a": 1 })).await;
    world.returns(&run, json!([2])).await;
    assert_eq!(all(response).await[1..], [data("1.0", r#"{"a":1}"#), data("1.1", "[2]")]);

    let response = world.get("/plain").send().await.unwrap();
    let run = world.admitted().await;
    world.fails(&run, Status::Failed, failure(Class::Invalid, "no")).await;
    let events = all(response).await;
    let problem: serde_json::Value =
        serde_json::from_str(events[1].strip_prefix("id: 1.0\ndata: ").unwrap()).unwrap();
    assert_eq!((&problem["status"], &problem["run"]), (&json!(422), &json!(run.public_id)));
}

#[tokio::test]
async fn who_prefers_not_to_listen_is_told_where_to_ask() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let request = world.post("/chat", &json!({ "message": "hi" })).header("prefer", "respond-async");
    let answer = send(request).await;
    assert_eq!((answer.status, answer.header("preference-applied")), (202, "respond-async"));
    assert_eq!(answer.body["id"], world.admitted().await.public_id);
}

#[tokio::test]
async fn a_stream_is_read_again_from_where_it_broke_off() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let (response, run) = open(&mut world).await;
    drop(response);
    for seq in 0..100 {
        world.emits(&run, (1, seq), json!(seq)).await;
    }
    world.emits(&run, (3, 0), json!("x")).await;
    let place = format!("/api/runs/{}/events", run.public_id);
    let from = |id: &str| world.get(&place).header("last-event-id", id);

    let mut waiting = from("3.0").send().await.unwrap();
    assert!(next(&mut waiting).await.unwrap().starts_with(':'));
    world.returns(&run, json!(1)).await;
    let done = data("3.1", r#"{"done":true}"#);
    assert_eq!(next(&mut waiting).await.unwrap(), done);
    assert_eq!(next(&mut waiting).await, None);

    let whole = all(world.get(&place).send().await.unwrap()).await;
    assert_eq!(whole.len(), 103);
    assert_eq!(whole[1], data("1.0", r#"{"text":0}"#));
    let rest = all(from("1.97").send().await.unwrap()).await;
    let texts =
        [data("1.98", r#"{"text":98}"#), data("1.99", r#"{"text":99}"#), data("3.0", r#"{"text":"x"}"#)];
    assert_eq!(rest[1..], [&texts[..], std::slice::from_ref(&done)].concat());
    assert_eq!(all(from("3.0").send().await.unwrap()).await[1..], [done]);
    for foreign in ["0.0", "1.100", "2.0", "3.2", "9.9", "0-5", "x", "4294967295.4294967295"] {
        assert_eq!(all(from(foreign).send().await.unwrap()).await, whole, "{foreign}");
    }
    let end = answer(from("3.1").send().await.unwrap()).await;
    assert_eq!((end.status, end.body), (204, json!("")));
    let other = world.client.get(format!("{}{place}", world.url)).bearer_auth(token("bob"));
    send(other.header("last-event-id", "1.0")).await.problem(404);
}

#[tokio::test]
async fn a_silent_stream_ends_when_it_is_read_at_its_end() {
    let mut world = World::start(&[PLAIN], Runner::Echo).await;
    world.get("/plain").send().await.unwrap();
    let run = world.admitted().await;
    let place = format!("/api/runs/{}/events", run.public_id);
    assert_eq!(all(world.get(&place).send().await.unwrap()).await[1..], [data("1.0", "{}")]);
    assert_eq!(world.get(&place).header("last-event-id", "1.0").send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_quiet_stream_is_kept_open() {
    let limits = Limits { keep_alive: Duration::from_millis(5), ..Limits::default() };
    let mut world = World::start_with(UNVERIFIED, &[CHAT], Runner::Manual, limits).await;
    let (mut response, run) = open(&mut world).await;
    for _ in 0..4 {
        assert!(next(&mut response).await.unwrap().starts_with(':'));
    }
    world.returns(&run, json!(1)).await;
    let events = all(response).await;
    assert_eq!(events.last().unwrap(), &data("1.0", r#"{"done":true}"#));
}

#[tokio::test]
async fn the_end_of_the_server_is_the_end_of_its_streams() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let (response, _run) = open(&mut world).await;
    world.stop.cancel();
    let events = all(response).await;
    assert_eq!(events.last().unwrap(), ": the server is stopping\n\n");
    world.served.take().unwrap().await.unwrap().unwrap();
    assert!(world.get("/health").send().await.is_err());
}

/// One that reads nothing at first, while another is served; then it gets everything.
#[tokio::test]
async fn a_slow_reader_holds_nobody_up() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let (mut slow, run) = open_raw(&mut world).await;
    let big = "x".repeat(100_000);
    for seq in 0..100 {
        world.emits(&run, (1, seq), json!(big)).await;
    }
    world.returns(&run, json!(1)).await;
    let (response, other) = open(&mut world).await;
    world.emits(&other, (1, 0), json!("quick")).await;
    world.returns(&other, json!(1)).await;
    assert_eq!(all(response).await.len(), 3);

    let mut text = Vec::new();
    while !text.ends_with(b"\r\n0\r\n\r\n") {
        assert_ne!(slow.read_buf(&mut text).await.unwrap(), 0, "the stream broke off");
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("data: {\"text\"").count(), 100);
    assert!(text.contains(r#"data: {"done":true}"#));
}

/// One that never reads loses its connection.
#[tokio::test]
async fn a_reader_that_takes_nothing_is_let_go() {
    let limits = Limits { writing: Duration::from_millis(100), connections: 1, ..Limits::default() };
    let mut world = World::start_with(UNVERIFIED, &[CHAT], Runner::Manual, limits).await;
    let (_stuck, run) = open_raw(&mut world).await;
    let big = "x".repeat(1_000_000);
    for seq in 0..16 {
        world.emits(&run, (1, seq), json!(big)).await;
    }
    // There was one place, and it was taken.
    send(world.get("/health")).await.ok();
}

//! Doors of a project that verifies tokens.

use std::io;
use std::sync::{Arc, Mutex};

use pathway_engine::project::LogFormat;
use pathway_server::telemetry::{Filter, subscriber};
use reqwest::Response;
use serde_json::json;
use tokio::net::TcpListener;

use crate::login::{VERIFIED, login, login_for, start};
use crate::world::{ADMIN, Runner, World, send, token};

const ONCE: &str = r#"
pathway: once
on: { http: { get: /once } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const LIVE: &str = r#"
pathway: live
on: { http: { get: /live, mode: stream } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const CHAT: &str = r#"
pathway: chat
on: { http: { post: /chat, mode: stream } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const SERVICE: &str = r#"
pathway: nightly
on: { http: { post: /nightly, auth: service } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const SERVICE_STREAM: &str = r#"
pathway: watched
on: { http: { get: /watched, mode: stream, auth: service } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

async fn status(world: &World, path_and_query: &str) -> u16 {
    world.client.get(format!("{}{path_and_query}", world.url)).send().await.unwrap().status().as_u16()
}

async fn rest(response: Response) -> String {
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, response.text()).await.unwrap().unwrap()
}

#[tokio::test]
async fn who_calls_is_who_the_token_was_given_to() {
    let (mut world, clock) = start(VERIFIED, &[ONCE], Runner::Echo).await;
    let get = |token: &str| send(world.client.get(format!("{}/once", world.url)).bearer_auth(token));
    get(&login("ann")).await.ok();
    let unsigned = get(&token("ann")).await;
    assert_eq!(
        unsigned.header("www-authenticate"),
        "Bearer error=\"invalid_token\", error_description=\"the token has no time of expiry\""
    );
    unsigned.problem(401);
    clock.set(3610);
    let expired = get(&login("ann")).await.problem(401);
    assert_eq!(expired["detail"], "the token has expired");
    let run = world.admitted().await;
    assert_eq!(world.sealed(&run).token, Some(login("ann")));
    assert!(world.nothing_admitted());
}

#[tokio::test]
async fn that_nobody_can_verify_a_token_is_not_its_fault() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let project = format!("auth: {{ introspect: \"http://{}/user\" }}\n", closed.local_addr().unwrap());
    drop(closed);
    let open = ONCE.replace("get: /once", "get: /once, auth: optional");
    let (world, _) = start(&project, &[&open], Runner::Echo).await;
    let once = || world.client.get(format!("{}/once", world.url));
    let answer = send(once().bearer_auth(login("ann"))).await;
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("www-authenticate"), "");
    let problem = answer.problem(503);
    assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
    send(once()).await.ok();
}

#[tokio::test]
async fn a_token_may_stand_in_the_query_of_a_stream_alone() {
    let (mut world, _) = start(VERIFIED, &[ONCE, LIVE, CHAT], Runner::Echo).await;
    let (ann, bob) = (login("ann"), login("bob"));
    assert_eq!(status(&world, &format!("/live?a=1&access_token={ann}")).await, 200);
    let run = world.admitted().await;
    assert_eq!(run.input, json!({ "a": "1" }));
    assert_eq!(world.sealed(&run).token.as_deref(), Some(&*ann));
    let id = run.public_id;
    assert_eq!(status(&world, &format!("/api/runs/{id}/events?access_token={ann}")).await, 200);
    assert_eq!(status(&world, &format!("/api/runs/{id}/events?access_token={bob}")).await, 404);
    assert_eq!(status(&world, &format!("/api/runs/{id}?access_token={ann}")).await, 404);
    assert_eq!(status(&world, &format!("/once?access_token={ann}")).await, 401);
    assert_eq!(status(&world, "/live?access_token=").await, 401);
    assert_eq!(status(&world, "/live?access_token=a.b.c").await, 401);
    assert_eq!(status(&world, &format!("/live?access_token={ann}&access_token={ann}")).await, 401);
    assert_eq!(status(&world, &format!("/live?access_token={ann}&ticket=x")).await, 401);
    let chat = world.client.post(format!("{}/chat?access_token={ann}", world.url)).body("{}");
    send(chat).await.problem(401);
    // What the head says holds.
    let both = world.client.get(format!("{}/live?access_token={bob}", world.url)).bearer_auth(&ann);
    assert_eq!(both.send().await.unwrap().status(), 200);
    let run = world.admitted().await;
    assert_eq!(world.sealed(&run).principal.sub, "ann");
    assert!(world.nothing_admitted());

    let never = VERIFIED.replace("streams", "never");
    let (mut world, _) = start(&never, &[LIVE], Runner::Echo).await;
    assert_eq!(status(&world, &format!("/live?access_token={ann}")).await, 401);
    assert!(world.nothing_admitted());
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_credentials_are_logged() {
    let sink = Sink::default();
    // All but the client of this test, which is in the same process.
    let directives = "trace,reqwest=off,hyper_util=off".to_owned();
    let filter = Filter { name: "test".to_owned(), directives };
    let writer = sink.clone();
    let subscriber = subscriber(LogFormat::Json, &filter, false, move || writer.clone()).unwrap();
    let _logging = tracing::subscriber::set_default(subscriber);

    let (mut world, _) = start(VERIFIED, &[LIVE, ONCE, SERVICE], Runner::Echo).await;
    let good = login("ann");
    let ticket = world.client.post(format!("{}/api/stream-tickets", world.url)).bearer_auth(&good);
    let ticket = send(ticket).await.ok()["ticket"].as_str().unwrap().to_owned();
    let bad = format!("{}AAAA", login("bob"));
    for path in ["/live", "/once", "/nowhere", "/api/runs/x", "/api/runs/x/events", "/nightly"] {
        for shown in [&good, &bad, &ticket] {
            for name in ["access_token", "ticket"] {
                status(&world, &format!("{path}?{name}={shown}")).await;
            }
            world.client.get(format!("{}{path}", world.url)).bearer_auth(shown).send().await.unwrap();
        }
    }
    send(world.client.post(format!("{}/nightly", world.url)).bearer_auth(ADMIN)).await.ok();
    world.admitted().await;
    let logged = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("\"path\":\"/api/runs/x/events\""), "{logged}");
    for secret in [&*good, &*bad, &*ticket, ADMIN] {
        let (_, tail) = secret.split_at(secret.len() - 12);
        let found = logged.lines().find(|line| line.contains(tail));
        assert_eq!(found, None);
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let (mut world, _) = start(VERIFIED, &[LIVE, CHAT], Runner::Manual).await;
    let short = login_for("ann", 1);
    let chat = world.client.post(format!("{}/chat", world.url)).bearer_auth(&short).body("{}");
    let chat = chat.send().await.unwrap();
    let run = world.admitted().await;
    world.emits(&run, (1, 0), json!("before")).await;
    let events = format!("{}/api/runs/{}/events?access_token={short}", world.url, run.public_id);
    let again = world.client.get(events).send().await.unwrap();
    for response in [chat, again] {
        let text = rest(response).await;
        assert!(text.contains("\"before\""), "{text}");
        assert!(text.ends_with(": the token has expired\nevent: reauth\ndata: {}\n\n"), "{text}");
    }
    // The run goes on, and is there for who has a new token.
    world.returns(&run, json!("after")).await;
    let events = world.client.get(format!("{}/api/runs/{}/events", world.url, run.public_id));
    let text = rest(events.bearer_auth(login("ann")).send().await.unwrap()).await;
    assert!(text.contains("\"after\"") && !text.contains("reauth"), "{text}");
}

#[tokio::test]
async fn services_show_the_admin_token() {
    let (mut world, _) = start(VERIFIED, &[SERVICE, SERVICE_STREAM, ONCE], Runner::Echo).await;
    let nightly = || world.client.post(format!("{}/nightly", world.url)).body("{}");
    send(nightly()).await.problem(401);
    send(nightly().bearer_auth(login("ann"))).await.problem(401);
    send(nightly().bearer_auth(format!("{ADMIN}x"))).await.problem(401);
    send(world.client.get(format!("{}/once", world.url)).bearer_auth(ADMIN)).await.problem(401);
    send(nightly().bearer_auth(ADMIN)).await.ok();

    let run = world.admitted().await;
    let sealed = world.sealed(&run);
    assert_eq!(
        (sealed.principal.sub.as_str(), sealed.principal.role.as_deref()),
        ("service", Some("service"))
    );
    assert_eq!((sealed.principal.has_token, sealed.token), (false, None));
    let shown = |token: &str| {
        send(world.client.get(format!("{}/api/runs/{}", world.url, run.public_id)).bearer_auth(token))
    };
    shown(ADMIN).await.ok();
    shown(&login("ann")).await.problem(404);
    shown(&login("service")).await.problem(401);

    let ticket = world.client.post(format!("{}/api/stream-tickets", world.url)).bearer_auth(login("ann"));
    let ticket = send(ticket).await.ok()["ticket"].as_str().unwrap().to_owned();
    for query in [format!("ticket={ticket}"), format!("access_token={ADMIN}"), format!("ticket={ADMIN}")] {
        assert_eq!(status(&world, &format!("/watched?{query}")).await, 401);
    }
    assert!(world.nothing_admitted());
}

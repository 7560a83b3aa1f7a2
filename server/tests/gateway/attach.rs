//! `attach`: joining the stream of a run by its correlation id.

use std::time::Duration;

use pathway_engine::journal::Principal;
use pathway_engine::vm::Class;
use pathway_server::bus::NewRecord;
use pathway_server::envelope::{Envelope, Sealed};
use pathway_server::piece::Said;
use pathway_server::store::Status;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::event_source::{EventSource, Message};
use crate::world::{Admitted, Runner, World, answer, failure, send, token};

const CHAT: &str = r#"
pathway: chat
on:
  correlation: correlation_id
  reply:
    topic: chat_responses
    emit: { event: chunk, text: "{{ emitted }}" }
    done: { event: done }
    error: { event: error, error: "{{ error.message }}" }
  http:
    post: /chat
    mode: stream
    attach: /chat
    emit: { text: "{{ emitted }}" }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

/// Short-sighted: who asks for what is not there is told so at once.
const SHORT: &str = r#"
pathway: short
on:
  reply: { topic: replies, done: { all: done } }
  http: { post: /short, mode: accept, timeout: 50ms, attach: /short/joined }
return: 1
"#;

const ANYONE: &str = r#"
pathway: anyone
on: { http: { post: /anyone, mode: stream, auth: none, attach: /anyone, emit: { said: "{{ emitted }}" } } }
return: 1
"#;

impl World {
    async fn asked(&mut self, path: &str) -> Admitted {
        let request = self.post(path, &json!({})).header("prefer", "respond-async");
        assert_eq!(request.send().await.unwrap().status(), 202);
        self.admitted().await
    }

    /// A run of ann with these ids, from elsewhere.
    async fn begins(&mut self, pathway: &str, id: &str, correlation: &str) -> Admitted {
        let principal = Principal { sub: "ann".to_owned(), role: None, claims: None, has_token: false };
        let sealed = Sealed { principal, token: None }.seal(&self.keys, pathway, id).unwrap();
        let envelope = Envelope {
            pathway: pathway.to_owned(),
            run: id.to_owned(),
            correlation: correlation.to_owned(),
            sealed: Some(sealed),
            ..Envelope::default()
        };
        let record = NewRecord {
            topic: format!("pathway.{pathway}"),
            key: None,
            value: Some(b"{}".to_vec().into()),
            headers: envelope.to_headers().into(),
            time: 0,
        };
        self.parts.bus.publish(vec![record]).await.unwrap();
        self.admitted().await
    }

    fn join(&self, path: &str, run: &str) -> RequestBuilder {
        self.get(&format!("{path}?correlation_id={run}"))
    }
}

fn message(id: &str, data: serde_json::Value) -> Option<Message> {
    Some(Message { id: id.to_owned(), data })
}

#[tokio::test]
async fn a_run_is_told_in_the_words_of_its_reply() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let run = world.asked("/chat").await;
    world.emits(&run, (1, 0), json!("a")).await;
    let mut joined = EventSource::open(world.join("/chat", &run.public_id)).await;
    assert_eq!(joined.next().await, message("1.0", json!({ "event": "chunk", "text": "a" })));
    world.emits(&run, (1, 1), json!("b")).await;
    assert_eq!(joined.next().await, message("1.1", json!({ "event": "chunk", "text": "b" })));
    world.returns(&run, json!(1)).await;
    assert_eq!(joined.next().await, message("1.2", json!({ "event": "done" })));
    assert_eq!(joined.next().await, None);

    let after = |id: &str| world.join("/chat", &run.public_id).header("last-event-id", id);
    let mut rest = EventSource::open(after("1.0")).await;
    assert_eq!(rest.rest().await, [json!({ "event": "chunk", "text": "b" }), json!({ "event": "done" })]);
    assert_eq!(EventSource::open(after("7.7")).await.rest().await.len(), 3);
    assert_eq!(answer(after("1.2").send().await.unwrap()).await.status, 204);

    let failing = world.asked("/chat").await;
    world.fails(&failing, Status::Parked, failure(Class::Outage, "it is down")).await;
    let mut joined = EventSource::open(world.join("/chat", &failing.public_id)).await;
    assert_eq!(joined.rest().await, [json!({ "event": "error", "error": "it is down" })]);
}

#[tokio::test]
async fn what_has_no_form_in_a_reply_is_not_told() {
    let mut world = World::start(&[SHORT], Runner::Manual).await;
    let run = world.asked("/short").await;
    world.emits(&run, (1, 0), json!("a")).await;
    world.returns(&run, json!(1)).await;
    let mut joined = EventSource::open(world.join("/short/joined", &run.public_id)).await;
    assert_eq!(joined.rest().await, [json!({ "all": "done" })]);
}

#[tokio::test]
async fn without_a_reply_it_is_told_as_at_the_door() {
    let mut world = World::start(&[ANYONE], Runner::Manual).await;
    let run = world.asked("/anyone").await;
    world.emits(&run, (1, 0), json!("a")).await;
    world.streams(&run, (1, 1), Said::Emitted("b".into())).await;
    world.returns(&run, json!([1])).await;
    // Nobody in particular started it, so whoever knows its id may read it.
    let request = world.client.get(format!("{}/anyone?correlation_id={}", world.url, run.public_id));
    let told = EventSource::open(request).await.rest().await;
    assert_eq!(told, [json!({ "said": "a" }), json!({ "said": "b" }), json!([1])]);
}

#[tokio::test]
async fn a_run_is_there_for_who_started_it() {
    let mut world = World::start(&[SHORT, CHAT], Runner::Manual).await;
    let run = world.asked("/short").await;
    let place = format!("{}/short/joined?correlation_id={}", world.url, run.public_id);
    let theirs = send(world.client.get(&place).bearer_auth(token("bob"))).await.problem(404);
    let nobodys = send(world.join("/short/joined", "no-such-run")).await.problem(404);
    assert_eq!(theirs["detail"], nobodys["detail"]);
    send(world.client.get(&place)).await.problem(401);
    let problem = send(world.get("/chat")).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "/correlation_id");
    let elsewhere = world.begins("short", "018f0000-0000-7000-8000-000000000001", "c-7").await;
    world.returns(&elsewhere, json!(1)).await;
    let mut joined = EventSource::open(world.join("/short/joined", "c-7")).await;
    assert_eq!(joined.rest().await, [json!({ "all": "done" })]);
    send(world.join("/short/joined", &elsewhere.public_id)).await.problem(404);
    // Of another pathway.
    let other = world.asked("/chat").await;
    send(world.join("/short/joined", &other.public_id)).await.problem(404);
}

/// A browser may ask before what it asks for was begun.
#[tokio::test]
async fn a_run_that_is_not_there_yet_is_waited_for() {
    let mut world = World::start(&[CHAT], Runner::Manual).await;
    let id = "018f0000-0000-7000-8000-000000000001";
    let joining = tokio::spawn(EventSource::open(world.join("/chat", id)));
    let run = world.asked("/chat").await;
    world.returns(&run, json!(1)).await;
    let later = world.begins("chat", id, id).await;
    world.returns(&later, json!(2)).await;
    let mut joined = tokio::time::timeout(Duration::from_secs(20), joining).await.unwrap().unwrap();
    assert_eq!(joined.rest().await, [json!({ "event": "done" })]);
}

//! What records say, who they come from, and what becomes of those that are over at once.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use pathway_engine::journal::Principal;
use pathway_server::runner::{NotVouched, Vouch};

use super::*;

/// Believes tokens of the form `good NAME`.
#[derive(Debug)]
struct Believer {
    /// How often it is out of reach first.
    away: Mutex<u32>,
}

impl Vouch for Believer {
    fn vouch<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, NotVouched>> {
        Box::pin(async move {
            let mut away = self.away.lock().unwrap();
            if *away > 0 {
                *away -= 1;
                return Err(NotVouched::Unavailable("nobody is there".into()));
            }
            let denied = || NotVouched::Denied("the token is no good".into());
            let sub = token.strip_prefix("good ").ok_or_else(denied)?.to_owned();
            Ok(Principal { sub, role: Some("authenticated".into()), claims: None, has_token: true })
        })
    }
}

async fn world(pathway: &str) -> World {
    world_with(pathway, Believer { away: Mutex::new(0) }).await
}

async fn world_with(pathway: &str, believer: Believer) -> World {
    let store = SqliteStore::in_memory().unwrap();
    World::start_with(store, program("{}", &[pathway]), Some(Arc::new(believer))).await
}

const ASKS: &str = "pathway: p
on: { topic: t, subject: input.user, token: bearer }
return: { sub: \"{{ auth.sub }}\", token: \"{{ auth.has_token }}\", bearer: \"{{ input.bearer is defined }}\" }
";

fn failure(run: &Run) -> Failure {
    match outcome(run) {
        Outcome::Failure(failure) => failure,
        Outcome::Answer(answer) => panic!("{answer}"),
    }
}

#[tokio::test]
async fn a_token_in_a_record_says_who_asks_and_is_kept_nowhere() {
    let world = world(ASKS).await;
    world.publish("t", r#"{"user": "ann", "bearer": "good ann"}"#).await;
    let runs = world.until(Status::Succeeded, 1).await;
    assert_eq!(answer(&runs[0]), r#"{"sub":"ann","token":true,"bearer":false}"#);
    assert_eq!(runs[0].subject.as_deref(), Some("ann"));
    for event in world.store.events(runs[0].id).await.unwrap() {
        let text = String::from_utf8(event.payload).unwrap();
        assert!(!text.contains("good ann"), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_good_is_denied_and_not_served_as_anybody() {
    for trust in ["", ", trust: producers"] {
        let world = world(&ASKS.replace("token: bearer", &format!("token: bearer{trust}"))).await;
        for (n, (record, message)) in [
            (r#"{"user": "ann", "bearer": "forged"}"#, "the token is no good"),
            (r#"{"user": "ann", "bearer": "good bob"}"#, "this is about somebody else than who asks"),
            (r#"{"user": "ann", "bearer": 7}"#, "`bearer` is not a token"),
        ]
        .into_iter()
        .enumerate()
        {
            world.publish("t", record).await;
            let failed = failure(&world.until(Status::Parked, n + 1).await[0]);
            assert_eq!((failed.class, &*failed.message), (Class::Denied, message));
        }
        let letters = world.values("t.dlq").await;
        assert_eq!(letters.len(), 3);
        assert!(letters.iter().all(|letter| !letter.contains("forged") && !letter.contains("good bob")));
    }
}

#[tokio::test]
async fn nobody_is_denied_while_tokens_cannot_be_verified() {
    let world = world_with(ASKS, Believer { away: Mutex::new(1) }).await;
    world.publish("t", r#"{"user": "ann", "bearer": "good ann"}"#).await;
    assert_eq!(world.until(Status::Succeeded, 1).await.len(), 1);
}

#[tokio::test]
async fn a_record_without_a_token_is_served_only_where_producers_are_trusted() {
    let untrusting = world(ASKS).await;
    untrusting.publish("t", r#"{"user": "ann", "bearer": null}"#).await;
    let parked = untrusting.until(Status::Parked, 1).await;
    assert_eq!(failure(&parked[0]).message, "nobody vouches for who asks");

    let trusting = world(&ASKS.replace("token: bearer", "token: bearer, trust: producers")).await;
    trusting.publish("t", r#"{"user": "ann"}"#).await;
    let runs = trusting.until(Status::Succeeded, 1).await;
    assert_eq!(answer(&runs[0]), r#"{"sub":"ann","token":false,"bearer":false}"#);
}

/// Headers, a value, and the answer or the complaint.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Result<&'a str, &'a str>);

#[tokio::test]
async fn cloud_events_are_read_in_both_modes() {
    let world = world("pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n").await;
    let structured = "application/cloudevents+json; charset=utf-8";
    let cases: [Case<'_>; 5] = [
        (&[], r#"{"n": 1}"#, Ok("1")),
        (&[("ce_specversion", "1.0"), ("content-type", "application/json")], r#"{"n": 2}"#, Ok("2")),
        (&[("content-type", structured)], r#"{"specversion": "1.0", "data": {"n": 3}}"#, Ok("3")),
        (&[("content-type", structured)], r#"{"n": 4}"#, Err("no `specversion`")),
        (&[("content-type", structured)], r#"{"specversion": "1.0", "data_base64": "e30="}"#, Err("binary")),
    ];
    let (mut succeeded, mut parked) = (0, 0);
    for (headers, value, expected) in cases {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec()));
        let value = Some(value.as_bytes().to_vec());
        let record = NewRecord {
            topic: "t".into(),
            key: None,
            value: value.map(Into::into),
            headers: headers.collect::<Vec<_>>().into(),
            time: now(),
        };
        world.bus.publish(vec![record]).await.unwrap();
        match expected {
            Ok(expected) => {
                succeeded += 1;
                assert_eq!(answer(&world.until(Status::Succeeded, succeeded).await[0]), expected);
            }
            Err(expected) => {
                parked += 1;
                let message = failure(&world.until(Status::Parked, parked).await[0]).message;
                assert!(message.contains(expected), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_is_over_at_once_has_sent_all_it_sends_and_is_one_row() {
    let world = world(
        "pathway: p
on: { topic: t, id: input.id, reply: { topic: replies, emit: { said: \"{{ emitted }}\" } } }
steps:
  tell: { publish: { topic: out, key: input.id, value: { id: \"{{ input.id }}\" } } }
  say: { emit: \"{{ input.id }}\" }
return: { id: \"{{ input.id }}\", message: \"{{ steps.tell.id }}\" }
",
    )
    .await;
    for id in ["a", "b", "a"] {
        world.publish("t", &format!(r#"{{"id": "{id}"}}"#)).await;
    }
    let mut replies = world.bus.subscribe("replies", pathway_server::bus::Start::Oldest).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 4 {
        read.extend(replies.next_batch(10, 1 << 20).await.unwrap().records);
    }
    assert_eq!(world.values("out").await, [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    let runs = world.runs(None).await;
    assert_eq!(runs.len(), 2, "the third is known already");
    for run in &runs {
        assert_eq!(run.status, Status::Succeeded);
        assert_eq!(world.store.events(run.id).await.unwrap().len(), 1);
        assert_eq!(world.store.stream(run.id, None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_message_of_our_own_is_taken_once_and_one_of_others_each_time() {
    let world = world("pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n").await;
    let send = |n: u32, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec()));
        let value = Some(format!(r#"{{"n": {n}}}"#).into_bytes());
        NewRecord {
            topic: "t".into(),
            key: None,
            value: value.map(Into::into),
            headers: headers.collect::<Vec<_>>().into(),
            time: now(),
        }
    };
    let ours: &[(&str, &str)] = &[("message-id", "1"), ("pathway-from", "q")];
    let theirs: &[(&str, &str)] = &[("message-id", "1")];
    let records = [(1, ours), (2, ours), (3, theirs), (4, theirs), (5, &[])];
    world.bus.publish(records.map(|(n, headers)| send(n, headers)).to_vec()).await.unwrap();
    let mut answers: Vec<_> = world.until(Status::Succeeded, 4).await.iter().map(answer).collect();
    answers.sort();
    assert_eq!(answers, ["1", "3", "4", "5"]);
}

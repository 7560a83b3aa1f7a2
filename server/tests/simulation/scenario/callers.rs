//! Callers: they ask at any process, and those that have a key ask again until they know.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tokio::time::sleep;

use crate::happening::Operation;
use crate::network::POISON;
use crate::process::{Outside, Process, Running};
use crate::promises::{Answer, Asked};
use crate::workload::DOORS;

/// Between two requests at most.
const PAUSE: u64 = 4_000;
/// Before a caller asks again, at most.
const AGAIN: u64 = 3_000;
/// How often one asks at most.
const PATIENCE: usize = 20;

/// A caller, and what it asks for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    asked: Asked,
    path: &'static str,
    body: String,
    /// Whether it does not wait.
    is_async: bool,
}

/// Asks what the seed chose; ready with those who asked when all know, or have given up.
pub(crate) async fn ask(outside: &Outside, processes: &[Arc<Process>]) -> Vec<Caller> {
    let world = &outside.world;
    let (mut callers, mut asking) = (Vec::new(), Vec::new());
    for n in 0..world.swarm.requests {
        sleep(Duration::from_millis(world.draw("callers", |random| random.range(0..PAUSE)))).await;
        let caller = caller(outside, n, &callers);
        let (outside, processes, insisting) = (outside.clone(), processes.to_vec(), caller.clone());
        asking.push(tokio::spawn(async move { insist(&outside, &processes, &insisting).await }));
        callers.push(caller);
    }
    for asking in asking {
        asking.await.unwrap();
    }
    callers
}

/// Asks once more for what was asked with a key, now that nothing goes wrong.
pub(crate) async fn ask_again(outside: &Outside, processes: &[Arc<Process>], callers: &[Caller]) {
    for caller in callers.iter().filter(|caller| caller.asked.key.is_some()) {
        insist(outside, processes, caller).await;
    }
}

/// A caller: a new one, or somebody who asks for what another has asked for, with the same key.
fn caller(outside: &Outside, n: usize, before: &[Caller]) -> Caller {
    let world = &outside.world;
    let chance = || world.draw("callers", |random| random.below(100));
    let (which, input, key, waits) = (chance(), chance(), chance(), chance());
    let keyed: Vec<&Caller> = before.iter().filter(|caller| caller.asked.key.is_some()).collect();
    let other = world.draw("callers", |random| random.pick(&keyed).copied());
    if let (0..20, Some(other)) = (which, other) {
        world.did(Operation::AskAgain);
        return other.clone();
    }
    let (path, topic, _) = DOORS[which % DOORS.len()];
    let customer = world.draw("callers", |random| random.below(world.swarm.keys));
    let id = format!("r{n}");
    let what = if input < 10 { POISON } else { "" };
    let (is_valid, body) = match input {
        20..25 => (false, "{ nonsense".to_owned()),
        25..30 => (false, format!(r#"{{"customer": "c{customer}", "what": ""}}"#)),
        _ => (true, format!(r#"{{"id": "{id}", "customer": "c{customer}", "what": "{what}"}}"#)),
    };
    let key = (key < 70).then(|| format!("key-{n}"));
    let is_async = waits < 25;
    world.did(match is_async {
        _ if !is_valid => Operation::AskNonsense,
        true => Operation::AskLater,
        false => Operation::Ask,
    });
    Caller { asked: Asked { id, topic, key, is_valid }, path, body, is_async }
}

/// Asks, and where that may be done twice, asks until it is known what came of it.
async fn insist(outside: &Outside, processes: &[Arc<Process>], caller: &Caller) {
    let world = &outside.world;
    for _ in 0..PATIENCE {
        let process = world.draw("callers", |random| random.pick(processes).cloned());
        if let Some(running) = process.and_then(|process| process.running()) {
            let answer = request(outside, &running, caller).await;
            match answer.map(|answer| answer.status) {
                Some(409 | 429 | 503 | 504) => world.did(Operation::NotYet),
                Some(200) => return world.did(Operation::Answer),
                Some(_) => return,
                None => {}
            }
        }
        if caller.asked.key.is_none() {
            return;
        }
        sleep(Duration::from_millis(world.draw("callers", |random| random.range(0..AGAIN)))).await;
    }
}

/// Asks a process; none where it has died meanwhile.
async fn request(outside: &Outside, running: &Running, caller: &Caller) -> Option<Answer> {
    let (world, life) = (&outside.world, &running.life);
    let Caller { asked, path, body, is_async } = caller;
    let mut request = Request::post(*path).header("content-type", "application/json");
    if let Some(key) = &asked.key {
        request = request.header("idempotency-key", key);
    }
    if *is_async {
        request = request.header("prefer", "respond-async");
    }
    let request = request.body(Body::from(body.clone())).unwrap();
    world.note(&life.name, format!("is asked for {} at {path}", asked.id));
    let from = world.age();
    let answering = async {
        let response = running.doors.enter(request).await;
        let run = response.headers().get("pathway-run").map(|run| run.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, run, serde_json::from_slice(&body).unwrap())
    };
    let Ok((status, run, body)) = life.until(answering).await else {
        world.note(&life.name, format!("breaks off what was asked for {}", asked.id));
        return None;
    };
    let answer = Answer { status, run, body, after: world.age() - from };
    world.note(&life.name, format!("answers {} with {status}, of {:?}", asked.id, answer.run));
    world.expect(|promises| promises.answered(asked, &answer));
    Some(answer)
}

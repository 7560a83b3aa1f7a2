//! Callers in a closed loop: each has a connection of its own, and asks again as soon as it is
//! answered. They share one thread, what they ask was made before, and what they are answered is
//! looked at later: as little as can be of the processor is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use crate::load::Answers;
use crate::wire::{Connection, Message};

/// Sends `requests` to a server from so many `callers`; the answers are in the order of the requests.
pub(crate) fn ask(
    address: &str,
    requests: Vec<Vec<u8>>,
    callers: usize,
) -> Result<(Answers, Vec<Message>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let mut connections = Vec::with_capacity(callers);
        for _ in 0..callers {
            connections.push(Connection::to(address).await.map_err(text)?);
        }
        let count = requests.len();
        let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let mut calling = JoinSet::new();
        for mut connection in connections {
            let (requests, next) = (requests.clone(), next.clone());
            calling.spawn(async move {
                let mut own = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(n) else { return Ok::<_, String>(own) };
                    let sent = Instant::now();
                    let answer = connection.ask(request).await.map_err(text)?;
                    own.push((n, sent.elapsed(), answer));
                }
            });
        }
        let mut taken = Vec::with_capacity(count);
        let mut answers: Vec<Message> = (0..count).map(|_| Message::default()).collect();
        let mut all = began.elapsed();
        while let Some(own) = calling.join_next().await {
            all = began.elapsed();
            for (n, took, answer) in own.map_err(text)?? {
                taken.push(took);
                if let Some(place) = answers.get_mut(n) {
                    *place = answer;
                }
            }
        }
        Ok((Answers::new(taken, all), answers))
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! What was committed, told to the other processes that share the store, with `NOTIFY`.
//!
//! They are told with the commit, and only then. Whoever listens anew takes it that anything may
//! have happened, so nothing has to be told twice.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::session::Call;
use super::target::Target;
use crate::causes::with_causes;
use crate::store::Claim;
use crate::store::watch::{Hub, Subject};

/// Bytes of a message; the server takes no more than 8000.
const LONGEST: usize = 7_500;
/// Messages of a commit; beyond that, others are told that anything may have happened.
const MOST: usize = 64;
/// Before a connection that was lost is opened again.
const AGAIN: Duration = Duration::from_secs(1);

const TELL: &str = "SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said";
/// That anything may have happened.
const ANYTHING: &str = "*";

/// Where the processes of a store tell each other what they have committed.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    name: String,
    /// This process.
    own: String,
}

impl Channel {
    /// That of a store.
    pub(super) fn new(store_id: &str) -> Self {
        Self { name: format!("pathway_{store_id}"), own: uuid::Uuid::new_v4().simple().to_string() }
    }

    /// The messages that tell of changes. Each begins with who sends it.
    pub(super) fn told(&self, changed: &[Subject]) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for name in changed.iter().filter_map(name) {
            match told.last_mut() {
                Some(last) if last.len() + name.len() < LONGEST => {
                    last.push('\n');
                    last.push_str(&name);
                }
                _ => told.push(format!("{}\n{name}", self.own)),
            }
        }
        if told.len() > MOST || told.iter().any(|said| said.len() > LONGEST) {
            told = vec![format!("{}\n{ANYTHING}", self.own)];
        }
        told
    }

    /// The statement that sends them.
    pub(super) fn tell<'a>(&'a self, told: &'a Vec<String>) -> Call<'a> {
        Call::new(TELL, vec![&self.name, told])
    }

    /// Passes on what others tell, until `stop`.
    pub(super) async fn listen(self, target: Target, hub: Arc<Hub>, stop: CancellationToken) {
        let hub = Arc::downgrade(&hub);
        let listening = async {
            // Said once, however often it is tried again.
            let mut is_away = false;
            loop {
                if let Err(error) = self.hear(&target, &hub, &mut is_away).await
                    && !std::mem::replace(&mut is_away, true)
                {
                    tracing::warn!(
                        store = target.place,
                        error = with_causes(&error),
                        "what other processes do is not heard of for a moment"
                    );
                }
                tokio::time::sleep(AGAIN).await;
            }
        };
        stop.run_until_cancelled(listening).await;
    }

    /// Until the connection is lost.
    async fn hear(
        &self,
        target: &Target,
        hub: &Weak<Hub>,
        is_away: &mut bool,
    ) -> Result<(), tokio_postgres::Error> {
        let (client, mut connection) = target.open().await?;
        // A name that we made of hexadecimal digits.
        let listen = format!("LISTEN {}", self.name);
        let begin = async {
            client.batch_execute(&listen).await?;
            if std::mem::take(is_away) {
                tracing::info!(store = target.place, "what other processes do is heard of again");
            }
            if let Some(hub) = hub.upgrade() {
                hub.notify_all();
            }
            Ok(())
        };
        let hear = async {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(said) = message? {
                    self.pass_on(said.payload(), hub);
                }
            }
            Ok(())
        };
        tokio::try_join!(begin, hear).map(drop)
    }

    fn pass_on(&self, said: &str, hub: &Weak<Hub>) {
        let (Some((from, names)), Some(hub)) = (said.split_once('\n'), hub.upgrade()) else { return };
        if from == self.own {
            return;
        }
        if names == ANYTHING {
            return hub.notify_all();
        }
        hub.notify(names.split('\n').filter_map(subject));
    }
}

/// What others are told of: what is another process's own affair they are not.
fn name(subject: &Subject) -> Option<String> {
    match subject {
        // What callers may choose is told as JSON text: it may hold anything.
        Subject::Run(id) => Some(format!("r{}", serde_json::to_string(id).unwrap_or_default())),
        Subject::Claim(Claim { pathway, step, key }) => {
            Some(format!("c{}", serde_json::to_string(&(pathway, step, key)).unwrap_or_default()))
        }
        Subject::Inbox => Some("i".to_owned()),
        Subject::Topic(_) | Subject::Outbox => None,
    }
}

fn subject(name: &str) -> Option<Subject> {
    match name.split_at_checked(1)? {
        ("r", id) => Some(Subject::Run(serde_json::from_str(id).ok()?)),
        ("c", claim) => {
            let (pathway, step, key) = serde_json::from_str(claim).ok()?;
            Some(Subject::Claim(Claim { pathway, step, key }))
        }
        ("i", "") => Some(Subject::Inbox),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood_whatever_ids_hold() {
        let channel = Channel::new("0");
        let ids = ["plain", "with\nlines \"and\" \0", &"long".repeat(1000), "*"];
        let claim = |key: &str| Claim { pathway: "p".into(), step: "a/b".into(), key: key.into() };
        let runs = ids.iter().map(|id| Subject::Run((*id).to_owned()));
        let changed: Vec<_> = runs.chain(ids.map(|key| Subject::Claim(claim(key)))).collect();
        let mut heard = Vec::new();
        for said in channel.told(&changed) {
            assert!(said.len() <= LONGEST && !said.contains('\0'));
            let (from, names) = said.split_once('\n').unwrap();
            assert_eq!(from, channel.own);
            heard.extend(names.split('\n').filter_map(subject));
        }
        assert_eq!(heard, changed);
        let many: Vec<_> = (0..100_000).map(|id| Subject::Run(format!("run {id}"))).collect();
        assert_eq!(channel.told(&many), [format!("{}\n*", channel.own)]);
    }
}

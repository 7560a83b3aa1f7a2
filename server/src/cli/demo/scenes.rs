//! The scenes: what the app does, through the API and the topics that it uses.

use std::io;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use super::super::Failure;
use super::chain::Chain;
use super::rows::Rows;
use super::stage::Stage;
use super::story::Story;
use crate::demo::data;
use crate::runner::Observed;

/// How long all that follows from a request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of an answer that are shown.
const SHOWN: usize = 180;

/// The scenes, one after the other.
pub(super) struct Show<'a> {
    stage: &'a Stage,
    story: &'a Story,
    number: usize,
    failures: usize,
}

/// Why a scene did not go as it should; or why it cannot even be told.
enum Trouble {
    Scene(String),
    Output(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Scene(error.to_string())
    }
}

impl<'a> Show<'a> {
    pub(super) fn new(stage: &'a Stage, story: &'a Story) -> Self {
        Self { stage, story, number: 0, failures: 0 }
    }

    /// Plays all scenes; tells how many did not go as they should.
    pub(super) async fn play(mut self) -> Result<usize, Failure> {
        let [first, second] = data::purchases(self.stage.now);
        let create = "/api/transactions/create";
        self.scene("A purchase takes groceries past 80 % of their budget", create, &first).await?;
        self.scene("The next one takes them past all of it", create, &second).await?;
        let document = json!({
            "documentId": data::DOCUMENT, "fileUrl": "https://files.example.com/receipt.jpg", "userId": data::USER,
        });
        self.scene("A receipt is read and booked", "/api/ocr/process", &document).await?;
        let budget = json!({"userId": data::USER, "totalIncome": 85_000, "period": "monthly"});
        self.scene("A budget is suggested and checked", "/api/budget/suggest", &budget).await?;
        let question = json!({"userId": data::USER, "message": "How can I save more?"});
        self.scene("A question is answered, word by word", "/api/chat/stream", &question).await?;
        Ok(self.failures)
    }

    async fn scene(&mut self, title: &str, path: &str, body: &Value) -> Result<(), Failure> {
        self.number += 1;
        self.story.scene(self.number, title, &shortened(&format!("POST {path} {body}")))?;
        let before = Rows::of(&self.stage.stand_ins);
        let mut observed = self.stage.app.runner.observe();
        let mut chain = Chain::new(&self.stage.program);
        let played = match tokio::time::timeout(PATIENCE, self.request(path, body)).await {
            Ok(Ok(())) => match tokio::time::timeout(PATIENCE, follow(&mut chain, &mut observed)).await {
                Ok(followed) => followed,
                Err(_elapsed) => Err(Trouble::Scene("what follows from it has not ended yet".to_owned())),
            },
            Ok(Err(trouble)) => Err(trouble),
            Err(_elapsed) => Err(Trouble::Scene("there is no answer".to_owned())),
        };
        for run in &chain.runs {
            self.story.run(run)?;
        }
        self.story.rows(&Rows::of(&self.stage.stand_ins).since(&before))?;
        let failed = chain.runs.iter().find(|run| run.outcome.is_err());
        match played {
            Err(Trouble::Output(error)) => return Err(error.into()),
            Err(Trouble::Scene(why)) => {
                self.failures += 1;
                self.story.failed(&why)?;
            }
            Ok(()) if failed.is_some() => self.failures += 1,
            Ok(()) => {}
        }
        Ok(())
    }

    /// Makes a request and tells the answer.
    async fn request(&self, path: &str, body: &Value) -> Result<(), Trouble> {
        let sent = Instant::now();
        let answer = self.stage.post(path, body).send().await?;
        let status = answer.status();
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("");
        if status.is_success() && kind.starts_with("text/event-stream") {
            return self.stream(answer, sent).await;
        }
        let text = answer.text().await?;
        self.story.answered(status.as_u16(), sent.elapsed(), &shortened(&text))?;
        if status.is_success() { Ok(()) } else { Err(Trouble::Scene(format!("answered {status}"))) }
    }

    /// Tells a stream as it arrives.
    async fn stream(&self, answer: Response, sent: Instant) -> Result<(), Trouble> {
        let mut first = None;
        let (mut pieces, mut column, mut end) = (0, 0, None);
        let mut rest = Vec::new();
        let mut body = answer.bytes_stream();
        while let Some(bytes) = body.next().await {
            rest.extend_from_slice(&bytes?);
            while let Some(event) = next_event(&mut rest) {
                if let Some(text) = event.get("text").and_then(Value::as_str) {
                    self.story.piece(&mut column, text)?;
                    first.get_or_insert_with(|| sent.elapsed());
                    pieces += 1;
                } else {
                    end = Some(event);
                }
            }
        }
        self.story.end_pieces()?;
        let text = end.as_ref().map(Value::to_string).unwrap_or_default();
        self.story.answered(
            200,
            first.unwrap_or_default(),
            &format!("the first of {pieces} pieces; at the end {text}"),
        )?;
        match end {
            Some(event) if event.get("done") == Some(&json!(true)) => Ok(()),
            _ => Err(Trouble::Scene("the stream did not end as it should".to_owned())),
        }
    }
}

/// Sees all that follows from a request.
async fn follow(chain: &mut Chain<'_>, observed: &mut Receiver<Observed>) -> Result<(), Trouble> {
    while !chain.is_over() {
        match observed.recv().await {
            Ok(seen) => chain.see(seen),
            Err(error) => return Err(Trouble::Scene(error.to_string())),
        }
    }
    Ok(())
}

/// The data of the next whole event; events without data are passed over.
fn next_event(bytes: &mut Vec<u8>) -> Option<Value> {
    loop {
        let end = bytes.windows(2).position(|two| two == b"\n\n")?;
        let event: Vec<u8> = bytes.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&event);
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect::<String>();
        if let Ok(value) = serde_json::from_str(&data) {
            return Some(value);
        }
    }
}

/// As much of a text as is shown; identifiers mean little to a reader.
fn shortened(text: &str) -> String {
    let text = text.replace(data::USER, "…").replace(data::DOCUMENT, "…");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

//! A language model whose every word is the test's: it answers when, and as far as, it is told.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::soon;

/// Questions that nobody has looked at yet, and pieces of an answer that nobody has read.
const WAITING: usize = 1000;

/// The model's gateway; it stops when it is dropped.
#[derive(Debug)]
pub struct Model {
    /// `GEMINI_URL`
    pub url: String,
    asked: mpsc::Receiver<Question>,
    server: AbortHandle,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub struct Question {
    /// What the model is asked.
    pub prompt: String,
    answer: Option<oneshot::Sender<Response>>,
    pieces: Option<mpsc::Sender<Result<Bytes, Cut>>>,
}

/// Why an answer breaks off.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

impl Model {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Self {
        let (sender, asked) = mpsc::channel(WAITING);
        let route = post(move |body: Bytes| ask(sender.clone(), body));
        let router = Router::new().route("/v1beta/models/{call}", route);
        let Ok(listener) = TcpListener::bind(("127.0.0.1", 0)).await else { panic!("no port is free") };
        let Ok(address) = listener.local_addr() else { panic!("the model has no address") };
        let server = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self {
            url: format!("http://{address}/v1beta/models/gemini-test:streamGenerateContent?alt=sse"),
            asked,
            server,
        }
    }

    /// The next question that somebody still waits for: a run that has moved to another process asks
    /// again.
    ///
    /// # Panics
    /// If there is none.
    pub async fn asked(&mut self) -> Question {
        loop {
            match soon("a question to the model", self.asked.recv()).await {
                Some(Question { answer: Some(answer), .. }) if answer.is_closed() => {}
                Some(question) => return question,
                None => panic!("the model has stopped"),
            }
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Question {
    /// Says a piece of the answer.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn say(&mut self, text: &str) {
        let piece = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]});
        self.send(&format!("data: {piece}\r\n\r\n")).await;
    }

    /// Sends these bytes of an answer, whatever they are.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn send(&mut self, text: &str) {
        self.begin();
        let Some(pieces) = &self.pieces else { panic!("the answer is over") };
        let sent = pieces.send(Ok(Bytes::from(text.to_owned()))).await;
        assert!(sent.is_ok(), "nobody listens to the model");
    }

    /// Ready when whoever asked has gone away.
    pub async fn abandoned(&mut self) {
        match (&self.pieces, &mut self.answer) {
            (Some(pieces), _) => soon("the caller to go away", pieces.closed()).await,
            (None, Some(answer)) => soon("the caller to go away", answer.closed()).await,
            (None, None) => {}
        }
    }

    /// Ends the answer.
    pub fn end(mut self) {
        self.begin();
    }

    /// Breaks the answer off.
    pub async fn cut(mut self) {
        self.begin();
        if let Some(pieces) = &self.pieces {
            pieces.send(Err(Cut)).await.ok();
        }
    }

    /// Refuses to answer.
    pub fn refuse(mut self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(answer) = self.answer.take() {
            answer.send((status, "the model was told to refuse").into_response()).ok();
        }
    }

    /// Answers all of this.
    pub async fn answer(mut self, text: &str) {
        self.say(text).await;
        self.end();
    }

    fn begin(&mut self) {
        if let Some(answer) = self.answer.take() {
            let (sender, receiver) = mpsc::channel(WAITING);
            let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
                let piece = receiver.recv().await?;
                Some((piece, receiver))
            });
            let answered = ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces));
            answer.send(answered.into_response()).ok();
            self.pieces = Some(sender);
        }
    }
}

async fn ask(questions: mpsc::Sender<Question>, body: Bytes) -> Result<Response, Infallible> {
    let (answer, answered) = oneshot::channel();
    let question = Question { prompt: prompt(&body), answer: Some(answer), pieces: None };
    if questions.send(question).await.is_err() {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    // A question that is dropped is never answered: the model is silent.
    match answered.await {
        Ok(response) => Ok(response),
        Err(_dropped) => std::future::pending().await,
    }
}

/// All texts of a request.
fn prompt(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let contents = body.get("contents").and_then(Value::as_array).into_iter().flatten();
    let parts = contents.filter_map(|content| content.get("parts")?.as_array()).flatten();
    let texts: Vec<&str> = parts.filter_map(|part| part.get("text")?.as_str()).collect();
    texts.join("\n")
}

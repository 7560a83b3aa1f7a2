//! Reads an answer piece by piece: server-sent events or lines.
//!
//! What `pick` selects of each piece is handed on at once if the step emits, and is kept for the
//! output: as a list, and joined where the author wants the whole text.

use bytes::Bytes;
use pathway_engine::Value;
use pathway_engine::vm::{Failure, HttpRequest, Parse};
use reqwest::Response;
use tokio::sync::mpsc;
use tokio::task::coop;
use tokio::time::timeout;

use super::lines::{LineSplitter, TooLong};
use super::pick::Piece;
use super::sse::SseDecoder;
use super::{Context, Limits, Target, answer, failure};

/// The output of a streamed call.
pub(super) async fn read(
    target: &Target,
    request: &HttpRequest,
    context: &Context<'_>,
    mut response: Response,
    pieces: Option<mpsc::Sender<Value>>,
) -> Result<Value, Failure> {
    let limits = &target.limits;
    answer::check_head(request, &response, limits)?;
    let mut decoder = Decoder::new(request.parse, limits);
    let mut picks = Picks::new(request, context, limits, pieces);
    let mut total = 0;
    let mut found = Vec::new();
    while let Some(bytes) = next(request, &mut response, limits).await? {
        total += bytes.len();
        if total > limits.body {
            return Err(failure::too_large(request, limits));
        }
        decoder.feed(&bytes, &mut found).map_err(|TooLong| too_long(request))?;
        picks.take(&mut found).await?;
    }
    decoder.finish(&mut found).map_err(|TooLong| too_long(request))?;
    picks.take(&mut found).await?;

    let more = [("text", Value::from(picks.text)), ("chunks", Value::from(picks.chunks))];
    Ok(answer::output(&response, Value::from(()), more))
}

async fn next(
    request: &HttpRequest,
    response: &mut Response,
    limits: &Limits,
) -> Result<Option<Bytes>, Failure> {
    match timeout(limits.idle, response.chunk()).await {
        Ok(read) => read.map_err(|error| failure::cut(request, error)),
        Err(_) => Err(failure::paused(request, limits.idle)),
    }
}

fn too_long(request: &HttpRequest) -> Failure {
    failure::unusable(request, "a line or an event that is too long", None)
}

enum Decoder {
    Sse(SseDecoder),
    Lines(LineSplitter),
}

impl Decoder {
    fn new(parse: Parse, limits: &Limits) -> Self {
        match parse {
            Parse::Sse => Self::Sse(SseDecoder::new(limits.line, limits.event)),
            _ => Self::Lines(LineSplitter::new(limits.line)),
        }
    }

    fn feed(&mut self, bytes: &[u8], out: &mut Vec<String>) -> Result<(), TooLong> {
        match self {
            Self::Sse(decoder) => decoder.feed(bytes, out),
            Self::Lines(lines) => lines.feed(bytes, |line| {
                push_line(line, out);
                Ok(())
            }),
        }
    }

    fn finish(&mut self, out: &mut Vec<String>) -> Result<(), TooLong> {
        match self {
            Self::Sse(decoder) => decoder.finish(out),
            Self::Lines(lines) => {
                push_line(&lines.finish(), out);
                Ok(())
            }
        }
    }
}

/// Empty lines keep a connection alive and say nothing.
fn push_line(line: &[u8], out: &mut Vec<String>) {
    if !line.is_empty() {
        out.push(String::from_utf8_lossy(line).into_owned());
    }
}

/// What was picked so far.
struct Picks<'a> {
    request: &'a HttpRequest,
    context: &'a Context<'a>,
    limit: usize,
    listener: Option<mpsc::Sender<Value>>,
    seen: usize,
    text: String,
    chunks: Vec<Value>,
}

impl<'a> Picks<'a> {
    fn new(
        request: &'a HttpRequest,
        context: &'a Context<'a>,
        limits: &Limits,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Self {
        let listener = pieces.filter(|_| request.stream.emit);
        Self {
            request,
            context,
            limit: limits.pieces,
            listener,
            seen: 0,
            text: String::new(),
            chunks: Vec::new(),
        }
    }

    async fn take(&mut self, found: &mut Vec<String>) -> Result<(), Failure> {
        for text in found.drain(..) {
            // Many small pieces in one read must not keep others, or the timeout, waiting.
            coop::consume_budget().await;
            let picked = Piece::new(text).picked(self.request, self.context, self.seen)?;
            self.seen += 1;
            let Some(value) = picked else { continue };
            if self.chunks.len() == self.limit {
                let what = format!("a stream of more than {} pieces", self.limit);
                return Err(failure::unusable(self.request, &what, None));
            }
            self.join(&value)?;
            if let Some(listener) = &self.listener {
                listener.send(value.clone()).await.map_err(|_| failure::unwanted(self.request))?;
            }
            self.chunks.push(value);
        }
        Ok(())
    }

    fn join(&mut self, value: &Value) -> Result<(), Failure> {
        match value.as_str() {
            Some(text) => self.text.push_str(text),
            None => {
                let json = serde_json::to_string(value)
                    .map_err(|error| failure::unpicked(self.request, error.to_string()))?;
                self.text.push_str(&json);
            }
        }
        Ok(())
    }
}

//! Reads an answer piece by piece: server-sent events or lines.
//!
//! What `pick` selects of each piece is handed on at once if the step emits, and is kept for the
//! output: as a list, and joined where the author wants the whole text.

use bytes::Bytes;
use pathway_engine::Value;
use pathway_engine::vm::{Failure, HttpRequest, Parse, Picks};
use tokio::sync::mpsc;
use tokio::task::coop;
use tokio::time::timeout;

use super::answer::Response;
use super::lines::{LineSplitter, TooLong};
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
    let mut picking = Picking::new(request, context, limits, pieces);
    let mut total = 0;
    let mut found = Vec::new();
    while let Some(bytes) = next(request, &mut response, limits).await? {
        total += bytes.len();
        if total > limits.body {
            return Err(failure::too_large(request, limits));
        }
        decoder.feed(&bytes, &mut found).map_err(|TooLong| too_long(request))?;
        picking.take(&mut found).await?;
    }
    decoder.finish(&mut found).map_err(|TooLong| too_long(request))?;
    picking.take(&mut found).await?;

    let (text, chunks) = picking.picks.finish();
    let more = [("text", Value::from(text)), ("chunks", Value::from(chunks))];
    Ok(answer::output(&response, Value::from(()), more))
}

async fn next(
    request: &HttpRequest,
    response: &mut Response,
    limits: &Limits,
) -> Result<Option<Bytes>, Failure> {
    match timeout(limits.idle, answer::chunk(response)).await {
        Ok(read) => read.map_err(|error| failure::cut(request, &error)),
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

/// Picks from what was found, and hands it on.
struct Picking<'a> {
    request: &'a HttpRequest,
    picks: Picks<'a>,
    limit: usize,
    listener: Option<mpsc::Sender<Value>>,
}

impl<'a> Picking<'a> {
    fn new(
        request: &'a HttpRequest,
        context: &'a Context<'a>,
        limits: &Limits,
        pieces: Option<mpsc::Sender<Value>>,
    ) -> Self {
        let listener = pieces.filter(|_| request.stream.emit);
        let picks = Picks::new(request, context.idempotency_key, context.now);
        Self { request, picks, limit: limits.pieces, listener }
    }

    async fn take(&mut self, found: &mut Vec<String>) -> Result<(), Failure> {
        for text in found.drain(..) {
            // Many small pieces in one read must not keep others, or the timeout, waiting.
            coop::consume_budget().await;
            let picked = self.picks.take(text).map_err(|why| failure::unpicked(self.request, why))?;
            let Some(value) = picked else { continue };
            if self.picks.len() > self.limit {
                let what = format!("a stream of more than {} pieces", self.limit);
                return Err(failure::unusable(self.request, &what, None));
            }
            if let Some(listener) = &self.listener {
                listener.send(value).await.map_err(|_| failure::unwanted(self.request))?;
            }
        }
        Ok(())
    }
}

//! What a run emits, as events, at the pace of whoever reads it.
//!
//! Everything is read from the store, a few rows at a time and only when the client has taken the
//! ones before, so that a slow client costs nobody else. That the run has ended is looked up
//! before its rows are, so no row is missed between the two.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::document::{Form, Mode};
use pathway_engine::expression::Tree;
use pathway_engine::value;
use pathway_engine::vm::{Extra, Failure, Outside};

use super::admission::Followed;
use super::auth::Caller;
use super::expiry::Expiry;
use super::sse::{self, EventId};
use super::{Gateway, Problem, outcome};
use crate::piece::{Piece, Said};
use crate::store::{Run, RunId, StoreError, StreamRow};

/// Rows that are read at a time.
const ROWS: u32 = 32;

/// In whose words a stream is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// As the HTTP door says it.
    Door,
    /// As it is on the reply's topic, if there is one.
    Reply,
}

/// The stream of a run that a door has just started, from its beginning.
pub(super) fn of_door(gateway: &Gateway, plan: &Arc<Plan>, run: &Run, caller: &Caller) -> Response {
    respond(Telling::new(gateway, Some(plan.clone()), run, Words::Door, caller, None))
}

/// The stream of a run that is read again. From where is said by the headers; what does not fit
/// begins at the beginning. 204 where all was said before.
pub(super) async fn again(
    gateway: &Gateway,
    run: &Run,
    words: Words,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Response, Problem> {
    let plan = gateway.parts.program.pathways.get(run.pathway.as_str()).cloned();
    let mut after = None;
    if let Some(seen) = EventId::last_seen(headers) {
        let store = &gateway.parts.store;
        let is =
            |row: Option<&StreamRow>, id: (u32, u32)| row.is_some_and(|row| (row.attempt, row.seq) == id);
        let before = sse::before(seen);
        let next = store.stream(run.id, before, 1).await?;
        if is(next.first(), (seen.0, seen.1)) {
            after = Some((seen.0, seen.1));
        } else if next.is_empty() && outcome::of(run).is_some() {
            // Nothing follows; was it the last event, which has the id after the last row?
            let last = match before {
                Some((attempt, seq)) if seen.1 > 0 => {
                    store.stream(run.id, sse::before(EventId(attempt, seq)), 1).await?
                }
                _ => Vec::new(),
            };
            let of_rows = before.is_some_and(|id| is(last.first(), id));
            let of_none = seen == FIRST && store.stream(run.id, None, 1).await?.is_empty();
            if of_rows || of_none {
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
        }
    }
    Ok(respond(Telling::new(gateway, plan, run, words, caller, after)))
}

/// The id of the last event of a run that emitted nothing.
const FIRST: EventId = EventId(1, 0);

fn respond(telling: Telling) -> Response {
    sse::response(stream::unfold(telling, |mut telling| async move {
        let event = telling.next().await?;
        Some((event, telling))
    }))
}

/// A stream that is being told.
struct Telling {
    gateway: Gateway,
    plan: Option<Arc<Plan>>,
    run: RunId,
    words: Words,
    followed: Followed,
    after: Option<(u32, u32)>,
    rows: VecDeque<StreamRow>,
    stage: Stage,
    expiry: Expiry,
}

#[derive(PartialEq)]
enum Stage {
    Opening,
    Rows,
    Over,
}

impl Telling {
    fn new(
        gateway: &Gateway,
        plan: Option<Arc<Plan>>,
        run: &Run,
        words: Words,
        caller: &Caller,
        after: Option<(u32, u32)>,
    ) -> Self {
        Self {
            gateway: gateway.clone(),
            plan,
            run: run.id,
            words,
            followed: Followed::new(&*gateway.parts.store, run.public_id.clone()),
            after,
            rows: VecDeque::new(),
            stage: Stage::Opening,
            expiry: Expiry::at(gateway, caller.expires_at),
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Over => None,
            Stage::Opening => {
                self.stage = Stage::Rows;
                Some(sse::comment("open"))
            }
            Stage::Rows => match self.next_of_rows().await {
                Ok(event) => Some(event),
                Err(error) => Some(self.fail(&Problem::from(error))),
            },
        }
    }

    async fn next_of_rows(&mut self) -> Result<Bytes, StoreError> {
        let parts = self.gateway.parts.clone();
        loop {
            if parts.stop.is_cancelled() {
                self.stage = Stage::Over;
                return Ok(sse::comment("the server is stopping"));
            }
            if self.expiry.is_reached() {
                self.stage = Stage::Over;
                return Ok(sse::reauth());
            }
            if let Some(row) = self.rows.pop_front() {
                self.after = Some((row.attempt, row.seq));
                if let Some(event) = self.say(&row) {
                    return Ok(event);
                }
                continue;
            }
            let run = self.followed.read_now(&*parts.store).await?;
            self.rows = parts.store.stream(self.run, self.after, ROWS).await?.into();
            if !self.rows.is_empty() {
                continue;
            }
            match run.as_ref().map(outcome::of) {
                Some(None) => {}
                Some(Some(outcome)) => return Ok(self.end(outcome)),
                None => return Ok(self.fail(&Problem::no_run())),
            }
            tokio::select! {
                biased;
                () = parts.stop.cancelled() => {}
                () = self.expiry.reached() => {}
                changed = self.followed.changed() => { changed?; }
                () = tokio::time::sleep(parts.limits.keep_alive) => return Ok(sse::comment("")),
            }
        }
    }

    /// A row as an event; none where nothing is said of it.
    fn say(&mut self, row: &StreamRow) -> Option<Bytes> {
        let id = EventId(row.attempt, row.seq);
        let piece: Piece = match serde_json::from_slice(&row.value) {
            Ok(piece) => piece,
            Err(error) => {
                tracing::error!(run = self.followed.id, %error, "a row of a stream cannot be read");
                return None;
            }
        };
        let value = match piece.said {
            Said::Reset => return Some(sse::reset(id)),
            Said::Emitted(value) => value,
        };
        let (form, replies) = self.form();
        let emit = form.and_then(|form| form.emit.as_ref());
        if emit.is_none() && replies {
            return None;
        }
        Some(match self.evaluate(emit, Extra::Emitted(value.clone())) {
            Ok(said) => sse::data(id, &value::to_json(&said.unwrap_or(value))),
            Err(failure) => self.end(Err(failure)),
        })
    }

    /// The last event.
    fn end(&mut self, outcome: Result<Value, Failure>) -> Bytes {
        let (form, _) = self.form();
        let said = match &outcome {
            Ok(_) => self.evaluate(form.and_then(|form| form.done.as_ref()), Extra::Nothing),
            Err(failure) => {
                self.evaluate(form.and_then(|form| form.error.as_ref()), Extra::Error(failure.to_value()))
            }
        };
        let json = match (said, outcome) {
            (Ok(Some(said)), _) | (Ok(None), Ok(said)) => value::to_json(&said),
            (Ok(None), Err(failure)) | (Err(failure), _) => {
                Problem::of(&failure).about_run(&self.followed.id).to_json()
            }
        };
        self.last(&json)
    }

    /// Ends with a problem of ours.
    fn fail(&mut self, problem: &Problem) -> Bytes {
        self.last(&problem.to_json())
    }

    fn last(&mut self, json: &str) -> Bytes {
        self.stage = Stage::Over;
        let id = self.after.map_or(FIRST, |(attempt, seq)| EventId(attempt, seq).next());
        sse::data(id, json)
    }

    /// How it is said, where that is given, and whether that is a reply's form, in which what has
    /// no form is not said.
    fn form(&self) -> (Option<&Form>, bool) {
        let Some(door) = self.plan.as_ref().map(|plan| &plan.door) else { return (None, false) };
        if let (Words::Reply, Some(reply)) = (self.words, &door.reply) {
            return (Some(&reply.form), true);
        }
        let http = door.http.as_ref().filter(|http| http.mode == Mode::Stream);
        (http.map(|http| &http.form), false)
    }

    fn evaluate(&self, tree: Option<&Tree>, extra: Extra) -> Result<Option<Value>, Failure> {
        let outside = Outside { extra, now: self.gateway.parts.clock.now() };
        Ok(tree.map(|tree| outside.eval(tree)).transpose()?)
    }
}

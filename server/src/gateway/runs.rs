//! What callers may ask of their runs. A run is there for the subject who started it; to all
//! others it does not exist.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use pathway_engine::Value;
use pathway_engine::document::Auth;
use pathway_engine::journal::Signal;
use pathway_engine::value;
use pathway_engine::vm::{Class, Failure};
use serde_json::json;

use super::admission::Followed;
use super::auth::Caller;
use super::commands::CommandError;
use super::stream::Words;
use super::{Gateway, Problem, answer, auth, body, idempotency, outcome, stream};
use crate::store::Run;

/// How long a request waits for a run at most.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of the name of a signal.
const LONGEST_NAME: usize = 128;

/// `GET /api/runs/ID`, with `wait=SECONDS` once the run is over or they are.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<serde_json::Value>, Problem> {
    let wait = wait(&uri)?;
    let caller = auth::of_owner(&gateway, &headers).await?;
    let run = find(&gateway, &id, &caller).await?;
    let run = settled(&gateway, run, wait).await?;
    let time = |at: i64| Timestamp::from_millisecond(at).map(|at| at.to_string()).ok();
    let mut shown = json!({
        "id": run.public_id,
        "pathway": run.pathway,
        "status": run.status.name(),
        "correlation_id": run.correlation,
        "created_at": time(run.created_at),
        "finished_at": run.finished_at.and_then(time),
    });
    let (name, said) = match outcome::of(&run) {
        None => return Ok(Json(shown)),
        Some(Ok(result)) => ("result", value::to_serde(&result)),
        Some(Err(failure)) => ("problem", serde_json::to_value(Problem::of(&failure)).unwrap_or_default()),
    };
    if let Some(map) = shown.as_object_mut() {
        map.insert(name.to_owned(), said);
    }
    Ok(Json(shown))
}

/// How long the query asks to wait.
fn wait(uri: &Uri) -> Result<Duration, Problem> {
    let query = body::query(uri, &[])?;
    let Some(wait) = query.get_attr("wait").ok().filter(|wait| !wait.is_undefined()) else {
        return Ok(Duration::ZERO);
    };
    match wait.as_str().and_then(|wait| wait.parse().ok()) {
        Some(seconds) => Ok(Duration::from_secs(seconds).min(LONGEST_WAIT)),
        None => {
            let detail = "`wait` must be a number of seconds";
            Err(Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail))
        }
    }
}

/// The run once it is over; as it is after `wait`, or when the server is stopped.
async fn settled(gateway: &Gateway, run: Run, wait: Duration) -> Result<Run, Problem> {
    if wait.is_zero() || outcome::of(&run).is_some() {
        return Ok(run);
    }
    let parts = &gateway.parts;
    let mut followed = Followed::there(&*parts.store, run.public_id.clone());
    tokio::select! {
        ended = followed.ended(&*parts.store) => drop(ended?),
        () = tokio::time::sleep(wait) => {}
        () = parts.stop.cancelled() => {}
    }
    parts.store.run(&run.public_id).await?.ok_or_else(Problem::no_run)
}

/// `GET /api/runs/ID/events`
pub(super) async fn events(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    head: Parts,
) -> Result<Response, Problem> {
    let caller = auth::of_owner_of_stream(&gateway, &head).await?;
    let run = find(&gateway, &id, &caller).await?;
    stream::again(&gateway, &run, Words::Door, &head.headers, &caller).await
}

/// `POST /api/runs/ID/cancel`
pub(super) async fn cancel(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::of_owner(&gateway, &headers).await?;
    let run = find(&gateway, &id, &caller).await?;
    if run.status.is_final() {
        return Err(refused(CommandError::Ended, &id));
    }
    gateway.parts.commands.cancel(&id).await.map_err(|error| refused(error, &id))?;
    Ok(answer::accepted(&id))
}

/// `POST /api/runs/ID/signals/NAME`, with the payload for a body.
pub(super) async fn signal(
    State(gateway): State<Gateway>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = auth::of_owner(&gateway, request.headers()).await?;
    let run = find(&gateway, &id, &caller).await?;
    if name.len() > LONGEST_NAME {
        let detail = format!("the name of a signal has at most {LONGEST_NAME} bytes");
        return Err(Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail));
    }
    let key = idempotency::key(request.headers())?;
    let payload = body::json(request, &gateway.parts.limits).await?.unwrap_or_else(|| Value::from(()));
    if run.status.is_final() {
        return Err(refused(CommandError::Ended, &id));
    }
    let signal = Signal { name, payload, from: caller.subject().map(str::to_owned), key };
    gateway.parts.commands.signal(&id, signal).await.map_err(|error| refused(error, &id))?;
    Ok(answer::accepted(&id))
}

/// The run, if this caller may see it.
async fn find(gateway: &Gateway, id: &str, caller: &Caller) -> Result<Run, Problem> {
    let run = gateway.parts.store.run(id).await?.ok_or_else(Problem::no_run)?;
    if is_visible(gateway, &run, caller) { Ok(run) } else { Err(Problem::no_run()) }
}

/// Whether this caller may see that run.
pub(super) fn is_visible(gateway: &Gateway, run: &Run, caller: &Caller) -> bool {
    match &run.subject {
        Some(subject) => caller.subject() == Some(subject),
        // Whoever was told its id may see a run that nobody in particular started.
        None => run.parent.is_none() && serves_anyone(gateway, &run.pathway),
    }
}

/// Whether the pathway has a door for anyone.
fn serves_anyone(gateway: &Gateway, pathway: &str) -> bool {
    let plan = gateway.parts.program.pathways.get(pathway);
    let http = plan.and_then(|plan| plan.door.http.as_ref());
    http.is_some_and(|http| matches!(http.auth, Auth::None | Auth::Optional))
}

fn refused(error: CommandError, id: &str) -> Problem {
    match error {
        CommandError::Unknown => Problem::no_run(),
        CommandError::Unavailable(why) => Problem::unavailable(&why),
        CommandError::Ended | CommandError::Refused(_) => {
            Problem::of(&Failure::new(Class::Conflict, error.to_string())).about_run(id)
        }
    }
}

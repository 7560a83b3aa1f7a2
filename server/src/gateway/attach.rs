//! `http.attach`: a caller joins the stream of a run by its correlation id, also before the run
//! is there. It is told in the words of the reply.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pathway_engine::compile::Plan;
use pathway_engine::document::HttpDoor;
use pathway_engine::schema::Violation;
use pathway_engine::vm::{Class, Failure};

use super::auth::Caller;
use super::stream::Words;
use super::{Gateway, Problem, auth, body, problem, runs, stream};
use crate::store::{Run, StoreError};

/// The parameter that names the run.
const CORRELATION: &str = "correlation_id";

/// Serves one request.
pub(super) async fn enter(gateway: Gateway, plan: Arc<Plan>, request: Request) -> Response {
    join(&gateway, &plan, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn join(gateway: &Gateway, plan: &Plan, request: Request) -> Result<Response, Problem> {
    let Some(http) = &plan.door.http else { return Err(problem::no_route(request.uri().clone()).await) };
    let (head, _) = request.into_parts();
    let caller = auth::of_stream(gateway, http.auth, &head).await?;
    let query = body::query(&head.uri, &HttpDoor::CREDENTIALS)?;
    let id = query.get_attr(CORRELATION).ok();
    let id = id.as_ref().and_then(|id| id.as_str()).filter(|id| !id.is_empty()).ok_or_else(missing)?;
    let waiting = tokio::time::timeout(http.timeout, appears(gateway, plan, &caller, id));
    let run = waiting.await.map_err(|_elapsed| Problem::no_run())??;
    stream::again(gateway, &run, Words::Reply, &head.headers, &caller).await
}

/// The run, as soon as it is there. One that is somebody else's is never there.
async fn appears(gateway: &Gateway, plan: &Plan, caller: &Caller, id: &str) -> Result<Run, Problem> {
    // The correlation id of a request is the public id of its run; of a record it may be any.
    let mut watch = gateway.parts.store.watch_run(id);
    loop {
        watch.mark();
        if let Some(run) = find(gateway, plan, caller, id).await? {
            return Ok(run);
        }
        let stopped = gateway.parts.stop.cancelled();
        tokio::select! {
            changed = watch.changed() => { changed?; }
            () = stopped => return Err(stopping()),
        }
    }
}

async fn find(gateway: &Gateway, plan: &Plan, caller: &Caller, id: &str) -> Result<Option<Run>, StoreError> {
    let store = &gateway.parts.store;
    let run = store.run_by_correlation(Some(&plan.name), id).await?;
    Ok(run.filter(|run| runs::is_visible(gateway, run, caller)))
}

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, Class::Outage, "the server is stopping")
}

fn missing() -> Problem {
    let violation = Violation {
        pointer: format!("/{CORRELATION}"),
        detail: "is missing".to_owned(),
        code: "required".to_owned(),
    };
    let status = Some(StatusCode::BAD_REQUEST.as_u16());
    Problem::of(&Failure { status, ..Failure::violated(Class::Invalid, "the query", vec![violation]) })
}

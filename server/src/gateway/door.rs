//! An HTTP door: one request of it, from its first byte to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use pathway_engine::Value;
use pathway_engine::compile::Plan;
use pathway_engine::document::{HttpDoor, Mode};
use pathway_engine::value;
use pathway_engine::vm::Method;

use super::admission::{Asked, Followed};
use super::prefer::Prefer;
use super::{Gateway, Problem, answer, auth, body, idempotency, problem, stream, trace};

/// The header that names the run of an answer.
pub(super) const RUN: HeaderName = HeaderName::from_static("pathway-run");

/// Serves one request.
pub(super) async fn enter(gateway: Gateway, plan: Arc<Plan>, request: Request) -> Response {
    let Some(http) = &plan.door.http else {
        return problem::no_route(request.uri().clone()).await.into_response();
    };
    match serve(&gateway, &plan, http, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn serve(
    gateway: &Gateway,
    plan: &Arc<Plan>,
    http: &HttpDoor,
    request: Request,
) -> Result<Response, Problem> {
    let prefer = Prefer::of(request.headers());
    let mode = match http.mode {
        Mode::Stream if prefer.asynchronous => Mode::Accept,
        mode => mode,
    };
    let asked = read(gateway, plan, http, prefer, mode, request).await?;
    asked.check(plan)?;
    let mut followed = asked.publish(gateway, plan).await?;
    let answered = match mode {
        Mode::Wait => wait(gateway, plan, http, prefer, &asked, &mut followed).await,
        Mode::Accept => accept(gateway, plan, &asked, &mut followed).await,
        Mode::Stream => {
            let admitted = asked.admitted(&mut followed, gateway, plan);
            match tokio::time::timeout(http.timeout, admitted).await {
                Err(_elapsed) => Err(answer::late(&asked.id)),
                Ok(Err(problem)) => Err(problem),
                Ok(Ok(())) => {
                    let run = followed.read_now(&*gateway.parts.store).await?.ok_or_else(Problem::no_run)?;
                    Ok(stream::of_door(gateway, plan, &run, &asked.caller))
                }
            }
        }
    };
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    if let Ok(id) = HeaderValue::from_str(&followed.id) {
        response.headers_mut().insert(RUN, id);
    }
    Ok(if mode == Mode::Stream { response } else { answer::applied(response, prefer) })
}

/// Reads who asks for what. Identity, the run's id and its correlation id come from no body.
async fn read(
    gateway: &Gateway,
    plan: &Plan,
    http: &HttpDoor,
    prefer: Prefer,
    mode: Mode,
    request: Request,
) -> Result<Asked, Problem> {
    let parts = &gateway.parts;
    let (head, content) = request.into_parts();
    let caller = match http.takes_credentials() {
        true => auth::of_stream(gateway, http.auth, &head).await?,
        false => auth::of_request(gateway, http.auth, &head.headers).await?,
    };
    let request = Request::from_parts(head, content);
    let idempotency_key = idempotency::key(request.headers())?;
    let trace = trace::Passed::of(&request);
    let input = match http.method {
        // Who calls is no input: it would be kept with the run.
        Method::Get if http.takes_credentials() => body::query(request.uri(), &HttpDoor::CREDENTIALS)?.into(),
        Method::Get | Method::Delete => body::query(request.uri(), &[])?.into(),
        Method::Post | Method::Put | Method::Patch => body::object(request, &parts.limits).await?,
    };
    // Who asks is known by the request: a token in its body is of no use, and must go nowhere.
    let input = match &plan.door.token {
        Some(field) if value::has_field(&input, &field.value) => {
            value::without_field(&input, &field.value).into()
        }
        _ => input,
    };
    let id = parts.ids.next().to_string();
    let input = match &plan.door.correlation {
        Some(field) => value::with_field(&input, &field.value, Value::from(id.as_str())).into(),
        None => input,
    };
    // Who waits no longer has no use for a run that has not begun; who asks later does.
    let deadline = (mode != Mode::Accept && !prefer.is_given()).then_some(http.timeout);
    Ok(Asked { id, at: parts.clock.now(), input, caller, idempotency_key, deadline, trace })
}

async fn wait(
    gateway: &Gateway,
    plan: &Plan,
    http: &HttpDoor,
    prefer: Prefer,
    asked: &Asked,
    followed: &mut Followed,
) -> Result<Response, Problem> {
    let bound = prefer.bound(http.timeout);
    if bound == Duration::ZERO {
        return accept(gateway, plan, asked, followed).await;
    }
    let mut is_admitted = false;
    let ended = async {
        asked.admitted(followed, gateway, plan).await?;
        is_admitted = true;
        followed.ended(&*gateway.parts.store).await
    };
    match tokio::time::timeout(bound, ended).await {
        Ok(ended) => answer::finished(plan, &followed.id, ended?),
        Err(_elapsed) if !prefer.is_given() => Err(answer::late(&followed.id)),
        Err(_elapsed) if is_admitted => Ok(answer::accepted(&followed.id)),
        Err(_elapsed) => asked.taken(),
    }
}

/// 202 as soon as the run can be asked for.
async fn accept(
    gateway: &Gateway,
    plan: &Plan,
    asked: &Asked,
    followed: &mut Followed,
) -> Result<Response, Problem> {
    let bound = gateway.parts.limits.admission;
    match tokio::time::timeout(bound, asked.admitted(followed, gateway, plan)).await {
        Ok(admitted) => admitted.map(|()| answer::accepted(&followed.id)),
        Err(_elapsed) => asked.taken(),
    }
}

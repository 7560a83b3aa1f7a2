//! What a request says: its body as JSON, or its query.

use axum::body::{Body, BodyDataStream};
use axum::extract::{Query, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use futures_util::StreamExt as _;
use pathway_engine::Value;
use pathway_engine::schema::Violation;
use pathway_engine::value::{self, Json};
use pathway_engine::vm::{Class, Failure};

use super::{Limits, Problem};

/// The body as JSON of any kind; none where there is none.
pub(crate) async fn json(request: Request, limits: &Limits) -> Result<Option<Value>, Problem> {
    Ok(with_text(request, limits).await?.map(Json::into_value))
}

async fn with_text(request: Request, limits: &Limits) -> Result<Option<Json>, Problem> {
    let (head, body) = request.into_parts();
    check_type(&head.headers)?;
    let bytes = read(&head.headers, body, limits).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    Json::read(bytes.into()).map(Some).map_err(|error| {
        let detail = format!("the body is not JSON: {error}");
        Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail)
    })
}

/// The body as an object; no body is an empty one.
pub(super) async fn object(request: Request, limits: &Limits) -> Result<Json, Problem> {
    let Some(body) = with_text(request, limits).await? else {
        return Ok(Value::from_pairs::<_, &str, Value>([]).into());
    };
    if value::is_map(&body) {
        return Ok(body);
    }
    let violation =
        Violation { pointer: String::new(), detail: "must be an object".to_owned(), code: "type".to_owned() };
    Err(Problem::of(&Failure::violated(Class::Invalid, "the input", vec![violation])))
}

/// The parameters of a query but those named, all text.
pub(crate) fn query(uri: &Uri, without: &[&str]) -> Result<Value, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, detail);
    let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_malformed| bad("the query is malformed".to_owned()))?;
    pairs.retain(|(name, _)| !without.contains(&name.as_str()));
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    let twice = pairs.windows(2).find_map(|two| match two {
        [(a, _), (b, _)] if a == b => Some(a),
        _ => None,
    });
    match twice {
        Some(name) => Err(bad(format!("`{name}` stands twice in the query"))),
        None => Ok(Value::from_pairs(pairs)),
    }
}

/// JSON, whatever its dialect; what says nothing is taken for it.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported =
        |detail: &str| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Class::Invalid, detail));
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return unsupported("the body must not be compressed");
    }
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let json = essence.ends_with("/json") || essence.ends_with("+json");
    if json { Ok(()) } else { unsupported("the body must be `application/json`") }
}

async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|length| length > limits.body as u64) {
        linger(stream, *limits);
        return Err(too_large(limits));
    }
    let mut bytes = Vec::new();
    let reading = async {
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_gone| {
                Problem::new(StatusCode::BAD_REQUEST, Class::Invalid, "the body breaks off")
            })?;
            if bytes.len() + piece.len() > limits.body {
                return Err(too_large(limits));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(())
    };
    match tokio::time::timeout(limits.reading, reading).await {
        Ok(Ok(())) => Ok(bytes),
        Ok(Err(problem)) => {
            linger(stream, *limits);
            Err(problem)
        }
        Err(_elapsed) => {
            let detail = format!("the body took longer than {:?}", limits.reading);
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Class::Timeout, detail))
        }
    }
}

fn too_large(limits: &Limits) -> Problem {
    let detail = format!("the body has more than {} bytes", limits.body);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Class::Invalid, detail)
}

/// Reads on for a while: a client that still sends when the connection is closed may never read
/// why it was refused.
fn linger(mut rest: BodyDataStream, limits: Limits) {
    tokio::spawn(async move {
        let mut left = limits.body.saturating_mul(2);
        let reading = async {
            while let Some(Ok(piece)) = rest.next().await {
                left = left.saturating_sub(piece.len());
                if left == 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(limits.reading, reading).await.ok();
    });
}

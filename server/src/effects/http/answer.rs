//! Reads a whole answer: bounded, then as JSON, text or bytes.
//!
//! Text of a charset that is not known, or that is broken, is read as UTF-8 with U+FFFD for
//! what is not; JSON must be valid UTF-8. An empty body is none whatever was asked for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use pathway_engine::Value;
use pathway_engine::value::{self, from_json};
use pathway_engine::vm::{Failure, HttpRequest, Parse};

use super::{Limits, Target, failure};

/// What a service answered, its body still on the way.
pub(super) type Response = hyper::Response<Incoming>;

/// How much of a refusal's body operators are shown.
const EXCERPT: usize = HttpRequest::EXCERPT;
/// How long a refusal's body is waited for: its status is known and matters more.
const PATIENCE: Duration = Duration::from_secs(2);

/// The output of a call that was answered.
pub(super) async fn read(
    target: &Target,
    request: &HttpRequest,
    mut response: Response,
) -> Result<Value, Failure> {
    check_head(request, &response, &target.limits)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunk(&mut response).await.map_err(|error| failure::cut(request, &error))? {
        if bytes.len() + chunk.len() > target.limits.body {
            return Err(failure::too_large(request, &target.limits));
        }
        bytes.extend_from_slice(&chunk);
    }
    let body = decode(request, response.headers(), &bytes)?;
    Ok(output(&response, body, []))
}

/// The failure of a call whose status is no answer.
pub(super) async fn refusal(target: &Target, request: &HttpRequest, mut response: Response) -> Failure {
    let mut body = Vec::new();
    let excerpt = async {
        while body.len() < EXCERPT
            && let Ok(Some(chunk)) = chunk(&mut response).await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // Whatever has come by then is enough.
    drop(tokio::time::timeout(PATIENCE, excerpt).await);
    body.truncate(EXCERPT);
    failure::status(target, request, response.status(), response.headers(), &body)
}

/// The next bytes of the body; none: it is whole.
pub(super) async fn chunk(response: &mut Response) -> Result<Option<Bytes>, hyper::Error> {
    while let Some(frame) = response.body_mut().frame().await {
        // Trailers say nothing that is asked for.
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Refuses an answer before its body is read.
pub(super) fn check_head(request: &HttpRequest, response: &Response, limits: &Limits) -> Result<(), Failure> {
    let limit = u64::try_from(limits.body).unwrap_or(u64::MAX);
    if response.body().size_hint().exact().is_some_and(|length| length > limit) {
        return Err(failure::too_large(request, limits));
    }
    // We ask for none, so nothing here could undo it.
    let encoding = response.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|value| value != "identity") && request.parse != Parse::Bytes {
        return Err(failure::unusable(request, "a content encoding that was not asked for", None));
    }
    Ok(())
}

/// `{status, headers, body}` and `more`.
pub(super) fn output<const N: usize>(
    response: &Response,
    body: Value,
    more: [(&'static str, Value); N],
) -> Value {
    let names = response.headers().keys();
    let headers = names.map(|name| (name.as_str(), joined(response.headers(), name)));
    let fields = [
        ("status", Value::from(response.status().as_u16())),
        ("headers", value::map(headers)),
        ("body", body),
    ];
    value::map(fields.into_iter().chain(more))
}

/// What a header says, wherever in the answer it stands.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Value {
    let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next().unwrap_or_default();
    match values.next() {
        None => Value::from(&*first),
        Some(second) => Value::from([first, second].into_iter().chain(values).collect::<Vec<_>>().join(", ")),
    }
}

fn decode(request: &HttpRequest, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Failure> {
    if bytes.is_empty() {
        return Ok(Value::from(()));
    }
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match request.parse {
        Parse::Bytes => Ok(Value::from(STANDARD.encode(bytes))),
        Parse::Json => json(request, bytes),
        Parse::Auto if is_json(media) => json(request, bytes),
        _ => Ok(Value::from(text(media, bytes))),
    }
}

fn json(request: &HttpRequest, bytes: &[u8]) -> Result<Value, Failure> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    from_json(bytes)
        .map_err(|error| failure::unusable(request, "JSON that cannot be read", Some(error.to_string())))
}

fn text(media: &str, bytes: &[u8]) -> String {
    let encoding = charset(media).and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    let (text, _, _) = encoding.decode(bytes);
    text.into_owned()
}

/// Whether a media type is `application/json` or ends in `+json`.
fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

fn charset(media: &str) -> Option<&str> {
    media.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })
}

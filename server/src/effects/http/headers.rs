//! Which headers a request carries: ours, the service's over them, the step's over those.

use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use pathway_engine::vm::{Body, HttpRequest, Method, Parse};

use super::{Context, Target};
use crate::outward;

/// Headers that frame a message; they follow from the request and are nobody's to set.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers of `request`, whose body is of type `content_type`; else why they cannot be sent.
pub(super) fn headers(
    target: &Target,
    request: &HttpRequest,
    context: &Context<'_>,
    content_type: Option<&str>,
) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in &target.headers {
        if FRAMING.contains(&name.as_str()) {
            return Err(format!("the service may not set the header `{name}`"));
        }
        let mut value = value.clone();
        value.set_sensitive(true);
        map.append(name, value);
    }

    let mut step = HeaderMap::new();
    for (name, value) in &request.headers {
        let bad = || format!("`{}` cannot be a header with that value", name.escape_debug());
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        if key == HOST || FRAMING.contains(&key.as_str()) {
            return Err(format!("a step may not set the header `{key}`"));
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        value.set_sensitive(true);
        step.append(key, value);
    }
    for name in step.keys() {
        map.remove(name);
    }
    map.extend(step);

    let accept = match request.parse {
        Parse::Sse => "text/event-stream",
        Parse::Json => "application/json",
        Parse::Auto | Parse::Text | Parse::Lines | Parse::Bytes => "*/*",
    };
    map.entry(ACCEPT).or_insert(HeaderValue::from_static(accept));
    map.entry(HOST).or_insert(target.url.host.clone());
    map.entry(USER_AGENT).or_insert(HeaderValue::from_static(outward::NAME));
    if let Some(login) = &target.url.login {
        map.entry(AUTHORIZATION).or_insert(login.clone());
    }
    let ours = [
        (CONTENT_TYPE, content_type),
        (HeaderName::from_static("idempotency-key"), Some(context.idempotency_key)),
        (HeaderName::from_static("traceparent"), context.traceparent),
    ];
    for (name, value) in ours {
        let Some(value) = value else { continue };
        let value = HeaderValue::from_str(value).map_err(|_| format!("`{name}` cannot be `{value}`"))?;
        // A boundary is known to us alone.
        if name == CONTENT_TYPE && value.as_bytes().starts_with(b"multipart/") {
            map.insert(name, value);
        } else {
            map.entry(name).or_insert(value);
        }
    }
    // Some servers refuse a method that usually carries a body if its length is missing.
    let carries = matches!(request.method, Method::Post | Method::Put | Method::Patch);
    if carries && matches!(request.body, Body::Empty) {
        map.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(map)
}

/// The method in the client's words.
pub(super) const fn method(method: Method) -> hyper::Method {
    match method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
        Method::Delete => hyper::Method::DELETE,
    }
}

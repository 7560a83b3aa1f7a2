//! Where a request goes: the service's URL with the step's path and query appended.
//!
//! The step's path is never resolved as a reference, so it can neither leave the service's path
//! nor name another host. The engine has encoded what expressions yield; what an author wrote is
//! encoded here where a URL needs it, and what could lead elsewhere is refused rather than repaired.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};
use pathway_engine::expression::filters::percent_encode;
use pathway_engine::vm::HttpRequest;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// What those who read URLs encode in a path.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');

/// The URL of a service, taken apart once so that a call only appends to it.
#[derive(PartialEq, Eq)]
pub struct ServiceUrl {
    scheme: Scheme,
    authority: Authority,
    /// Begins with `/`.
    path: String,
    query: Option<String>,
    /// The authority as a header.
    pub(super) host: HeaderValue,
    /// Basic authorization with the user and the password that it names.
    pub(super) login: Option<HeaderValue>,
}

/// Why a text is no URL of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no URL that begins with `http://` or `https://` and names a host")]
pub struct BadUrl;

/// Says nothing of it: it may hold secrets.
impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceUrl").finish_non_exhaustive()
    }
}

impl FromStr for ServiceUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| BadUrl)?;
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(BadUrl),
        };
        let host = url.host_str().ok_or(BadUrl)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            scheme,
            host: HeaderValue::from_str(&authority).map_err(|_| BadUrl)?,
            authority: authority.parse().map_err(|_| BadUrl)?,
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
            login: login(&url)?,
        })
    }
}

impl ServiceUrl {
    /// The host, and the port, which follows from the scheme where it is not named.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let usual = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        (self.authority.host(), self.authority.port_u16().unwrap_or(usual))
    }

    /// Where `request` goes; else why it can go nowhere.
    pub(super) fn of(&self, request: &HttpRequest) -> Result<Uri, &'static str> {
        let mut whole = String::with_capacity(self.path.len() + request.path.len() + 1);
        if request.path.is_empty() {
            whole.push_str(&self.path);
        } else {
            check_path(&request.path)?;
            whole.push_str(self.path.trim_end_matches('/'));
            whole.extend(utf8_percent_encode(&request.path, PATH));
        }
        if let Some(query) = &self.query {
            whole.push('?');
            whole.push_str(query);
        }
        let mut before = match self.query.as_deref() {
            None => "?",
            Some("") => "",
            Some(_) => "&",
        };
        for (name, value) in &request.query {
            whole.push_str(before);
            percent_encode(name, &mut whole);
            whole.push('=');
            percent_encode(value, &mut whole);
            before = "&";
        }
        let bad = "the path has a character that does not belong in one";
        let whole = PathAndQuery::from_maybe_shared(Bytes::from(whole)).map_err(|_| bad)?;
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(whole);
        Uri::from_parts(parts).map_err(|_| bad)
    }
}

/// Basic authorization, where the URL names a user or a password.
fn login(url: &Url) -> Result<Option<HeaderValue>, BadUrl> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text| percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).map_err(|_| BadUrl)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with `/`");
    }
    if path.contains(['?', '#', '\\']) || path.contains(char::is_control) {
        return Err("the path has a character that does not belong in one");
    }
    if path.split('/').any(HttpRequest::is_relative) {
        return Err("the path has a segment `.` or `..`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pathway_engine::vm::{Body, Method, Parse, Stream};
    use proptest::prelude::*;

    use super::*;

    fn request(path: &str, query: Vec<(String, String)>) -> HttpRequest {
        HttpRequest {
            service: "shop".into(),
            method: Method::Get,
            path: path.into(),
            query,
            headers: vec![],
            body: Body::Empty,
            accept: vec![],
            parse: Parse::Auto,
            stream: Stream::default(),
            timeout: None,
        }
    }

    /// What a request asks for at a service.
    fn asked(service: &str, request: &HttpRequest) -> Option<Url> {
        let service: ServiceUrl = service.parse().unwrap();
        Some(service.of(request).ok()?.to_string().parse().unwrap())
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_services(
            parts in prop::collection::vec(prop::sample::select(&[
                "/", "//", ".", "..", "%2e", "%2E", "%2f", "\\", "@evil.example", ":8080", "http:", "?", "#", "\t",
                "a", "é", " ", "%", ";",
            ][..]), 0..8),
        ) {
            let base = "https://user:pw@good.example:8443/rest/v1?key=1";
            if let Some(url) = asked(base, &request(&parts.concat(), vec![])) {
                prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("good.example"), Some(8443)));
                prop_assert_eq!((url.username(), url.query(), url.fragment()), ("", Some("key=1"), None));
                prop_assert!(url.path() == "/rest/v1" || url.path().starts_with("/rest/v1/"), "{}", url);
            }
        }

        #[test]
        fn what_an_author_wrote_is_encoded_as_in_a_url(path in "/\\PC{0,8}") {
            let mut expected: Url = "http://good.example".parse().unwrap();
            expected.set_path(&path);
            if let Some(url) = asked("http://good.example", &request(&path, vec![])) {
                prop_assert_eq!(url, expected);
            }
        }

        #[test]
        fn a_query_arrives_as_it_was_and_after_the_services(
            pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..4),
        ) {
            let url = asked("https://good.example/a?alt=sse", &request("", pairs.clone())).unwrap();
            let arrived: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let expected: Vec<_> = [("alt".to_owned(), "sse".to_owned())].into_iter().chain(pairs).collect();
            prop_assert_eq!(arrived, expected);
        }
    }

    #[test]
    fn a_url_of_a_service_is_one_that_can_be_called() {
        for bad in ["", "good.example", "/a", "ftp://good.example", "http://", "mailto:a@b", "http://a b"] {
            assert_eq!(bad.parse::<ServiceUrl>(), Err(BadUrl), "{bad}");
        }
        for (url, at) in
            [("http://a", ("a", 80)), ("https://a", ("a", 443)), ("http://[::1]:8080/b", ("[::1]", 8080))]
        {
            assert_eq!(url.parse::<ServiceUrl>().unwrap().host_and_port(), at);
        }
        let login = "http://a%40b:%C3%A9@c".parse::<ServiceUrl>().unwrap().login.unwrap();
        assert_eq!(login, format!("Basic {}", STANDARD.encode("a@b:é")));
        assert!(login.is_sensitive());
    }
}

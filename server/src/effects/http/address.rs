//! Where a request goes: the service's URL with the step's path and query appended.
//!
//! The step's path is never resolved as a reference, so it can neither leave the service's path
//! nor name another host. The engine has encoded what expressions yield; what gets here
//! unencoded nevertheless is refused rather than repaired.

use pathway_engine::vm::HttpRequest;
use reqwest::Url;

/// The URL of `request` at the service whose URL is `base`; else why it has none.
pub(super) fn address(base: &Url, request: &HttpRequest) -> Result<Url, &'static str> {
    let mut url = base.clone();
    url.set_fragment(None);
    if !request.path.is_empty() {
        check_path(&request.path)?;
        let path = format!("{}{}", base.path().trim_end_matches('/'), request.path);
        url.set_path(&path);
    }
    if !request.query.is_empty() {
        let mut query = base.query().unwrap_or_default().to_owned();
        for (name, value) in &request.query {
            if !query.is_empty() {
                query.push('&');
            }
            encode(name, &mut query);
            query.push('=');
            encode(value, &mut query);
        }
        url.set_query(Some(&query));
    }
    Ok(url)
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("the path does not begin with `/`");
    }
    if path.contains(['?', '#', '\\']) || path.contains(char::is_control) {
        return Err("the path has a character that does not belong in one");
    }
    let dots = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(dots) {
        return Err("the path has a segment `.` or `..`");
    }
    Ok(())
}

/// Percent-encodes everything but the characters that never need it.
pub(super) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => out.extend(['%', hex(byte >> 4), hex(byte & 15)]),
        }
    }
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
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

    proptest! {
        #[test]
        fn no_path_leaves_the_services(
            parts in prop::collection::vec(prop::sample::select(&[
                "/", "//", ".", "..", "%2e", "%2E", "%2f", "\\", "@evil.example", ":8080", "http:", "?", "#", "\t",
                "a", "é", " ", "%", ";",
            ][..]), 0..8),
        ) {
            let base: Url = "https://user:pw@good.example:8443/rest/v1?key=1".parse().unwrap();
            if let Ok(url) = address(&base, &request(&parts.concat(), vec![])) {
                prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("good.example"), Some(8443)));
                prop_assert_eq!((url.username(), url.query(), url.fragment()), ("user", Some("key=1"), None));
                prop_assert!(url.path() == "/rest/v1" || url.path().starts_with("/rest/v1/"), "{}", url);
            }
        }

        #[test]
        fn a_query_arrives_as_it_was_and_after_the_services(
            pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..4),
        ) {
            let base: Url = "https://good.example/a?alt=sse".parse().unwrap();
            let url = address(&base, &request("", pairs.clone())).unwrap();
            let arrived: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let expected: Vec<_> = [("alt".to_owned(), "sse".to_owned())].into_iter().chain(pairs).collect();
            prop_assert_eq!(arrived, expected);
        }
    }
}

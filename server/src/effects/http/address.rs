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

/// The step's part of the URL, with the names in its query but not the values: for operators.
pub(super) fn outline(request: &HttpRequest) -> String {
    let mut out = request.path.clone();
    for (index, (name, _)) in request.query.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        encode(name, &mut out);
    }
    out
}

//! URLs of services, origins of browsers and addresses to listen on.

use std::net::{Ipv4Addr, SocketAddr};

use super::reader::Reader;
use super::secret::Resolved;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Node;

const BAD_URL: Code = Code("PW0605");
const BAD_ADDRESS: Code = Code("PW0610");
const BAD_ORIGIN: Code = Code("PW0615");

/// The parts of an absolute URL that matter before it is used.
struct Parts<'a> {
    scheme: &'a str,
    authority: &'a str,
    rest: &'a str,
}

fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, rest) = rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len()))?;
    Some(Parts { scheme, authority, rest })
}

/// What is wrong with `url` as the URL of a service.
fn complaint(url: &str) -> Option<&'static str> {
    let Some(Parts { scheme, authority, rest }) = split(url) else {
        return Some("it must begin with `http://` or `https://`");
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        Some("its scheme must be `http` or `https`")
    } else if !is_host(host) {
        Some("it has no host, or one that cannot be")
    } else if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Some("it has white space in it")
    } else if rest.contains('#') {
        Some("a fragment is never sent")
    } else {
        None
    }
}

/// A host with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let good = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')),
    };
    good && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

/// Whether `url` carries a password before its host.
#[must_use]
pub fn has_password(url: &str) -> bool {
    password(url).is_some()
}

/// `url` with its password, if it has one, replaced by `…`.
#[must_use]
pub fn mask_password(url: &str) -> String {
    match password(url) {
        Some((before, after)) => format!("{before}{}{after}", super::MASK),
        None => url.to_owned(),
    }
}

fn password(url: &str) -> Option<(&str, &str)> {
    // A password may itself hold `/`, `?` or `#` by mistake: the last `@` ends it then too.
    let begin = url.find("://")? + 3;
    let at = begin + url.get(begin..)?.rfind('@')?;
    let colon = begin + url.get(begin..at)?.find(':')?;
    (colon + 1 < at).then_some((url.get(..=colon)?, url.get(at..)?))
}

impl Reader<'_> {
    /// An absolute URL over HTTP.
    pub(super) fn url(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        let mut url = self.filled(node, what)?;
        url.secret |= has_password(&url.value);
        if let Some(complaint) = complaint(&url.value) {
            self.push(
                Diagnostic::error(BAD_URL, format!("{what} cannot be used: {complaint}"))
                    .at(node.span, "not such a URL")
                    .help("write it in full, such as `https://api.example.com/v1`"),
            );
            return None;
        }
        Some(url)
    }

    /// As [`Reader::url`], of what is no secret.
    pub(super) fn open_url(&mut self, node: &Node, what: &str) -> Option<String> {
        self.open(node, what)?;
        self.url(node, what).map(|url| url.value)
    }

    /// `HOST:PORT` to listen on.
    pub(super) fn listener(&mut self, node: &Node, what: &str) -> Option<SocketAddr> {
        let text = self.open(node, what)?.value;
        let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let found = text.parse().ok().or(local.map(|port: u16| (Ipv4Addr::LOCALHOST, port).into()));
        if found.is_none() {
            self.push(
                Diagnostic::error(BAD_ADDRESS, format!("{what} cannot be `{text}`"))
                    .at(node.span, "not an address and a port")
                    .help("write such as `127.0.0.1:8000`, `0.0.0.0:8000` or `[::]:8000`"),
            );
        }
        found
    }

    /// Origins of browsers: scheme, host and port, as a browser sends them; or `*`.
    pub(super) fn origins(&mut self, node: &Node) -> Option<Vec<String>> {
        let origins = self.list(node, "`origins`")?;
        for origin in &origins {
            let value = &origin.value;
            let good = value == "*"
                || (complaint(value).is_none()
                    && split(value)
                        .is_some_and(|parts| parts.rest.is_empty() && !parts.authority.contains('@')));
            if !good {
                self.push(
                    Diagnostic::error(BAD_ORIGIN, format!("`{value}` is not an origin"))
                        .at(origin.span, "expected scheme, host and port only")
                        .help("write such as `https://app.example.com`, without a path or a final `/`"),
                );
            }
        }
        Some(origins.into_iter().map(|origin| origin.value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for good in [
            "http://localhost:54321",
            "https://x.test/v1/models:streamGenerateContent?alt=sse",
            "HTTPS://u:p@x.test",
            "http://[::1]:8080/x",
        ] {
            assert_eq!(complaint(good), None, "{good}");
        }
        for bad in [
            "",
            "/v1",
            "x.test",
            "ftp://x",
            "http://",
            "http:///x",
            "http://a b/",
            "http://x:y/",
            "http://x#f",
            "http://x:99999",
        ] {
            assert!(complaint(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_masked() {
        assert_eq!(mask_password("postgres://u:p@h/db"), "postgres://u:…@h/db");
        assert_eq!(mask_password("postgres://u:p/w@x@h/db"), "postgres://u:…@h/db");
        for open in ["http://h/x", "http://u@h", "http://h:80/x", "a:b@c", "http://u:@h"] {
            assert_eq!(mask_password(open), open);
        }
    }
}

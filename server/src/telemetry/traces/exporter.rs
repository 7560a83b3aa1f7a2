//! Sends spans to a collector, all of a batch at once, and once: what it does not take is dropped.

use std::time::Duration;

use pathway_engine::project;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use uuid::Uuid;

use super::otlp;
use super::span::{Attribute, Span};
use crate::causes::with_causes;
use crate::outward;

/// For the whole of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read, so that its connection can be used again.
const LARGEST: usize = 64 << 10;
/// Where traces are taken, below the collector's URL.
const PATH: &str = "v1/traces";

/// A collector, and what is said of all spans.
pub(super) struct Exporter {
    client: Client,
    url: Url,
    headers: HeaderMap,
    resource: Vec<(&'static str, Attribute)>,
}

impl Exporter {
    pub(super) fn new(traces: &project::Traces) -> Result<Self, String> {
        let client = outward::client().timeout(PATIENCE).build().map_err(|error| with_causes(&error))?;
        let url = url(&traces.url.value).ok_or("the URL of `traces` cannot be used")?;
        let mut headers = HeaderMap::new();
        for (name, value) in &traces.headers {
            let bad = || format!("the header `{name}` of `traces` cannot be sent");
            let name = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
            let mut value = HeaderValue::try_from(value.reveal()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let resource = vec![
            ("service.name", Attribute::from(traces.service.clone())),
            ("service.version", env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id", Uuid::new_v4().to_string().into()),
        ];
        Ok(Self { client, url, headers, resource })
    }

    /// Sends them; else why they were not taken, without the URL.
    pub(super) async fn send(&self, spans: &[Span]) -> Result<(), String> {
        let body = otlp::request(&self.resource, spans);
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let told = |error: reqwest::Error| match error.is_timeout() {
            true => format!("no answer within {PATIENCE:?}"),
            false => with_causes(&error.without_url()),
        };
        let mut response = request.send().await.map_err(told)?;
        let status = response.status();
        let mut read = 0;
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            read += chunk.len();
            if read > LARGEST {
                break;
            }
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("it answered {status}")),
        }
    }
}

/// Where a collector takes traces; one that ends so already is meant as it is.
fn url(collector: &str) -> Option<Url> {
    let mut url = Url::parse(collector).ok()?;
    if !url.path().ends_with(PATH) {
        url.path_segments_mut().ok()?.pop_if_empty().extend(PATH.split('/'));
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_url_of_the_collector() {
        for (given, meant) in [
            ("http://a.test:4318", "http://a.test:4318/v1/traces"),
            ("http://a.test:4318/", "http://a.test:4318/v1/traces"),
            ("https://a.test/otlp", "https://a.test/otlp/v1/traces"),
            ("https://a.test/otlp/v1/traces", "https://a.test/otlp/v1/traces"),
            ("https://a.test/?tenant=x", "https://a.test/v1/traces?tenant=x"),
        ] {
            assert_eq!(url(given).unwrap().as_str(), meant);
        }
    }
}

//! Asking an issuer over HTTP: small answers, soon, or none.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::outward;

/// Bytes of an answer.
const LARGEST: usize = 256 << 10;
/// For the whole of an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Asks, over one pool of connections.
#[derive(Clone)]
pub(super) struct Fetch(reqwest::Client);

/// An answer, whatever it says.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Fetch {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client =
            outward::client().timeout(PATIENCE).pool_idle_timeout(Duration::from_secs(30)).build()?;
        Ok(Self(client))
    }

    /// What `url` answers; else why it does not, without the headers that were sent.
    pub(super) async fn get(&self, url: &str, headers: HeaderMap) -> Result<Answer, String> {
        let mut response = self.0.get(url).headers(headers).send().await.map_err(reason)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(reason)? {
            if body.len() + piece.len() > LARGEST {
                return Err(format!("the answer has more than {LARGEST} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status: response.status().as_u16(), body })
    }
}

/// The last cause is the one that says something.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {PATIENCE:?}");
    }
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    reason
}

//! Requests and their answers.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::soon;

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// What `request` is answered.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let answered = async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Ok::<_, reqwest::Error>(Self { status, headers, text: answer.text().await? })
        };
        match soon("an answer", answered).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error:?}"),
        }
    }

    /// Its body.
    ///
    /// # Panics
    /// If that is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("{} with `{}`: {error}", self.status, self.text),
        }
    }

    /// A header of it; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A body of JSON, in one word.
pub trait JsonBody {
    /// With this body.
    #[must_use]
    fn json_body(self, body: &Value) -> Self;
}

impl JsonBody for RequestBuilder {
    fn json_body(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

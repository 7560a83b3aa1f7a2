//! Whoever tells the streams something.

use reqwest::Client;
use serde_json::json;

use crate::load;

/// A client of the door that publishes.
pub(super) struct Speaker {
    client: Client,
    url: String,
}

impl Speaker {
    pub(super) fn new(address: &str) -> Result<Self, String> {
        Ok(Self { client: load::client()?, url: format!("http://{address}/say") })
    }

    /// Tells whoever listens to `key` records `of`, one after another, each with so many bytes more.
    pub(super) async fn say(&self, key: &str, of: std::ops::Range<u64>, bytes: usize) -> Result<(), String> {
        for n in of {
            let said = json!({"to": key, "n": n, "text": format!("{n:09} ").repeat(bytes / 10 + 20)});
            let request = self.client.post(&self.url).header("content-type", "application/json");
            let answer = request.body(said.to_string()).send().await.map_err(text)?;
            let (status, body) = (answer.status(), answer.text().await.map_err(text)?);
            if !status.is_success() {
                return Err(format!("a record was not published: {status} {body}"));
            }
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! HTTP as it is on the wire: every chunk of an answer as it was written, at the reader's pace.
//!
//! Other clients put chunks together as they please, so they cannot tell whether an event was one
//! write. This one can, and it can read as slowly as a test wants.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::soon;

/// An answer that is being read.
#[derive(Debug)]
pub struct Wire {
    /// Its status.
    pub status: u16,
    headers: Vec<(String, String)>,
    stream: TcpStream,
    read: VecDeque<u8>,
    is_chunked: bool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Ask {
    /// `GET PATH`
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// `POST PATH` with a body of JSON.
    #[must_use]
    pub fn post(path: &str, body: &serde_json::Value) -> Self {
        let ask = Self { method: "POST", path: path.to_owned(), headers: Vec::new(), body: None };
        let ask = ask.header("content-type", "application/json");
        Self { body: Some(body.to_string()), ..ask }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    fn text(&self, host: &str) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        text
    }
}

impl Wire {
    /// Asks, and reads the head of the answer.
    ///
    /// # Panics
    /// If there is none.
    pub async fn open(authority: &str, ask: &Ask) -> Self {
        soon("the head of an answer", Self::head(authority, ask)).await
    }

    async fn head(authority: &str, ask: &Ask) -> Self {
        let mut stream = match TcpStream::connect(authority).await {
            Ok(stream) => stream,
            Err(error) => panic!("{authority} does not answer: {error}"),
        };
        let sent = stream.write_all(ask.text(authority).as_bytes()).await;
        assert!(sent.is_ok(), "the request was not taken: {sent:?}");
        let mut wire =
            Self { status: 0, headers: Vec::new(), stream, read: VecDeque::new(), is_chunked: false };
        let Some(status) = wire.line().await else { panic!("no answer to {ask:?}") };
        wire.status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        while let Some(line) = wire.line().await.filter(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':') {
                wire.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        wire.is_chunked = wire.header("transfer-encoding") == Some("chunked");
        wire
    }

    /// The first header of that name, written small.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The next chunk, as it was written; none at the end of the answer.
    ///
    /// # Panics
    /// If the answer is not written in chunks.
    pub async fn chunk(&mut self) -> Option<String> {
        match self.try_chunk().await {
            Ok(chunk) => chunk,
            Err(Broken) => panic!("the answer breaks off"),
        }
    }

    /// The next chunk; an error where the connection breaks.
    ///
    /// # Errors
    /// It breaks.
    ///
    /// # Panics
    /// If the answer is not written in chunks, or nothing comes.
    pub async fn try_chunk(&mut self) -> Result<Option<String>, Broken> {
        assert!(self.is_chunked, "the answer is not written in chunks");
        soon("a chunk", self.read_chunk()).await
    }

    async fn read_chunk(&mut self) -> Result<Option<String>, Broken> {
        let size = self.line().await.ok_or(Broken)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| Broken)?;
        let mut bytes = Vec::with_capacity(size);
        for _ in 0..size {
            bytes.push(self.byte().await.ok_or(Broken)?);
        }
        // Closes the chunk, or after the last the answer.
        self.line().await.ok_or(Broken)?;
        match String::from_utf8(bytes) {
            Ok(text) if size > 0 => Ok(Some(text)),
            Ok(_) => Ok(None),
            Err(error) => panic!("a chunk is cut within a character: {error}"),
        }
    }

    /// The next byte as it comes over the connection; none at its end. Nothing more is read of it
    /// than was asked for, if all is read so.
    pub async fn raw(&mut self) -> Option<u8> {
        if let Some(byte) = self.read.pop_front() {
            return Some(byte);
        }
        self.stream.read_u8().await.ok()
    }

    async fn byte(&mut self) -> Option<u8> {
        if self.read.is_empty() {
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer).await.ok()?;
            self.read.extend(buffer.iter().take(read));
        }
        self.read.pop_front()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match self.byte().await? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        Some(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }
}

/// The connection broke in the middle of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

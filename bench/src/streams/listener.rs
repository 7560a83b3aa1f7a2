//! Readers of a stream: those who take what comes, and those who take a byte a second. They speak
//! HTTP by hand, so that thousands of them take little themselves.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What precedes what is said.
const DATA: &[u8] = b"\ndata: ";
/// What the system keeps for a slow reader.
const SMALL: u32 = 4 << 10;

/// A reader.
pub(super) struct Listener {
    stream: TcpStream,
    /// Read, and not looked at yet.
    read: Vec<u8>,
}

impl Listener {
    /// Opens a stream; ready when it says that it is open.
    pub(super) async fn open(address: String, key: String) -> Result<Self, String> {
        let stream = TcpStream::connect(&address).await.map_err(text)?;
        Self::begin(stream, &address, &key).await
    }

    async fn begin(mut stream: TcpStream, address: &str, key: &str) -> Result<Self, String> {
        let request =
            format!("GET /said?to={key} HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(text)?;
        let mut listener = Self { stream, read: Vec::new() };
        let head = listener.until(b"\r\n\r\n").await?;
        if !head.starts_with(b"HTTP/1.1 200") {
            return Err(format!("a stream was not opened: {}", String::from_utf8_lossy(&head)));
        }
        // The comment with which it begins.
        listener.until(b"\n\n").await?;
        Ok(listener)
    }

    /// The number of the next record.
    pub(super) async fn hear(&mut self) -> Result<u64, String> {
        self.until(DATA).await?;
        let line = self.until(b"\n").await?;
        let said: Value = serde_json::from_slice(&line).map_err(text)?;
        said.get("n").and_then(Value::as_u64).ok_or_else(|| format!("an event without a number: {said}"))
    }

    /// Reads up to `end`; what stands before it.
    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, String> {
        let mut looked = 0;
        loop {
            let fresh = self.read.get(looked..).unwrap_or_default();
            if let Some(place) = fresh.windows(end.len()).position(|window| window == end) {
                let mut before: Vec<u8> = self.read.drain(..looked + place + end.len()).collect();
                before.truncate(looked + place);
                return Ok(before);
            }
            looked = self.read.len().saturating_sub(end.len() - 1);
            if self.stream.read_buf(&mut self.read).await.map_err(text)? == 0 {
                return Err("a stream has ended".to_owned());
            }
        }
    }
}

/// A reader who takes a byte a second, until it is dropped.
pub(super) struct Slow {
    reading: JoinHandle<()>,
}

impl Slow {
    pub(super) async fn open(address: &str, key: &str) -> Result<Self, String> {
        let to: SocketAddr = address.parse().map_err(text)?;
        let socket = TcpSocket::new_v4().map_err(text)?;
        socket.set_recv_buffer_size(SMALL).map_err(text)?;
        let stream = socket.connect(to).await.map_err(text)?;
        let mut listener = Listener::begin(stream, address, key).await?;
        let reading = tokio::spawn(async move {
            while listener.stream.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        Ok(Self { reading })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

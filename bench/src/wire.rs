//! HTTP/1.1 as far as a benchmark needs it, on connections that are kept open: little enough that
//! what asks and what answers takes nearly nothing of the processor from what is measured.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bytes of a message, at most.
const LARGEST: usize = 16 << 20;

/// A request or an answer.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// Its first line.
    pub(crate) line: String,
    pub(crate) body: Vec<u8>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Read, and not yet part of a message.
    ahead: Vec<u8>,
}

/// A request with a body of JSON, as bytes.
pub(crate) fn post(host: &str, path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A request without a body, as bytes.
pub(crate) fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes()
}

impl Connection {
    /// To a server.
    pub(crate) async fn to(address: &str) -> io::Result<Self> {
        TcpStream::connect(address).await.and_then(Self::over)
    }

    /// Over a stream that is connected.
    pub(crate) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, ahead: Vec::new() })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Message> {
        self.write(request).await?;
        self.read().await?.ok_or_else(|| broken("the connection was closed"))
    }

    /// Sends a message.
    pub(crate) async fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message).await
    }

    /// The next message; none when the other side has no more.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Message>> {
        let head = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                break self.take(end + 4);
            }
            if !self.more().await? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let line = head.lines().next().unwrap_or_default().to_owned();
        let header = |wanted: &str| {
            let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            fields
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let body = match (header("content-length"), header("transfer-encoding")) {
            (Some(length), _) => self.exactly(length.parse().map_err(|_| broken("a length"))?).await?,
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => self.chunks().await?,
            (None, Some(_)) => return Err(broken("a transfer encoding")),
            (None, None) => Vec::new(),
        };
        Ok(Some(Message { line, body }))
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.ahead, b"\r\n") {
                    Some(end) => break end,
                    None if self.more().await? => {}
                    None => return Err(broken("a chunk")),
                }
            };
            let line = self.take(end + 2);
            let length = std::str::from_utf8(&line).unwrap_or_default().trim();
            let length = usize::from_str_radix(length, 16).map_err(|_| broken("the length of a chunk"))?;
            let mut chunk = self.exactly(length + 2).await?;
            chunk.truncate(length);
            if length == 0 {
                return Ok(body);
            }
            body.append(&mut chunk);
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.more().await? {
                return Err(broken("a body that breaks off"));
            }
        }
        Ok(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(length.min(self.ahead.len()));
        std::mem::replace(&mut self.ahead, rest)
    }

    /// Reads on; false at the end.
    async fn more(&mut self) -> io::Result<bool> {
        if self.ahead.len() > LARGEST {
            return Err(broken("a message that is too large"));
        }
        self.ahead.reserve(4096);
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn messages_are_read_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut there = Connection::over(listener.accept().await.unwrap().0).unwrap();
        let sent = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
                    HTTP/1.1 201 Made\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n\
                    GET / HTTP/1.1\r\n\r\n";
        let sending = tokio::spawn(async move {
            for byte in sent.bytes() {
                here.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        for (line, body) in [("HTTP/1.1 200 OK", "abc"), ("HTTP/1.1 201 Made", "def"), ("GET / HTTP/1.1", "")]
        {
            let found = there.read().await.unwrap().unwrap();
            assert_eq!((found.line.as_str(), &*found.body), (line, body.as_bytes()));
        }
        sending.await.unwrap();
        assert!(there.read().await.unwrap().is_none());
    }
}

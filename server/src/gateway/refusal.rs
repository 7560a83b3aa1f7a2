//! What the HTTP library refuses by itself: requests that it cannot read.
//!
//! It answers them with a bare status that nothing of ours has seen. That answer is known by what
//! it lacks: each of ours has a request id, and no body of ours has the empty line of a head. It
//! is replaced by a problem as it is written. The rest of what the client sends is then read for
//! a while, or the client may never see why it was refused.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use pathway_engine::vm::Class;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use uuid::Uuid;

use super::Problem;
use super::request::REQUEST_ID;

/// How much is read of what a refused client still sends, and for how long.
const REST: usize = 1 << 20;
const LINGER: Duration = Duration::from_secs(2);
/// Bytes of an answer of the library's own.
const LONGEST: usize = 512;

/// A connection on which refusals are problems.
#[derive(Debug)]
pub(super) struct Explaining<S> {
    stream: S,
    problem: Option<Written>,
    rest: Rest,
}

/// A problem that is written in place of something else.
#[derive(Debug)]
struct Written {
    bytes: Vec<u8>,
    written: usize,
    /// Bytes of what it replaces.
    replaces: usize,
}

/// What a refused client still sends.
#[derive(Debug)]
enum Rest {
    /// Nobody was refused.
    Nothing,
    /// To be read once the connection is closed on our side.
    Due,
    Reading {
        left: usize,
        until: Pin<Box<Sleep>>,
    },
}

impl<S> Explaining<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, problem: None, rest: Rest::Nothing }
    }
}

impl<S: AsyncWrite + Unpin> Explaining<S> {
    /// Writes the problem that stands for the answer in `bytes`; none: it is one of ours.
    fn explain(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.problem.is_none() {
            let problem = explained(bytes)?;
            self.problem = Some(Written { bytes: problem, written: 0, replaces: bytes.len() });
        }
        Some(self.write(context))
    }

    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(problem) = &mut self.problem {
            let Some(left) = problem.bytes.get(problem.written..).filter(|left| !left.is_empty()) else {
                let replaces = problem.replaces;
                self.problem = None;
                self.rest = Rest::Due;
                return Poll::Ready(Ok(replaces));
            };
            match ready!(Pin::new(&mut self.stream).poll_write(context, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => problem.written += n,
            }
        }
        Poll::Ready(Ok(0))
    }
}

/// `bytes` with the problem that stands for an answer of the library's own at their end; before it
/// may be what is left of an answer of ours.
fn explained(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = bytes.strip_suffix(b"\r\n\r\n")?;
    let near = head.len().saturating_sub(LONGEST);
    let begins = |part: &[u8]| part == b"HTTP/1.";
    let at = near + head.get(near..)?.windows(7).rposition(begins)?;
    let (before, head) = head.split_at_checked(at)?;
    let (line, headers) = std::str::from_utf8(head).ok()?.split_once("\r\n")?;
    let status = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let status = StatusCode::from_bytes(status.as_bytes()).ok().filter(StatusCode::is_client_error)?;
    let is = |line: &str, name: &str| {
        line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    if headers.lines().any(|line| is(line, REQUEST_ID.as_str())) {
        return None;
    }
    let detail = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the request has too many headers, or too long ones",
        StatusCode::URI_TOO_LONG => "the path and query of the request are too long",
        _ => "this is not a request of HTTP/1.1",
    };
    let id = Uuid::now_v7().to_string();
    tracing::info!(status = status.as_u16(), request_id = id, "a request that could not be read");
    let body = Problem::new(status, Class::Invalid, detail).of_request(&id).to_json();
    let kept: String = headers
        .lines()
        .filter(|line| !is(line, "content-length"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let length = body.len();
    let head = format!(
        "{line}\r\n{kept}content-type: application/problem+json\r\ncontent-length: {length}\r\n{REQUEST_ID}: {id}\r\n"
    );
    Some([before, format!("{head}\r\n{body}").as_bytes()].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for Explaining<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explaining<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.explain(context, bytes) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal is a head without a body.
        let mut parts = slices.iter().filter(|slice| !slice.is_empty());
        if let (Some(only), None) = (parts.next(), parts.next())
            && let Some(written) = self.explain(context, only)
        {
            return written;
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Rest::Due = this.rest {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            this.rest = Rest::Reading { left: REST, until: Box::pin(sleep(LINGER)) };
        }
        let Rest::Reading { left, until } = &mut this.rest else {
            return Pin::new(&mut this.stream).poll_shutdown(context);
        };
        let mut buffer = [0; 4096];
        while *left > 0 && until.as_mut().poll(context).is_pending() {
            let mut read = ReadBuf::new(&mut buffer);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => *left = left.saturating_sub(read.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_of_the_library_are_replaced() {
        let refusal =
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Mon\r\n\r\n";
        let explained = String::from_utf8(explained(refusal.as_bytes()).unwrap()).unwrap();
        assert!(explained.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ndate: Mon\r\n"));
        let (head, body) = explained.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        let both = format!("{ours}{refusal}", ours = "HTTP/1.1 200 OK\r\n\r\n{}");
        let explained = super::explained(both.as_bytes()).unwrap();
        assert!(explained.starts_with(b"HTTP/1.1 200 OK\r\n\r\n{}HTTP/1.1 400 Bad Request\r\n"));
        for ours in [
            "HTTP/1.1 400 Bad Request\r\nX-Request-Id: a\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\n1",
            "data: {\"text\":\"HTTP/1.1 400 Bad Request\"}\n\n",
            "",
        ] {
            assert_eq!(super::explained(ours.as_bytes()), None, "{ours}");
        }
    }
}

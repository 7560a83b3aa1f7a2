//! A service that does a few calls at a time, and slows down steeply where it is asked for more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::wire::Connection;

/// How long a call takes where there is room.
const TAKES: Duration = Duration::from_millis(20);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// A service on a thread of its own. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Slowing {
    /// Where it listens.
    pub(crate) address: String,
    most: Arc<AtomicU32>,
    _end: oneshot::Sender<()>,
}

impl Slowing {
    /// One that does so many calls at a time.
    pub(crate) fn start(room: u32) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(text)?;
        let address = listener.local_addr().map_err(text)?.to_string();
        let most = Arc::<AtomicU32>::default();
        let seen = most.clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ended = ended => {}
                    () = serve(listener, room, seen) => {}
                }
            });
        });
        Ok(Self { address, most, _end: end })
    }

    /// How many calls it had at once, at most, since this was asked.
    pub(crate) fn most(&self) -> u32 {
        self.most.swap(0, Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, room: u32, most: Arc<AtomicU32>) {
    let busy = Arc::<AtomicU32>::default();
    while let Ok((stream, _)) = listener.accept().await {
        let (busy, most) = (busy.clone(), most.clone());
        tokio::spawn(async move {
            let mut connection = Connection::over(stream)?;
            while connection.read().await?.is_some() {
                let at_once = busy.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(at_once, Ordering::Relaxed);
                // Twice as many calls as there is room for take four times as long each.
                let over = (f64::from(at_once) / f64::from(room)).max(1.0);
                tokio::time::sleep(TAKES.mul_f64(over * over)).await;
                busy.fetch_sub(1, Ordering::Relaxed);
                connection.write(ANSWER).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

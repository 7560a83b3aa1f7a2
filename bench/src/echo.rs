//! A service that answers with what it was sent, at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::wire::Connection;

/// A service on a thread of its own. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Echo {
    /// Where it listens.
    pub(crate) address: String,
    answered: Arc<AtomicU64>,
    _end: oneshot::Sender<()>,
}

impl Echo {
    pub(crate) fn start() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(text)?;
        let address = listener.local_addr().map_err(text)?.to_string();
        let answered = Arc::<AtomicU64>::default();
        let counted = answered.clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ended = ended => {}
                    () = serve(listener, counted) => {}
                }
            });
        });
        Ok(Self { address, answered, _end: end })
    }

    /// How many calls it has answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, answered: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let answered = answered.clone();
        tokio::spawn(async move {
            let mut connection = Connection::over(stream)?;
            while let Some(asked) = connection.read().await? {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
                let mut answer = format!("{head}{}\r\n\r\n", asked.body.len()).into_bytes();
                answer.extend(asked.body);
                connection.write(&answer).await?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

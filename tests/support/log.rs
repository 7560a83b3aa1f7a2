//! What a child says, line by line, kept for whoever asks later.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::soon;

/// The lines of one or more outputs.
#[derive(Debug, Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self { lines: Arc::default(), count: watch::Sender::new(0) }
    }
}

impl Log {
    /// Keeps what is said there, until it ends.
    pub(crate) fn keep(&self, output: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = log.lines.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push(line);
                let count = kept.len();
                drop(kept);
                log.count.send_replace(count);
            }
        })
    }

    /// All of it so far.
    #[must_use]
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// How many lines there are: what [`Log::says`] is to be asked about from here on.
    #[must_use]
    pub fn here(&self) -> usize {
        *self.count.borrow()
    }

    /// The first line after `from` that contains `text`.
    ///
    /// # Panics
    /// If none comes.
    pub async fn says(&self, from: usize, text: &str) -> String {
        let mut count = self.count.subscribe();
        let found = async {
            let mut next = from;
            loop {
                count.borrow_and_update();
                let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(line) = lines.iter().skip(next).find(|line| line.contains(text)) {
                    return line.clone();
                }
                next = lines.len().max(from);
                // The log itself holds the sender.
                count.changed().await.ok();
            }
        };
        soon(&format!("the log to say `{text}`"), found).await
    }
}

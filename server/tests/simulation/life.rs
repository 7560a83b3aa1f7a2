//! The life of a process: whatever it does to the outside goes through it. One that is dead does
//! nothing more, whatever its tasks still believe; one that is suspended does it later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::world::World;

/// It is over.
#[derive(Debug)]
pub(crate) struct Dead;

/// See above.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) world: Arc<World>,
    /// What the process is called: each that is started has another name.
    pub(crate) name: String,
    dead: CancellationToken,
    is_suspended: AtomicBool,
    resumed: Notify,
}

impl Life {
    pub(crate) fn new(world: Arc<World>, name: String) -> Self {
        let (dead, is_suspended, resumed) = Default::default();
        Self { world, name, dead, is_suspended, resumed }
    }

    /// Ends it, at once.
    pub(crate) fn end(&self) {
        if !self.is_over() {
            self.world.note(&self.name, "is dead");
            self.dead.cancel();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Ready when it is over.
    pub(crate) async fn over(&self) {
        self.dead.cancelled().await;
    }

    pub(crate) fn suspend(&self) {
        self.is_suspended.store(true, Ordering::Relaxed);
        self.world.note(&self.name, "is suspended");
    }

    pub(crate) fn resume(&self) {
        self.world.note(&self.name, "goes on");
        self.is_suspended.store(false, Ordering::Relaxed);
        self.resumed.notify_waiters();
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.is_suspended.load(Ordering::Relaxed)
    }

    /// Ready while it lives and is not suspended.
    pub(crate) async fn awake(&self) -> Result<(), Dead> {
        let resumed = async {
            while self.is_suspended() {
                self.resumed.notified().await;
            }
        };
        tokio::select! {
            biased;
            () = self.over() => Err(Dead),
            () = resumed => Ok(()),
        }
    }

    /// Lets time pass.
    pub(crate) async fn wait(&self, time: Duration) -> Result<(), Dead> {
        self.until(tokio::time::sleep(time)).await
    }

    /// Waits for something.
    pub(crate) async fn until<T>(&self, what: impl Future<Output = T>) -> Result<T, Dead> {
        let answer = tokio::select! {
            biased;
            () = self.over() => return Err(Dead),
            answer = what => answer,
        };
        self.awake().await?;
        Ok(answer)
    }
}

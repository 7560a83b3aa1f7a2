//! What callers may tell their runs, as the runner does it.

use futures_util::future::BoxFuture;
use pathway_engine::journal::Signal;
use pathway_engine::vm::{Class, Failure};

use crate::gateway::{CommandError, Commands};
use crate::runner::{OrderError, Runner};

impl Commands for Runner {
    fn cancel(&self, run: &str) -> BoxFuture<'_, Result<(), CommandError>> {
        let run = run.to_owned();
        Box::pin(async move {
            let reason = Failure::new(Class::Cancelled, "cancelled by its caller");
            told(Self::cancel(self, &run, reason).await)
        })
    }

    fn signal(&self, run: &str, signal: Signal) -> BoxFuture<'_, Result<(), CommandError>> {
        let run = run.to_owned();
        Box::pin(async move { told(Self::signal(self, &run, signal).await) })
    }
}

fn told(reached: Result<bool, OrderError>) -> Result<(), CommandError> {
    let why = "the run is not under way: it has ended, or was parked";
    match reached {
        Ok(true) => Ok(()),
        Ok(false) => Err(CommandError::Refused(why.to_owned())),
        Err(error @ OrderError::Nobody) => Err(CommandError::Refused(error.to_string())),
        Err(OrderError::Store(error)) => Err(CommandError::Unavailable(error.to_string())),
    }
}

//! `pathway demo`: the finance project against stand-ins of its upstreams, in one process.

mod chain;
mod hints;
mod rows;
mod scenes;
mod stage;
mod story;

use std::path::PathBuf;

use tokio::sync::broadcast::error::RecvError;

use self::chain::Runs;
use self::scenes::Show;
use self::stage::Stage;
use self::story::Story;
use super::serve::asked_to_stop;
use super::{Exit, Failure, Outcome, Session};

/// Shows what pathways do, without any set-up
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Plays it once and exits
    #[arg(long)]
    once: bool,
    /// Keeps the project and its data in this folder, which is new or empty
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Demo {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(internal)?;
        runtime.block_on(async {
            let stop = asked_to_stop();
            let stage = Stage::set(session, self.dir.as_deref()).await?;
            let ended = tokio::select! {
                ended = self.play(session, &stage) => ended,
                () = stop => Ok(Exit::Success),
            };
            stage.clear().await;
            ended
        })
    }

    async fn play(&self, session: &Session, stage: &Stage) -> Outcome {
        let story = Story::new(session.terminal);
        story.introduce(stage)?;
        let failures = Show::new(stage, &story).play().await?;
        if failures > 0 && self.once {
            return Err(Failure::new(
                Exit::Failure,
                format!("{failures} of the scenes did not go as they should"),
            ));
        }
        if self.once {
            return Ok(Exit::Success);
        }
        story.part(&hints::text(stage))?;
        follow(stage, &story).await
    }
}

/// Tells of every run that somebody starts, until the program is stopped.
async fn follow(stage: &Stage, story: &Story) -> Outcome {
    let mut observed = stage.app.runner.observe();
    let mut runs = Runs::default();
    loop {
        match observed.recv().await {
            Ok(seen) => {
                if let Some(run) = runs.see(seen) {
                    story.run(&run)?;
                }
            }
            Err(RecvError::Lagged(_)) => runs = Runs::default(),
            Err(RecvError::Closed) => return Err(internal("the runner has ended")),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn internal(error: impl ToString) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

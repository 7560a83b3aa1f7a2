//! `pathway reload`, and loading a project again within a server: at SIGHUP, and when files change.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pathway_engine::diagnostic::{Format, render};
use reqwest::Method;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::operator::{Operator, block_on, diagnosed};
use super::watch::{self, Changes as Changed, Watched};
use super::{Exit, Failure, Outcome, Session, Terminal};
use crate::app::{Changes, ReloadError, Reloaded, Reloader};

/// Changes that wait to be looked at.
const CHANGES: usize = 1;

/// Has the server load its project again: what is under way goes on, where something is wrong all does
#[derive(Debug, clap::Args)]
pub(super) struct Reload {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let operator = Operator::find(session)?;
        let reloaded: Reloaded = block_on(async { operator.ask(Method::POST, "/reload", None).await })?;
        match self.json {
            true => session.terminal.json(&reloaded)?,
            false => session.terminal.result(&told(&reloaded))?,
        }
        Ok(Exit::Success)
    }
}

/// What was loaded again, on a line.
pub(super) fn told(reloaded: &Reloaded) -> String {
    let mut parts = Vec::new();
    for (what, changes) in [("", &reloaded.pathways), ("feed ", &reloaded.feeds)] {
        let Changes { added, changed, removed, .. } = changes;
        for (how, names) in [("added", added), ("changed", changed), ("removed", removed)] {
            if !names.is_empty() {
                let names: Vec<String> = names.iter().map(|name| format!("{what}{name}")).collect();
                parts.push(format!("{how} {}", names.join(", ")));
            }
        }
    }
    if parts.is_empty() {
        parts.push("no pathway is another".to_owned());
    }
    if !reloaded.restart.is_empty() {
        parts.push(format!("holds after a restart only: {}", reloaded.restart.join(", ")));
    }
    format!("reloaded: {}", parts.join("; "))
}

/// Signals that ask for it; caught from the call on.
pub(super) fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup()).ok()
}

/// Loads a project again whenever somebody wants it.
pub(super) struct Reloading {
    terminal: Terminal,
    reloader: Reloader,
    hangups: Option<Signal>,
    files: Option<Files>,
}

/// What is watched, and told of its changes.
type Files = (Watched, mpsc::Receiver<Changed>);

impl Reloading {
    pub(super) fn new(
        terminal: Terminal,
        reloader: Reloader,
        hangups: Option<Signal>,
        watches: bool,
    ) -> Result<Self, Failure> {
        let files = match watches {
            true => Some(files(&reloader)?),
            false => None,
        };
        Ok(Self { terminal, reloader, hangups, files })
    }

    /// Does so until it cannot go on.
    pub(super) async fn run(mut self) -> Failure {
        loop {
            let told = tokio::select! {
                () = hung_up(&mut self.hangups) => self.terminal.note("SIGHUP: loading the project again"),
                changed = changed(&mut self.files) => {
                    // Before they are read, so that nothing that comes into them is missed.
                    if let Err(failure) = self.look_at(changed.folders) {
                        return failure;
                    }
                    self.terminal.note(&format!("changed: {}", changed.names))
                }
            };
            if let Err(error) = told {
                return error.into();
            }
            if let Err(failure) = self.reload().await {
                return failure;
            }
        }
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        match self.reloader.reload().await {
            Ok(reloaded) => {
                let warnings: Vec<String> = reloaded.warnings.iter().filter_map(diagnosed).collect();
                let lines = warnings.into_iter().chain([told(&reloaded)]);
                self.terminal.note(&lines.collect::<Vec<_>>().join("\n"))?;
            }
            Err(error) => {
                if let ReloadError::Wrong { found, sources, .. } = &error {
                    let color = self.terminal.colors_errors();
                    self.terminal.report(render(found, sources, Format::Human { color }).trim_end())?;
                }
                self.terminal.error(&error.to_string(), Some("the last good version still serves"))?;
            }
        }
        self.look_at(self.reloader.folders())
    }

    fn look_at(&mut self, folders: BTreeSet<PathBuf>) -> Result<(), Failure> {
        match &mut self.files {
            Some((watched, _)) => watched.look_at(folders),
            None => Ok(()),
        }
    }
}

/// Begins to watch the files of a project.
fn files(reloader: &Reloader) -> Result<Files, Failure> {
    let (mut watched, changes) = watch::watch()?;
    watched.look_at(reloader.folders())?;
    let (sender, receiver) = mpsc::channel(CHANGES);
    // It waits where no task can, until the process ends.
    std::thread::spawn(move || {
        while let Some(changed) = changes.next() {
            if sender.blocking_send(changed).is_err() {
                return;
            }
        }
    });
    Ok((watched, receiver))
}

async fn hung_up(hangups: &mut Option<Signal>) {
    if let Some(hangups) = hangups
        && hangups.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

async fn changed(files: &mut Option<Files>) -> Changed {
    if let Some((_, changes)) = files
        && let Some(changed) = changes.recv().await
    {
        return changed;
    }
    std::future::pending().await
}

//! `pathway reload`, and loading a project again within a server: at SIGHUP, and when files change.

use pathway_engine::diagnostic::{Format, render};
use reqwest::Method;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::operator::{Operator, block_on};
use super::watch::{self, Watched};
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
    /// What is watched, and told of its changes.
    files: Option<(Watched, mpsc::Receiver<Vec<String>>)>,
}

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
                names = changed(&mut self.files) => {
                    self.terminal.note(&format!("changed: {}", names.join(", ")))
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
            Ok(reloaded) => self.terminal.note(&told(&reloaded))?,
            Err(error) => {
                if let ReloadError::Wrong { found, sources, .. } = &error {
                    let color = self.terminal.colors_errors();
                    self.terminal.report(render(found, sources, Format::Human { color }).trim_end())?;
                }
                self.terminal.error(&error.to_string(), Some("the last good version still serves"))?;
            }
        }
        if let Some((watched, _)) = &mut self.files {
            watched.look_at(self.reloader.folders())?;
        }
        Ok(())
    }
}

/// Begins to watch the files of a project.
fn files(reloader: &Reloader) -> Result<(Watched, mpsc::Receiver<Vec<String>>), Failure> {
    let (mut watched, changes) = watch::watch()?;
    watched.look_at(reloader.folders())?;
    let (sender, receiver) = mpsc::channel(CHANGES);
    // It waits where no task can, until the process ends.
    std::thread::spawn(move || {
        while let Some(names) = changes.next() {
            if sender.blocking_send(names).is_err() {
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

async fn changed(files: &mut Option<(Watched, mpsc::Receiver<Vec<String>>)>) -> Vec<String> {
    if let Some((_, changes)) = files
        && let Some(names) = changes.recv().await
    {
        return names;
    }
    std::future::pending().await
}

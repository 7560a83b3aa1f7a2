//! Whether a gateway can serve a project, and its serving.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::document::Auth;
use pathway_engine::project::{Mode, Project};
use tokio::net::TcpListener;

use super::{Doors, Gateway, connections};

/// Why a gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The project cannot be served as it is.
    #[error("{0}")]
    Project(String),
    /// The listener cannot be used.
    #[error("cannot listen: {0}")]
    Listener(#[from] io::Error),
}

/// Whether the doors of `program` can be served as `project` says.
///
/// # Errors
/// Why not, as one sentence.
pub fn check(project: &Project, program: &Program) -> Result<(), String> {
    let mode = project.auth.as_ref().map(|auth| auth.mode);
    if mode == Some(Mode::Unverified) {
        return check_loopback(project.listen);
    }
    let is_for_users =
        |plan: &&Arc<Plan>| plan.door.http.as_ref().is_some_and(|http| http.auth == Auth::User);
    let door = program.pathways.values().find(is_for_users).map(|plan| ("HTTP door of", &*plan.name));
    let feed = program.feeds.values().find(|feed| feed.auth == Auth::User);
    match door.or_else(|| feed.map(|feed| ("feed", feed.name.value.as_str()))) {
        Some((what, name)) if mode.is_none() => {
            Err(format!("the {what} `{name}` is for users, but the project has no `auth`"))
        }
        _ => Ok(()),
    }
}

fn check_loopback(address: SocketAddr) -> Result<(), String> {
    match address.ip().is_loopback() {
        true => Ok(()),
        false => Err(format!(
            "`auth.mode: unverified` believes every token, and `{address}` can be reached by others: \
             listen on 127.0.0.1, or verify tokens"
        )),
    }
}

impl Gateway {
    /// Serves until [`super::Parts::stop`] is cancelled and what was under way has ended, or its
    /// time is over.
    ///
    /// # Errors
    /// If the project cannot be served as it is, or the listener cannot be used.
    pub async fn serve(self, listener: TcpListener) -> Result<(), ServeError> {
        Doors::new(self).serve(listener).await
    }
}

impl Doors {
    /// As [`Gateway::serve`], with whatever doors are open.
    ///
    /// # Errors
    /// As there.
    pub async fn serve(self, listener: TcpListener) -> Result<(), ServeError> {
        let gateway = self.gateway();
        let parts = gateway.parts.clone();
        check(&parts.project, &parts.program).map_err(ServeError::Project)?;
        if parts.project.auth.as_ref().is_some_and(|auth| auth.mode == Mode::Unverified) {
            check_loopback(listener.local_addr()?).map_err(ServeError::Project)?;
            tracing::warn!("TOKENS ARE NOT VERIFIED: whoever reaches this port can be anybody");
        }
        let tasks = self.tasks.clone();
        gateway.feeds.start(&parts, &tasks).await;
        connections::serve(self, listener, parts.limits, &parts.stop, tasks).await;
        Ok(())
    }
}

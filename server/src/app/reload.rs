//! Reading a project again while its server runs.
//!
//! There is one way, whoever asks for it: read, check, build, and only then replace. Where anything
//! is wrong nothing is replaced, and the last good definitions go on. Runs that have begun go on
//! with what they began with; a request is served by what there was when it came.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use pathway_engine::compile::Program;
use pathway_engine::diagnostic::{Diagnostic, Format, Severity, render};
use pathway_engine::expression::Variables;
use pathway_engine::project::Project;
use pathway_engine::source::Sources;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::role::Role;
use super::stand_ins::{self, StandIns};
use crate::config::{Config, Request};
use crate::definition::Definition;
use crate::gateway::Doors;
use crate::identity::AdminToken;
use crate::loading;
use crate::runner::{Loaded, Runner, SwapError};
use crate::seal;

/// What came of reading a project again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What became of the pathways.
    pub pathways: Changes,
    /// What became of the feeds.
    pub feeds: Changes,
    /// Settings that are others now and hold after a restart only.
    pub restart: Vec<String>,
    /// What may be wrong, as `pathway check --format json` tells it.
    pub warnings: Vec<serde_json::Value>,
}

/// What is another than before, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New.
    pub added: Vec<String>,
    /// Others than before.
    pub changed: Vec<String>,
    /// There no more.
    pub removed: Vec<String>,
    /// The same.
    pub unchanged: Vec<String>,
}

/// Why the last good definitions go on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The project is not there.
    #[error("the project was not read: {0}")]
    Unreadable(String),
    /// There is something wrong with the project.
    #[error("{}", mistakes(.found))]
    Wrong {
        /// What.
        found: Vec<Diagnostic>,
        /// Where.
        sources: Box<Sources>,
    },
    /// It would need another process.
    #[error("{0}")]
    Refused(String),
    /// The definitions could not be kept.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// Reads the project of a server again.
#[derive(Debug, Clone)]
pub struct Reloader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request: Request,
    role: Role,
    runner: Runner,
    doors: Doors,
    /// What schedules are looked after.
    schedules: watch::Sender<Loaded>,
    /// What was replaced last; one at a time.
    running: tokio::sync::Mutex<Running>,
    /// The folders of all files that were read last.
    folders: Mutex<BTreeSet<PathBuf>>,
    /// Services that mocks stand for.
    mocked: Option<Vec<String>>,
    stop: CancellationToken,
}

/// What a server goes by that was read when it began, and the digests of all.
#[derive(Debug)]
struct Running {
    project: Arc<Project>,
    own: Own,
    pathways: Digests,
    feeds: Digests,
}

/// By name.
type Digests = IndexMap<Arc<str>, Arc<str>>;

/// The variables that the server reads itself.
type Own = [Option<String>; 2];

/// What a reloader works with.
pub(super) struct Parts {
    pub(super) request: Request,
    pub(super) role: Role,
    pub(super) runner: Runner,
    pub(super) doors: Doors,
    pub(super) schedules: watch::Sender<Loaded>,
    pub(super) folders: BTreeSet<PathBuf>,
    pub(super) mocked: Option<Vec<String>>,
    pub(super) stop: CancellationToken,
}

/// A project that was read.
struct Reading {
    config: Config,
    program: Program,
    stand_ins: Option<StandIns>,
}

impl Reloader {
    /// Of a server that has begun with what is in [`Parts::schedules`].
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { request, role, runner, doors, schedules, folders, mocked, stop } = parts;
        let running = {
            let Loaded { program, project, variables, .. } = &*schedules.borrow();
            Running::of(project.clone(), variables, program)
        };
        let (running, folders) = (tokio::sync::Mutex::new(running), Mutex::new(folders));
        Self(Arc::new(Inner { request, role, runner, doors, schedules, running, folders, mocked, stop }))
    }

    /// The folders of all files that were read last.
    #[must_use]
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        self.0.folders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the project again and goes on by what it says; tells what is another than before. One
    /// after another, whoever asks.
    ///
    /// # Errors
    /// What keeps that from being done: then the last good definitions go on.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut running = self.0.running.lock().await;
        let reloaded = self.reload_once(&mut running).await;
        match &reloaded {
            Ok(reloaded) => tracing::info!(
                added = ?reloaded.pathways.added, changed = ?reloaded.pathways.changed,
                removed = ?reloaded.pathways.removed, unchanged = reloaded.pathways.unchanged.len(),
                restart = ?reloaded.restart, "the project was loaded again"
            ),
            Err(error) => {
                tracing::error!(%error, "the project was not loaded again: the last good definitions go on");
            }
        }
        reloaded
    }

    async fn reload_once(&self, running: &mut Running) -> Result<Reloaded, ReloadError> {
        let inner = &*self.0;
        let (request, mocked) = (inner.request.clone(), inner.mocked.clone());
        let reading = tokio::task::spawn_blocking(move || read(&request, mocked.as_deref()));
        let reading = reading.await.map_err(|error| ReloadError::Unreadable(error.to_string()))?;
        let Reading { config, program, stand_ins } =
            reading.map_err(|error| ReloadError::Unreadable(error.to_string()))?;
        *inner.folders.lock().unwrap_or_else(PoisonError::into_inner) = folders(&config);
        let found = config.diagnostics.clone().sorted();
        if config.diagnostics.has_errors() {
            return Err(ReloadError::Wrong { found, sources: Box::new(config.sources) });
        }
        if program.pathways.is_empty() && program.feeds.is_empty() {
            return Err(ReloadError::Refused("the project has no pathways any more".to_owned()));
        }
        let mut warnings = as_json(&found, &config.sources);
        let mocks = stand_ins.map(|StandIns { mocks, found, sources }| {
            warnings.extend(as_json(&found, &sources));
            mocks
        });
        let definition = Definition::of(&config);
        let (restart, project) = running.goes_on(config.project, &config.variables);
        let refused = |why: String| ReloadError::Refused(with_restart(why, &restart));
        let doors = if inner.role.has_doors() { program.clone() } else { Program::default() };
        Doors::check(&project, &doors).map_err(refused)?;
        let next = Running::of(Arc::new(project), &config.variables, &program);
        let loaded = Loaded { program, project: next.project.clone(), variables: config.variables, mocks };
        let leaving = inner.runner.swap(loaded.clone(), &definition).await.map_err(|error| match error {
            SwapError::Refused(why) => refused(why),
            SwapError::Store(error) => ReloadError::Store(error),
        })?;
        // Whoever comes through a new door finds the runner ready for it.
        let before = inner.doors.swap(next.project.clone(), Arc::new(doors)).await;
        inner.schedules.send_replace(loaded);
        let (runner, stop) = (inner.runner.clone(), inner.stop.clone());
        tokio::spawn(async move {
            stop.run_until_cancelled(before.answered()).await;
            runner.let_go(&leaving);
        });
        let reloaded = Reloaded {
            pathways: Changes::between(&running.pathways, &next.pathways),
            feeds: Changes::between(&running.feeds, &next.feeds),
            restart,
            warnings,
        };
        // What the server reads itself is as it was when it began.
        *running = Running { own: running.own.clone(), ..next };
        Ok(reloaded)
    }
}

fn read(request: &Request, mocked: Option<&[String]>) -> std::io::Result<Reading> {
    let mut config = Config::load(request)?;
    let files = config.pathway_files();
    let program = loading::load(&mut config, &files);
    let stand_ins = mocked.map(|services| {
        stand_ins::excuse(&mut config);
        stand_ins::of(&mut config, &program, services)
    });
    Ok(Reading { config, program, stand_ins })
}

/// The folders of all files of a project that were read.
#[must_use]
pub fn folders(config: &Config) -> BTreeSet<PathBuf> {
    let root = config.root.folder();
    let files = config.sources.files().map(|file| root.join(config.sources.path(file)));
    let folders = files.filter(|file| file.is_file()).filter_map(|file| Some(file.parent()?.to_owned()));
    folders.chain([root.to_owned()]).collect()
}

/// Diagnostics, as `pathway check --format json` tells them.
pub(crate) fn as_json(found: &[Diagnostic], sources: &Sources) -> Vec<serde_json::Value> {
    let lines = render(found, sources, Format::Json);
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The first mistake, and how many more there are.
fn mistakes(found: &[Diagnostic]) -> String {
    let mut mistakes = found.iter().filter(|found| found.severity == Severity::Error);
    let first = mistakes.next().map_or("the project is wrong", |first| &first.message);
    match mistakes.count() {
        0 => first.to_owned(),
        more => format!("{first} (and {more} more)"),
    }
}

/// Why it is refused, and what may be the reason for that.
fn with_restart(why: String, restart: &[String]) -> String {
    match restart {
        [] => why,
        names => format!("{why}; these settings were changed and hold after a restart: {}", names.join(", ")),
    }
}

impl Running {
    fn of(project: Arc<Project>, variables: &Variables, program: &Program) -> Self {
        let pathways = program.pathways.iter().map(|(name, plan)| (name.clone(), plan.digest.clone()));
        let feeds = program.feeds.iter().map(|(name, feed)| (name.clone(), feed.digest.clone()));
        Self { project, own: own(variables), pathways: pathways.collect(), feeds: feeds.collect() }
    }

    /// The project as this process can go by it, and the settings for which that needs a restart.
    fn goes_on(&self, new: Project, variables: &Variables) -> (Vec<String>, Project) {
        let now = &*self.project;
        let own = own(variables);
        let [seal_keys, admin_token] = [0, 1].map(|n| own.get(n) != self.own.get(n));
        let settings = [
            ("listen", now.listen != new.listen),
            ("admin", now.admin != new.admin),
            ("bus", now.bus != new.bus),
            ("store", now.store != new.store),
            ("auth", now.auth != new.auth),
            ("log", now.log != new.log),
            ("traces", now.traces != new.traces),
            ("http.timeout", now.http.timeout != new.http.timeout),
            ("http.max_connections", now.http.max_connections != new.http.max_connections),
            (seal::VARIABLE, seal_keys),
            (AdminToken::VARIABLE, admin_token),
        ];
        let changed = settings.into_iter().filter(|(_, changed)| *changed);
        let http = pathway_engine::project::Http {
            timeout: now.http.timeout,
            max_connections: now.http.max_connections,
            ..new.http
        };
        let project = Project {
            listen: now.listen,
            admin: now.admin,
            bus: now.bus.clone(),
            store: now.store.clone(),
            auth: now.auth.clone(),
            log: now.log,
            traces: now.traces.clone(),
            http,
            ..new
        };
        (changed.map(|(name, _)| name.to_owned()).collect(), project)
    }
}

fn own(variables: &Variables) -> Own {
    let given = |name: &str| variables.get(name).map(|variable| variable.value.clone());
    [given(seal::VARIABLE), given(AdminToken::VARIABLE)]
}

impl Changes {
    fn between(before: &Digests, now: &Digests) -> Self {
        let mut changes = Self::default();
        for (name, digest) in now {
            let list = match before.get(name) {
                None => &mut changes.added,
                Some(known) if known != digest => &mut changes.changed,
                Some(_) => &mut changes.unchanged,
            };
            list.push(name.to_string());
        }
        let removed = before.keys().filter(|name| !now.contains_key(*name));
        changes.removed = removed.map(ToString::to_string).collect();
        changes
    }

    /// Whether nothing is another than before.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

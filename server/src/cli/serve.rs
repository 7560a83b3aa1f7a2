//! `pathway serve`

use std::fmt::Write;
use std::time::Instant;

use pathway_engine::compile::Program;
use pathway_engine::document::Auth as Policy;
use pathway_engine::project::{Auth, Bus, MASK, Mode, Resolved, Store};

use super::reload::{self, Reloading};
use super::{Exit, Failure, Outcome, Session};
use crate::app::{App, AppError, Role, Settings};
use crate::config::Config;
use crate::identity::AdminTokenError;
use crate::seal::SealError;
use crate::store::StoreError;

/// Serves the project: gateway and worker in one process
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Loads the project again whenever a file of it changes
    #[arg(long)]
    watch: bool,
}

impl Serve {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        run_as(Role::Serve, session, self.watch)
    }
}

/// Runs a server until it is asked to stop.
pub(super) fn run_as(role: Role, session: &Session, watches: bool) -> Outcome {
    let started = Instant::now();
    let (config, program) = session.open()?;
    if program.pathways.is_empty() && program.feeds.is_empty() {
        return Err(Failure::new(Exit::Config, "the project has no pathways")
            .help("write one into `pathways/`, or make an example with `pathway init`"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let summary = Summary::of(role, &config, &program);
    let settings = Settings { role, ..Settings::new(config, program) };
    runtime.block_on(serve(session, settings, |app| summary.banner(app, started), watches))
}

/// Serves until it is asked to stop; `banner` is said once it does.
pub(super) async fn serve(
    session: &Session,
    settings: Settings,
    banner: impl FnOnce(&App) -> String,
    watches: bool,
) -> Outcome {
    let stop = asked_to_stop();
    let hangups = reload::hangups();
    let mut app = App::start(settings).await.map_err(|error| refused(&error))?;
    // From here on no change is missed.
    let reloading = Reloading::new(session.terminal, app.reloader.clone(), hangups, watches)?;
    session.terminal.note(&banner(&app))?;
    let failed = tokio::select! {
        error = app.failed() => Some(error),
        () = stop => None,
        failure = reloading.run() => return Err(failure),
    };
    match failed {
        None => {
            session.terminal.note("stopping: what is under way may end\n")?;
            app.stop().await;
            Ok(Exit::Success)
        }
        // What a store that cannot write holds in memory is not to be trusted: no grace.
        Some(error) => Err(Failure::new(Exit::Internal, error.to_string())),
    }
}

fn refused(error: &AppError) -> Failure {
    let exit = match error {
        AppError::Project(_) | AppError::Seal(SealError::Keys) | AppError::Admin(AdminTokenError::Given) => {
            Exit::Config
        }
        AppError::Store(StoreError::InUse { .. } | StoreError::Held { .. }) | AppError::Listen { .. } => {
            Exit::Temporary
        }
        _ => Exit::Internal,
    };
    Failure::new(exit, error.to_string())
}

/// Ready at the first SIGTERM or Ctrl-C; the second ends the process at once. Both are caught from
/// the call on, not only once it is waited for.
pub(super) fn asked_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    }
}

/// How tokens are verified.
pub(super) fn way_of_verifying(auth: &Auth) -> String {
    if auth.mode == Mode::Unverified {
        return "UNVERIFIED: every token is believed; for development only".to_owned();
    }
    let ways = [
        auth.jwks.as_ref().map(|url| format!("the keys at {url}")),
        auth.introspect.as_ref().map(|url| format!("asking {url}")),
        auth.secret
            .as_ref()
            .map(|_| "a SHARED SECRET: whoever knows it can make tokens of anybody".to_owned()),
    ];
    format!("verified with {}", ways.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// What the banner says of a project.
struct Summary {
    pathways: Vec<String>,
    feeds: Vec<String>,
    bus: String,
    store: String,
    auth: String,
    /// Where spans go, if they go anywhere.
    traces: Option<String>,
}

impl Summary {
    fn of(role: Role, config: &Config, program: &Program) -> Self {
        let project = &config.project;
        let pathways = program
            .pathways
            .values()
            .filter(|plan| role.works() || plan.door.http.is_some())
            .map(|plan| match (&plan.door.http, plan.door.schedules.first()) {
                _ if role == Role::Worker => format!("{} ({})", plan.name, plan.topic()),
                (Some(http), _) => format!(
                    "{} ({} {}{})",
                    plan.name,
                    format!("{:?}", http.method).to_uppercase(),
                    http.path.value,
                    if http.auth == Policy::None { ", OPEN TO ANYONE" } else { "" }
                ),
                (None, Some(schedule)) => format!("{} ({})", plan.name, schedule.name),
                (None, None) => format!("{} ({})", plan.name, plan.topic()),
            })
            .collect();
        let feeds = program.feeds.values().filter(|_| role.has_doors());
        let feeds = feeds.map(|feed| format!("{} (GET {})", feed.name.value, feed.path.value)).collect();
        let shown = |text: &Resolved| if text.secret { MASK.to_owned() } else { text.value.clone() };
        let bus = match &project.bus {
            Bus::Embedded => "embedded".to_owned(),
            Bus::Kafka(kafka) => {
                format!("kafka {}, group {}", shown(&kafka.servers), shown(&kafka.group))
            }
        };
        let store = match &project.store {
            Store::Path(path) => path.clone(),
            Store::Postgres(_) => "PostgreSQL".to_owned(),
        };
        let auth = project.auth.as_ref().map_or_else(|| "none".to_owned(), way_of_verifying);
        let traces = project.traces.as_ref().map(|traces| shown(&traces.url));
        Self { pathways, feeds, bus, store, auth, traces }
    }

    fn banner(&self, app: &App, started: Instant) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ok = writeln!(text, "  {name:<9} {value}");
        };
        line("listening", &format!("http://{}", app.address));
        line("admin", &format!("http://{}", app.admin));
        line("bus", &self.bus);
        line("store", &self.store);
        line("auth", &self.auth);
        if let Some(traces) = &self.traces {
            line("traces", traces);
        }
        for (what, routes) in [("pathways", &self.pathways), ("feeds", &self.feeds)] {
            for (n, route) in routes.iter().enumerate() {
                line(if n == 0 { what } else { "" }, route);
            }
        }
        format!(
            "pathway {} is ready after {} ms\n{text}",
            env!("CARGO_PKG_VERSION"),
            started.elapsed().as_millis()
        )
    }
}

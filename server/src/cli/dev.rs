//! `pathway dev`: a server to work with, which changes as its files do.
//!
//! It needs nothing but the project: topics and runs are its own, services that have no URL are
//! answered by mocks, and it is reached from this machine alone. All of that is said at once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::document::{Auth as Policy, HttpDoor};
use pathway_engine::project::{Bus, Store};
use pathway_engine::vm::Method;

use super::serve::{serve, way_of_verifying};
use super::{Exit, Failure, Form, Outcome, Session};
use crate::app::stand_ins::{self, StandIns};
use crate::app::{App, Settings};
use crate::config::Config;
use crate::demo::Folder;

/// Serves the project to work with it: it changes as files do, and mocks stand in for services
///
/// Services without a URL are answered by mocks: what the tests of a pathway mock for all of their
/// cases, else an empty object. Topics and runs are in a folder of their own, which is removed at
/// the end. It listens at 127.0.0.1 alone.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// Answers this service by mocks though it has a URL; may be repeated
    #[arg(long = "mock", value_name = "SERVICE")]
    mocked: Vec<String>,
    /// Keeps topics and runs in this folder
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Dev {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let started = Instant::now();
        let temporary = match &self.data {
            Some(_) => None,
            None => {
                Some(Folder::temporary().map_err(|error| Failure::new(Exit::Internal, error.to_string()))?)
            }
        };
        let data = match (&self.data, &temporary) {
            (Some(path), _) => std::path::absolute(path),
            (None, folder) => Ok(folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default()),
        };
        let data = data.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let session = session.with(&settings(&session.load()?, &data)).with_stand_ins();
        let (mut config, program) = session.open()?;
        if program.pathways.is_empty() && program.feeds.is_empty() {
            return Err(Failure::new(Exit::Config, "the project has no pathways")
                .help("write one into `pathways/`, or make an example with `pathway init`"));
        }
        if let Some(unknown) = self.mocked.iter().find(|name| !config.project.services.contains_key(*name)) {
            return Err(Failure::new(Exit::Usage, format!("the project has no service `{unknown}`")));
        }
        let facts = Facts { data: &data, is_lost: temporary.is_some() };
        let mut rest = facts.lines(&config);
        let program_of_now = program.clone();
        let names: Vec<String> = config.project.services.keys().cloned().collect();
        let project = config.project.clone();
        let StandIns { mocks, found, sources } = stand_ins::of(&mut config, &program, &self.mocked);
        session.terminal.diagnostics(&found, &sources, Form::Human)?;
        for name in names.iter().filter(|name| mocks.stand_for_service(&project, name)) {
            line(&mut rest, "MOCKED", &format!("{name}: nobody is called, its answers are mocks"));
        }
        let settings = Settings::new(config, program).mocking(self.mocked.clone(), mocks);
        let banner = |app: &App| {
            let mut text = format!("pathway {} dev is ready", env!("CARGO_PKG_VERSION"));
            let _ok = writeln!(text, " after {} ms", started.elapsed().as_millis());
            line(&mut text, "listening", &format!("http://{}, from this machine alone", app.address));
            line(&mut text, "admin", &format!("http://{}", app.admin));
            text.push_str(&rest);
            text.push_str(&doors(&program_of_now, app));
            line(&mut text, "watching", "the files of the project; Ctrl-C ends it");
            text
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        runtime.block_on(serve(&session, settings, banner, true))
    }
}

/// What holds over all that the project says.
fn settings(config: &Config, data: &Path) -> Vec<String> {
    let project = &config.project;
    let mut settings = vec![
        format!("listen=127.0.0.1:{}", project.listen.port()),
        format!("admin=127.0.0.1:{}", project.admin.port()),
        format!("store.path={}", data.display()),
    ];
    if matches!(project.store, Store::Postgres(_)) {
        settings.push("store.postgres=".to_owned());
    }
    if matches!(project.bus, Bus::Kafka(_)) {
        settings.push("bus.kafka.servers=".to_owned());
    }
    if project.auth.is_none() {
        settings.push("auth.mode=unverified".to_owned());
    }
    settings
}

/// Where it keeps what.
struct Facts<'a> {
    data: &'a Path,
    /// Whether that is removed at the end.
    is_lost: bool,
}

impl Facts<'_> {
    fn lines(&self, config: &Config) -> String {
        let mut text = String::new();
        line(&mut text, "bus", "embedded");
        let data = self.data.display();
        line(
            &mut text,
            "store",
            &match self.is_lost {
                true => format!("{data}: LOST AT EXIT; `--data FOLDER` keeps it"),
                false => data.to_string(),
            },
        );
        let auth = config.project.auth.as_ref().map_or_else(|| "none".to_owned(), way_of_verifying);
        line(&mut text, "auth", &auth);
        text
    }
}

/// How each pathway and feed is come to.
fn doors(program: &Program, app: &App) -> String {
    let mut text = String::new();
    for plan in program.pathways.values() {
        let door = match (&plan.door.http, plan.door.schedules.first()) {
            (Some(http), _) => call(plan, http, app),
            (None, Some(schedule)) => format!("schedule {}", schedule.name),
            (None, None) => format!("topic {}", plan.topic()),
        };
        line(&mut text, &plan.name, &door);
    }
    for feed in program.feeds.values() {
        line(&mut text, &feed.name.value, &format!("curl -N 'http://{}{}'", app.address, feed.path.value));
    }
    text
}

/// A command that calls a door, with all that its input requires.
fn call(plan: &Plan, http: &HttpDoor, app: &App) -> String {
    let mut text = "curl".to_owned();
    if http.auth == Policy::User || http.auth == Policy::Service {
        text.push_str(" -H \"Authorization: Bearer $TOKEN\"");
    }
    let method = format!("{:?}", http.method).to_uppercase();
    if !matches!(http.method, Method::Get | Method::Post) {
        text.push_str(&format!(" -X {method}"));
    }
    text.push_str(&format!(" 'http://{}{}'", app.address, http.path.value));
    if matches!(http.method, Method::Post | Method::Put | Method::Patch) {
        text.push_str(&format!(" --json '{}'", sample(plan)));
    }
    text
}

/// An input with what is required, of the types that are.
fn sample(plan: &Plan) -> serde_json::Value {
    let Some(schema) = plan.input.as_ref().map(|schema| schema.json()) else { return serde_json::json!({}) };
    let required = schema.get("required").and_then(|names| names.as_array());
    let names = required.into_iter().flatten().filter_map(|name| name.as_str());
    let of = |name: &str| {
        let kind = schema.get("properties").and_then(|all| all.get(name)).and_then(|it| it.get("type"));
        match kind.and_then(|kind| kind.as_str()) {
            Some("integer" | "number") => serde_json::json!(1),
            Some("boolean") => serde_json::json!(true),
            Some("array") => serde_json::json!([]),
            Some("object") => serde_json::json!({}),
            _ => serde_json::json!("text"),
        }
    };
    names.map(|name| (name.to_owned(), of(name))).collect::<serde_json::Map<_, _>>().into()
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string does not fail.
    let _ok = writeln!(text, "  {name:<9} {value}");
}

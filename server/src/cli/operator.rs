//! How commands on runs get there: over the admin listener while a server holds the store, else
//! through the store itself, which can only be looked at.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::project::Store as StoreKind;
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;

use super::{Exit, Failure, Session};
use crate::app::{ADMIN_ADDRESS, data_folder};
use crate::config::Config;
use crate::identity::AdminToken;
use crate::operations::{self, Detail, Error, Journal, Listing, Summary, Timeline};
use crate::runner::Story;
use crate::store::{SqliteStore, Status, Store, StoreError};

/// The file of a store in its folder.
const DATABASE: &str = "pathway.db";
/// For a server to begin to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom commands on runs ask.
#[derive(Debug)]
pub(super) enum Operator {
    /// The server that holds the store.
    Server { client: Client, url: String, token: AdminToken },
    /// Nobody holds it.
    Store(Arc<dyn Store>),
}

/// A list, as the server answers it.
#[derive(Debug, serde::Deserialize)]
struct Listed {
    runs: Vec<Summary>,
}

/// A problem, as the server answers it.
#[derive(Debug, serde::Deserialize)]
struct Told {
    detail: String,
    /// What is wrong with files.
    #[serde(default)]
    diagnostics: Vec<Diagnosed>,
}

/// A diagnostic, as the server answers it.
#[derive(Debug, serde::Deserialize)]
struct Diagnosed {
    code: String,
    severity: String,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    help: Option<String>,
}

impl Told {
    /// With a line for each diagnostic.
    fn in_full(&self) -> String {
        let mut text = self.detail.clone();
        for diagnosed in &self.diagnostics {
            text.push_str(&format!("\n  {}", diagnosed.line()));
        }
        text
    }
}

impl Diagnosed {
    /// On a line.
    fn line(&self) -> String {
        let Self { code, severity, message, file, line, column, help } = self;
        let place = match (file, line, column) {
            (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
            _ => String::new(),
        };
        let help = help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{place}{severity}[{code}]: {message}{help}")
    }
}

/// A diagnostic as programs are told it, on a line.
pub(super) fn diagnosed(told: &serde_json::Value) -> Option<String> {
    serde_json::from_value::<Diagnosed>(told.clone()).ok().map(|diagnosed| diagnosed.line())
}

impl Operator {
    /// Finds out who holds the store of the project.
    pub(super) fn find(session: &Session) -> Result<Self, Failure> {
        let config = session.load()?;
        session.tell(&config)?;
        session.log_little(&config)?;
        Self::of(&config)
    }

    /// Finds out who holds the store of a project that was loaded.
    pub(super) fn of(config: &Config) -> Result<Self, Failure> {
        let folder = data_folder(&config.project, config.root.folder());
        if let StoreKind::Postgres(_) = config.project.store {
            // To hold the store for a look would keep a server from starting.
            return Self::server(config);
        }
        if !folder.join(DATABASE).exists() {
            let message = format!("there is no store yet in `{}`", folder.display());
            return Err(Failure::new(Exit::Failure, message).help("start a server with `pathway serve`"));
        }
        match SqliteStore::open(&folder) {
            Ok(store) => Ok(Self::Store(Arc::new(store))),
            Err(StoreError::InUse { .. }) => Self::server(config),
            Err(error) => Err(Failure::new(Exit::Internal, error.to_string())),
        }
    }

    /// The server of a project that was loaded; the store is left alone.
    pub(super) fn server(config: &Config) -> Result<Self, Failure> {
        let folder = &data_folder(&config.project, config.root.folder());
        let given = config.variables.get(AdminToken::VARIABLE).map(|variable| variable.value.as_str());
        let address = std::fs::read_to_string(folder.join(ADMIN_ADDRESS)).map_err(|error| {
            let message = format!("no server has left its address in `{}`: {error}", folder.display());
            Failure::new(Exit::Temporary, message).help("start one with `pathway serve`")
        })?;
        let token =
            AdminToken::load(given, folder).map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        let client = Client::builder().no_proxy().connect_timeout(PATIENCE).build();
        let client = client.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        Ok(Self::Server { client, url: format!("http://{}", reachable(address.trim())), token })
    }

    /// Runs, the newest first.
    pub(super) async fn list(&self, listing: Listing) -> Result<Vec<Summary>, Failure> {
        match self {
            Self::Store(store) => operations::list(&**store, listing).await.map_err(|error| failed(&error)),
            Self::Server { .. } => {
                let mut query = url::form(&[("limit", &listing.limit.to_string())]);
                for (name, value) in [
                    ("status", listing.status.map(|status| status.name().to_owned())),
                    ("pathway", listing.pathway),
                    ("before", listing.before),
                ] {
                    if let Some(value) = value {
                        query.push('&');
                        query.push_str(&url::form(&[(name, &value)]));
                    }
                }
                Ok(self.ask::<Listed>(Method::GET, &format!("/runs?{query}"), None).await?.runs)
            }
        }
    }

    /// A run; from the store itself, without its steps.
    pub(super) async fn show(&self, id: &str) -> Result<Detail, Failure> {
        match self {
            Self::Store(store) => {
                let run = operations::find(&**store, id).await.map_err(|error| failed(&error))?;
                let untold = match run.status {
                    Status::Ready => "no server is at work: the run goes on when one is started",
                    _ => "no server is at work, which could read the journal",
                };
                let story = Story { untold: Some(untold.to_owned()), ..Story::default() };
                let reruns = store.reruns(id, operations::RERUNS).await;
                let reruns = reruns.map_err(|error| failed(&error.into()))?;
                Ok(Detail::of(&run, &story).with_reruns(&reruns))
            }
            Self::Server { .. } => self.ask(Method::GET, &format!("/runs/{}", url::encoded(id)), None).await,
        }
    }

    /// When the steps of a run were at work; none where no server can read its journal.
    pub(super) async fn timeline(&self, id: &str) -> Result<Option<Timeline>, Failure> {
        match self {
            Self::Store(_) => Ok(None),
            Self::Server { .. } => {
                self.ask(Method::GET, &format!("/runs/{}/timeline", url::encoded(id)), None).await.map(Some)
            }
        }
    }

    /// A run's journal.
    pub(super) async fn journal(&self, id: &str) -> Result<Journal, Failure> {
        match self {
            Self::Store(store) => Journal::of(&**store, id).await.map_err(|error| failed(&error)),
            Self::Server { .. } => {
                let path = format!("/runs/{}/journal", url::encoded(id));
                self.ask(Method::GET, &path, None).await
            }
        }
    }

    /// Has something done to a run.
    pub(super) async fn tell(&self, id: &str, what: &str, body: Option<String>) -> Result<(), Failure> {
        let path = format!("/runs/{}/{what}", url::encoded(id));
        let _accepted: serde_json::Value = self.ask(Method::POST, &path, body).await?;
        Ok(())
    }

    /// Sends a run a signal, which counts once however often it comes with the same key.
    pub(super) async fn signal(
        &self,
        id: &str,
        name: &str,
        data: Option<String>,
        key: Option<&str>,
    ) -> Result<(), Failure> {
        let path = format!("/runs/{}/signals/{}", url::encoded(id), url::encoded(name));
        let key = key.map(|key| ("idempotency-key", key));
        let _accepted: serde_json::Value = self.change(Method::POST, &path, data, key).await?;
        Ok(())
    }

    /// Asks the server.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<T, Failure> {
        self.change(method, path, body, None).await
    }

    /// Asks the server, with one more header.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        header: Option<(&str, &str)>,
    ) -> Result<T, Failure> {
        let Self::Server { client, url, token } = self else {
            return Err(Failure::new(Exit::Temporary, "no server is at work, which could do this")
                .help("start one with `pathway serve`"));
        };
        let mut request = client.request(method, format!("{url}{path}")).bearer_auth(token.secret().reveal());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let away = |error: reqwest::Error| {
            Failure::new(Exit::Temporary, format!("the server did not answer: {}", error.without_url()))
        };
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let said = response.bytes().await.map_err(away)?;
        if !status.is_success() {
            return Err(match serde_json::from_slice::<Told>(&said) {
                Ok(told) if !told.diagnostics.is_empty() => Failure::new(Exit::Invalid, told.in_full()),
                told => {
                    let exit = if status.is_server_error() { Exit::Temporary } else { Exit::Failure };
                    let detail = told.map(|told| told.detail);
                    Failure::new(exit, detail.unwrap_or_else(|_| format!("the server answered {status}")))
                }
            });
        }
        serde_json::from_slice(&said).map_err(|error| {
            Failure::new(Exit::Internal, format!("the server's answer makes no sense: {error}"))
        })
    }
}

/// Does what a command asks for.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    runtime.block_on(work)
}

/// Where a server is reached that listens at all addresses of this machine.
fn reachable(address: &str) -> String {
    match address.parse::<std::net::SocketAddr>() {
        Ok(mut address) if address.ip().is_unspecified() => {
            address.set_ip(match address {
                std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
            address.to_string()
        }
        _ => address.to_owned(),
    }
}

fn failed(error: &Error) -> Failure {
    let exit = if matches!(error, Error::Store(_)) { Exit::Internal } else { Exit::Failure };
    Failure::new(exit, error.to_string())
}

/// Parts of a URL.
pub(super) mod url {
    use reqwest::Url;

    /// Pairs of a query.
    pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse("http://localhost/") else { return String::new() };
        url.query_pairs_mut().extend_pairs(pairs);
        url.query().unwrap_or_default().to_owned()
    }

    /// A segment of a path.
    pub(crate) fn encoded(segment: &str) -> String {
        let Ok(mut url) = Url::parse("http://localhost/") else { return String::new() };
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push(segment);
        }
        url.path().trim_start_matches('/').to_owned()
    }
}

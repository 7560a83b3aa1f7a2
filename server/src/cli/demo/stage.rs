//! What the demo plays on: stand-ins, and a server of the finance project that uses them.

use std::path::Path;

use jiff::Timestamp;
use pathway_engine::compile::Program;
use pathway_engine::diagnostic::{Format, render};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::net::TcpListener;

use super::super::{Exit, Failure, Session};
use super::internal;
use crate::app::{App, Settings};
use crate::config::{Config, Request};
use crate::demo::{self, Folder, StandIns, data};
use crate::loading;

/// The file with the headers of a request of the user.
pub(super) const HEADERS: &str = "headers";

/// Everything that runs.
pub(super) struct Stage {
    pub(super) stand_ins: StandIns,
    pub(super) app: App,
    pub(super) program: Program,
    pub(super) folder: Folder,
    pub(super) now: Timestamp,
    client: reqwest::Client,
}

impl Stage {
    /// Starts everything, on free ports of the loopback interface.
    pub(super) async fn set(session: &Session, directory: Option<&Path>) -> Result<Self, Failure> {
        let now = Timestamp::now();
        let settings = demo::Settings { now, ..demo::Settings::default() };
        let stand_ins = StandIns::start(settings).await.map_err(internal)?;
        let folder = match directory {
            Some(path) => Folder::at(path).map_err(|error| {
                Failure::new(Exit::Usage, format!("`{}` cannot be used: {error}", path.display()))
                    .help("name a folder that does not exist yet, or an empty one")
            })?,
            None => Folder::temporary().map_err(internal)?,
        };
        folder.fill().map_err(internal)?;
        let token = stand_ins.token(data::USER);
        let headers = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
        folder.write(HEADERS, &headers).map_err(internal)?;

        let (config, program) = load(&stand_ins, &folder)?;
        session.log_little(&config)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(internal)?;
        let settings = Settings { listener: Some(listener), ..Settings::new(config, program.clone()) };
        let app = App::start(settings).await.map_err(internal)?;
        let client = client(&token)?;
        Ok(Self { stand_ins, app, program, folder, now, client })
    }

    /// A request of the user to the project's API.
    pub(super) fn post(&self, path: &str, body: &serde_json::Value) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).body(body.to_string())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    /// Stops everything; what was temporary is removed.
    pub(super) async fn clear(self) {
        drop(self.client);
        self.app.stop().await;
    }
}

/// The project as it is in `folder`, with nothing of the environment of this process.
fn load(stand_ins: &StandIns, folder: &Folder) -> Result<(Config, Program), Failure> {
    let environment = stand_ins.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
    let request = Request {
        project: Some(folder.path().to_owned()),
        near: None,
        directory: folder.path().to_owned(),
        environment: environment.collect(),
        flags: vec!["auth.mode=unverified".to_owned()],
        ..Request::default()
    };
    let mut config = Config::load(&request).map_err(internal)?;
    let files = config.pathway_files();
    let program = loading::load(&mut config, &files);
    if config.diagnostics.has_errors() {
        let found = config.diagnostics.clone().sorted();
        return Err(internal(render(&found, &config.sources, Format::Human { color: false })));
    }
    Ok((config, program))
}

fn client(token: &str) -> Result<reqwest::Client, Failure> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(internal)?;
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("*/*")),
    ]);
    reqwest::Client::builder().no_proxy().default_headers(headers).build().map_err(internal)
}

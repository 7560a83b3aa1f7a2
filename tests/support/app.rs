//! A server in the process of the test.

use std::path::Path;

use pathway_server::app::{App, Settings};
use pathway_server::config::{Config, Request};
use pathway_server::loading;
use tokio::net::TcpListener;

/// Serves the project of a folder, in which nothing may be wrong, on ports that are free. A project that asks
/// for any free port for operators says itself where it listens.
///
/// # Panics
/// If it cannot be served.
pub async fn serve(folder: &Path) -> App {
    let request =
        Request { project: Some(folder.to_owned()), directory: folder.to_owned(), ..Request::default() };
    let mut config = Config::load(&request).unwrap_or_else(|error| panic!("no project: {error}"));
    let files = config.pathway_files();
    let program = loading::load(&mut config, &files);
    assert!(!config.diagnostics.has_errors(), "{:?}", config.diagnostics);
    let listener = match config.project.admin.port() {
        0 => None,
        _ => Some(TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| panic!("no port: {error}"))),
    };
    let started = App::start(Settings { listener, ..Settings::new(config, program) }).await;
    started.unwrap_or_else(|error| panic!("it does not serve: {error}"))
}

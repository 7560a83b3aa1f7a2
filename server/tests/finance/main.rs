//! The finance project: that it compiles, and what its pathways do, by the contract of their first
//! user.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]
#![expect(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

mod analytics;
mod budget;
mod cases;
mod chat;
mod live;
mod notification;
mod ocr;
mod play;
mod transaction;

use std::sync::Arc;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::diagnostic::{Format, render};
use pathway_server::config::{Config, Request};
use pathway_server::demo::Folder;
use pathway_server::loading;

/// The `.env` that comes with the project, filled in as its comments say.
const ENVIRONMENT: &str = include_str!("../../../.env.example");

/// The project of this repository with that `.env`, and with these variables over it.
fn load(over: &[(&str, &str)]) -> (Config, Program) {
    let folder = Folder::temporary().unwrap();
    folder.fill().unwrap();
    folder.write(".env", ENVIRONMENT).unwrap();
    let environment = over.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let request = Request {
        project: Some(folder.path().to_owned()),
        directory: folder.path().to_owned(),
        environment: environment.collect(),
        ..Request::default()
    };
    let mut config = Config::load(&request).unwrap();
    let paths = config.pathway_files();
    let program = loading::load(&mut config, &paths);
    (config, program)
}

fn plan_in(name: &str, environment: &[(&str, &str)]) -> Arc<Plan> {
    load(environment).1.pathways.get(name).unwrap_or_else(|| panic!("no pathway `{name}`")).clone()
}

#[test]
fn the_project_compiles_without_a_word() {
    let kafka = [("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"), ("TOPIC_TRANSACTIONS", "prod.transactions")];
    let secret = ("SUPABASE_JWT_SECRET", "a secret that nobody guesses by trying");
    let keys = [("SUPABASE_SERVICE_ROLE_KEY", "s"), secret];
    for over in [&[][..], &kafka, &keys] {
        let (config, program) = load(over);
        let found = config.diagnostics.clone().sorted();
        let report = render(&found, &config.sources, Format::Human { color: false });
        assert!(config.diagnostics.is_empty(), "{report}");
        let names: Vec<_> = program.pathways.keys().map(|name| name.to_string()).collect();
        assert_eq!(
            names,
            ["analytics", "budget", "chat", "create_transaction", "notification", "ocr", "transaction"]
        );
        assert_eq!(program.feeds.keys().map(|name| &**name).collect::<Vec<_>>(), ["transactions"]);
    }
}

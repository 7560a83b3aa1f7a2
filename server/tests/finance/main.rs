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
mod chat;
mod notification;
mod ocr;
mod play;
mod transaction;

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::diagnostic::{Format, render};
use pathway_server::config::{Config, Request};
use pathway_server::loading;

/// What stands in the app's `.env`.
const ENVIRONMENT: [(&str, &str); 18] = [
    ("KAFKA_BOOTSTRAP_SERVERS", ""),
    ("KAFKA_CLIENT_ID", "finance"),
    ("KAFKA_GROUP_ID", "backend-processor"),
    ("SUPABASE_URL", "https://finance.example.com"),
    ("SUPABASE_ANON_KEY", "anon"),
    ("SUPABASE_SERVICE_ROLE_KEY", "service"),
    ("INTEGRATIONS_API_KEY", "integrations"),
    ("GEMINI_URL", "https://gateway.example.com/v1beta/models/m:streamGenerateContent?alt=sse"),
    ("OCR_URL", "https://gateway.example.com/parse/image"),
    ("TOPIC_CHAT_REQUESTS", "chat_requests"),
    ("TOPIC_CHAT_RESPONSES", "chat_responses"),
    ("TOPIC_BUDGET_REQUESTS", "budget_requests"),
    ("TOPIC_BUDGET_RESPONSES", "budget_responses"),
    ("TOPIC_OCR_REQUESTS", "ocr_requests"),
    ("TOPIC_OCR_RESPONSES", "ocr_responses"),
    ("TOPIC_TRANSACTIONS", "transactions"),
    ("TOPIC_NOTIFICATIONS", "notifications"),
    ("TOPIC_ANALYTICS", "analytics"),
];

/// The project of this repository, as it is with these variables over the app's.
fn load(over: &[(&str, &str)]) -> (Config, pathway_engine::compile::Program) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let environment = ENVIRONMENT.iter().filter(|(name, _)| over.iter().all(|(other, _)| other != name));
    let environment = environment.chain(over).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let request = Request {
        project: Some(folder.into()),
        directory: folder.into(),
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
    for over in [&[][..], &[("SUPABASE_SERVICE_ROLE_KEY", ""), ("SUPABASE_JWT_SECRET", "s")]] {
        let (config, program) = load(over);
        let found = config.diagnostics.clone().sorted();
        let report = render(&found, &config.sources, Format::Human { color: false });
        assert!(config.diagnostics.is_empty(), "{report}");
        let names: Vec<_> = program.pathways.keys().map(|name| name.to_string()).collect();
        assert_eq!(
            names,
            ["analytics", "budget", "chat", "create_transaction", "notification", "ocr", "transaction"]
        );
    }
}

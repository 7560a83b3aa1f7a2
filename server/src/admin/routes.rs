//! The routes of operators: what answers, and what is said of it, side by side.

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post, put};
use serde_json::{Value as Json, json};

use super::{Admin, dlq, limits, metrics, openapi, overview, reload, runs};
use crate::store::Status;

/// A path, what answers there, and what that does.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) answers: MethodRouter<Arc<Admin>>,
    pub(super) operations: Vec<Operation>,
}

/// What a method of a path does.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Beside those of the path: place, name, schema and what it is.
    pub(super) parameters: Vec<(&'static str, &'static str, Json, &'static str)>,
    /// The name of its schema, none for any JSON, and whether it has to be there.
    pub(super) body: Option<(&'static str, bool)>,
    pub(super) answer: (&'static str, Answer),
    /// Statuses of problems, beside those of every request.
    pub(super) problems: &'static [&'static str],
}

/// What is answered.
pub(super) enum Answer {
    /// JSON of this schema.
    Json(&'static str),
    /// An OpenAPI document.
    Document,
    /// Text for a monitoring system.
    Metrics,
}

impl Operation {
    fn new(method: &'static str, id: &'static str, summary: &'static str) -> Self {
        let answer = ("200", Answer::Json("Accepted"));
        Self { method, id, summary, parameters: Vec::new(), body: None, answer, problems: &[] }
    }

    fn gives(self, schema: &'static str) -> Self {
        Self { answer: ("200", Answer::Json(schema)), ..self }
    }

    /// It will be done.
    fn accepts(self, schema: &'static str) -> Self {
        Self { answer: ("202", Answer::Json(schema)), ..self }
    }

    fn takes(self, schema: &'static str, is_required: bool) -> Self {
        Self { body: Some((schema, is_required)), ..self }
    }

    fn with(self, place: &'static str, name: &'static str, schema: Json, what: &'static str) -> Self {
        let mut parameters = self.parameters;
        parameters.push((place, name, schema, what));
        Self { parameters, ..self }
    }

    fn fails(self, problems: &'static [&'static str]) -> Self {
        Self { problems, ..self }
    }
}

/// All of them.
pub(super) fn routes() -> Vec<Route> {
    let route = |path, answers, operations| Route { path, answers, operations };
    let revision = |operation: Operation| {
        let what = "The `ETag` of an answer about limits: only if nobody has set one since";
        operation.with("header", "If-Match", json!({ "type": "string" }), what)
    };
    let keyed = |operation: Operation| {
        let key = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
        operation.with("header", "Idempotency-Key", key, "Two signals with the same key count once")
    };
    let document =
        Operation { answer: ("200", Answer::Document), ..Operation::new("get", "describe", "This document") };
    let scrape = Operation {
        answer: ("200", Answer::Metrics),
        ..Operation::new("get", "metrics", "What is counted and measured")
    };
    let one = |id, summary| Operation::new("post", id, summary).accepts("Accepted").fails(OF_A_RUN);
    vec![
        route("/runs", get(runs::list), vec![list()]),
        route(
            "/runs/{id}",
            get(runs::show),
            vec![
                Operation::new("get", "showRun", "A run with its steps and what it waits for")
                    .gives("Detail")
                    .fails(&["404"]),
            ],
        ),
        route(
            "/runs/{id}/timeline",
            get(runs::timeline),
            vec![
                Operation::new("get", "showTimeline", "When its steps were at work, attempt by attempt")
                    .gives("Timeline")
                    .fails(&["404"]),
            ],
        ),
        route(
            "/runs/{id}/journal",
            get(runs::journal),
            vec![
                Operation::new("get", "readJournal", "Its definition and its events, as they are stored")
                    .gives("Journal")
                    .fails(&["404"]),
            ],
        ),
        route("/runs/{id}/cancel", post(runs::cancel), vec![one("cancelRun", "Calls it off")]),
        route(
            "/runs/{id}/signals/{name}",
            post(runs::signal),
            vec![keyed(
                one("signalRun", "Sends it a signal, in nobody's name").takes("", false).fails(WITH_BODY),
            )],
        ),
        route(
            "/runs/{id}/rerun",
            post(runs::rerun),
            vec![
                one("rerunRun", "Runs it again, as a new run, which whoever works on it makes")
                    .takes("Again", false)
                    .accepts("Rerun")
                    .fails(WITH_BODY),
            ],
        ),
        route(
            "/runs/{id}/redrive",
            post(dlq::redrive),
            vec![
                one("redriveRun", "Lets a parked run go on where it failed")
                    .takes("How", false)
                    .fails(WITH_BODY),
            ],
        ),
        route("/runs/{id}/drop", post(dlq::drop_parked), vec![one("dropRun", "Gives a parked run up")]),
        route(
            "/dlq/redrive",
            post(dlq::redrive_all),
            vec![
                Operation::new("post", "redriveRuns", "Redrives parked runs, the oldest first")
                    .takes("Selection", false)
                    .gives("Redriven")
                    .fails(WITH_BODY),
            ],
        ),
        route(
            "/limits",
            get(limits::show),
            vec![
                Operation::new("get", "showLimits", "The limits of this process, and who fills them")
                    .gives("Limits"),
            ],
        ),
        route(
            "/limits/{*name}",
            put(limits::set).delete(limits::reset),
            vec![
                revision(Operation::new("put", "setLimit", "Sets one until the process ends"))
                    .takes("Permits", true)
                    .gives("Limits")
                    .fails(&["400", "404", "412", "413", "415", "422"]),
                revision(Operation::new("delete", "resetLimit", "Lets the project say again what it is"))
                    .gives("Limits")
                    .fails(&["400", "404", "412"]),
            ],
        ),
        route(
            "/reload",
            post(reload::reload),
            vec![
                Operation::new("post", "reload", "Loads the project again")
                    .gives("Reloaded")
                    .fails(&["409", "422"]),
            ],
        ),
        route(
            "/overview",
            get(overview::show),
            vec![Operation::new("get", "showOverview", "The server at a glance").gives("Overview")],
        ),
        route("/metrics", get(metrics::scrape), vec![scrape]),
        route("/openapi.json", get(openapi::serve), vec![document]),
    ]
}

/// What may be wrong with what is asked of a run.
const OF_A_RUN: &[&str] = &["404", "409"];
/// Likewise, with a body.
const WITH_BODY: &[&str] = &["400", "404", "409", "413", "415", "422"];

fn list() -> Operation {
    let text = || json!({ "type": "string" });
    Operation::new("get", "listRuns", "Lists runs, the newest first")
        .with("query", "status", json!({ "enum": Status::ALL.map(Status::name) }), "Where they stand")
        .with("query", "pathway", text(), "Of which pathway")
        .with("query", "before", text(), "The id of the last that was listed")
        .with(
            "query",
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": runs::LIMIT }),
            "How many at most",
        )
        .gives("Runs")
        .fails(&["400", "404", "422"])
}

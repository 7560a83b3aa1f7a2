//! What requests of operators hold, and what they are answered.

use pathway_engine::limits::State;
use pathway_engine::vm::Class;
use serde_json::{Map, Value as Json, json};

use crate::app::Role;
use crate::gateway::openapi::{parts, reference};
use crate::operations::StepStatus;
use crate::runner::{Doing, Version};
use crate::store::Status;

/// All of them, by name.
pub(super) fn all() -> Map<String, Json> {
    let mut all = parts::schemas();
    all.retain(|name, _| ["Problem", "Violation"].contains(&name.as_str()));
    let properties = all.get_mut("Problem").and_then(|problem| problem.get_mut("properties"));
    if let Some(Json::Object(properties)) = properties {
        properties.insert("diagnostics".to_owned(), list(reference("schemas", "Diagnostic")));
    }
    let own = [
        (
            "Diagnostic",
            json!({ "description": "As `pathway check --format json` tells it", "type": "object" }),
        ),
        ("Accepted", object(&["id"], json!({ "id": text() }))),
        ("Failure", failure()),
        ("Summary", object(&SUMMARY, summary())),
        ("Runs", object(&["runs"], json!({ "runs": list(reference("schemas", "Summary")) }))),
        ("Detail", detail()),
        ("Step", step()),
        ("Waits", waits()),
        ("Timeline", timeline()),
        ("Row", row()),
        ("Journal", journal()),
        ("Again", optional(json!({ "from": text(), "only": text(), "definition": version() }))),
        ("Rerun", rerun()),
        ("How", optional(json!({ "definition": version() }))),
        ("Selection", selection()),
        ("Redriven", redriven()),
        ("Limits", limits()),
        ("Limit", limit()),
        ("Permits", object(&["permits"], json!({ "permits": maybe_count() }))),
        ("Overview", overview()),
        ("Reloaded", reloaded()),
        ("Changes", changes()),
    ];
    all.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    all
}

/// What is always said of a run.
const SUMMARY: [&str; 4] = ["id", "pathway", "status", "created_at"];

fn text() -> Json {
    json!({ "type": "string" })
}

fn texts() -> Json {
    list(text())
}

fn map<const N: usize>(pairs: [(&str, Json); N]) -> Json {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn list(items: Json) -> Json {
    map([("type", "array".into()), ("items", items)])
}

fn flag() -> Json {
    json!({ "type": "boolean" })
}

fn count() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

/// Null: any number.
fn maybe_count() -> Json {
    json!({ "type": ["integer", "null"], "minimum": 0 })
}

fn time() -> Json {
    json!({ "type": ["string", "null"], "format": "date-time" })
}

fn version() -> Json {
    json!({ "enum": [Version::Pinned, Version::Current], "default": Version::default() })
}

/// One that has nothing else.
fn object(required: &[&str], properties: Json) -> Json {
    map([
        ("type", "object".into()),
        ("required", required.into()),
        ("properties", properties),
        ("additionalProperties", false.into()),
    ])
}

/// One in which all may be left out.
fn optional(properties: Json) -> Json {
    object(&[], properties)
}

fn summary() -> Json {
    json!({
        "id": text(),
        "pathway": text(),
        "status": { "enum": Status::ALL.map(Status::name) },
        "doing": { "description": "Of one that is ready", "enum": Doing::ALL.map(Doing::name) },
        "created_at": time(),
        "finished_at": time(),
        "subject": text(),
        "lane": text(),
        "source": { "description": "Topic, partition and offset", "type": "array" },
        "rerun_of": text(),
        "failure": reference("schemas", "Failure"),
    })
}

/// What is said of a run in a list, and more.
fn summary_and(required: &[&str], more: Json) -> Json {
    let mut properties = summary();
    if let (Json::Object(properties), Json::Object(more)) = (&mut properties, more) {
        properties.extend(more);
    }
    object(&[&SUMMARY, required].concat(), properties)
}

fn failure() -> Json {
    let classes = Class::ALL.iter().map(|class| class.name()).collect::<Vec<_>>();
    let properties = json!({
        "class": { "enum": classes },
        "message": text(),
        "code": text(),
        "status": count(),
        "step": text(),
        "attempts": count(),
        "details": {},
    });
    object(&["class", "message", "attempts"], properties)
}

fn detail() -> Json {
    summary_and(
        &["digest", "correlation_id", "steps"],
        json!({
            "digest": text(),
            "correlation_id": text(),
            "reruns": texts(),
            "steps": list(reference("schemas", "Step")),
            "steps_omitted": count(),
            "waits": list(reference("schemas", "Waits")),
            "untold": text(),
        }),
    )
}

fn step() -> Json {
    let properties = json!({
        "path": text(),
        "status": { "enum": StepStatus::ALL.map(StepStatus::name) },
        "attempts": count(),
        "retry_at": time(),
        "failure": reference("schemas", "Failure"),
    });
    object(&["path", "status", "attempts"], properties)
}

fn waits() -> Json {
    let properties = json!({
        "for": text(),
        "name": text(),
        "step": text(),
        "until": time(),
        "attempt": count(),
        "holders": texts(),
    });
    object(&["for"], properties)
}

fn timeline() -> Json {
    let properties = json!({
        "id": text(),
        "pathway": text(),
        "from": time(),
        "to": time(),
        "rows": list(reference("schemas", "Row")),
        "rows_omitted": count(),
        "untold": text(),
    });
    object(&["id", "pathway", "from", "to", "rows"], properties)
}

/// An execution of a step, with its attempts.
fn row() -> Json {
    let attempt =
        json!({ "attempt": count(), "from": time(), "to": time(), "took": count(), "result": text() });
    let properties = json!({ "path": text(), "bars": list(object(&["attempt", "from"], attempt)) });
    object(&["path", "bars"], properties)
}

fn journal() -> Json {
    let event =
        object(&["seq", "kind", "payload"], json!({ "seq": count(), "kind": text(), "payload": text() }));
    summary_and(
        &["digest", "definition", "events"],
        json!({ "digest": text(), "definition": { "type": ["object", "null"] }, "events": list(event) }),
    )
}

fn rerun() -> Json {
    let properties = json!({
        "id": text(),
        "rerun_of": text(),
        "kept": texts(),
        "parked": flag(),
        "waits_for_parked": flag(),
        "token_expired": flag(),
    });
    object(&["id", "rerun_of", "kept", "parked", "waits_for_parked", "token_expired"], properties)
}

fn selection() -> Json {
    let some = || json!({ "type": "integer", "minimum": 1 });
    let classes = Class::ALL.iter().map(|class| class.name()).collect::<Vec<_>>();
    optional(json!({
        "pathway": text(),
        "class": { "enum": classes },
        "older_than": count(),
        "after": text(),
        "limit": some(),
        "rate": some(),
        "definition": version(),
        "dry_run": flag(),
    }))
}

fn redriven() -> Json {
    let skipped = object(&["id", "why"], json!({ "id": text(), "why": text() }));
    let properties = json!({
        "dry_run": flag(),
        "runs": texts(),
        "skipped": list(skipped),
        "more": flag(),
        "full": flag(),
        "last": text(),
    });
    object(&["dry_run", "runs", "skipped", "more", "full"], properties)
}

fn limits() -> Json {
    let properties = json!({ "revision": count(), "limits": list(reference("schemas", "Limit")) });
    object(&["revision", "limits"], properties)
}

fn limit() -> Json {
    let properties = json!({
        "name": text(),
        "permits": maybe_count(),
        "source": { "enum": ["project", "operator"] },
        "configured": maybe_count(),
        "adaptive": object(&["min", "max"], json!({ "min": count(), "max": count() })),
        "in_use": count(),
        "set_aside": count(),
        "waiting": count(),
        "holders": texts(),
        "keys": count(),
        "busiest": list(busy()),
    });
    let required = ["name", "permits", "source", "configured", "in_use", "set_aside", "waiting", "holders"];
    object(&required, properties)
}

fn overview() -> Json {
    let runs = json!({ "active": count(), "asleep": count(), "ready": count(), "parked": count() });
    let properties = json!({
        "version": text(),
        "role": { "enum": Role::ALL.map(Role::name) },
        "since": time(),
        "now": time(),
        "runs": object(&["active", "asleep", "ready", "parked"], runs),
        "pathways": list(pathway()),
        "limits": reference("schemas", "Limits"),
        "circuits": list(circuit()),
        "lags": list(lag()),
        "outbox_age": seconds(),
        "inbox": count(),
        "longest": list(reference("schemas", "Summary")),
    });
    let required = [
        "version",
        "role",
        "since",
        "now",
        "runs",
        "pathways",
        "limits",
        "circuits",
        "lags",
        "outbox_age",
        "inbox",
        "longest",
    ];
    object(&required, properties)
}

fn pathway() -> Json {
    let bucket =
        object(&["up_to", "count"], json!({ "up_to": { "type": ["number", "null"] }, "count": count() }));
    let took = json!({ "count": count(), "sum": seconds(), "buckets": list(bucket) });
    let properties = json!({
        "name": text(),
        "started": count(),
        "succeeded": count(),
        "failed": count(),
        "cancelled": count(),
        "parked": count(),
        "running": count(),
        "queued": count(),
        "took": object(&["count", "sum", "buckets"], took),
    });
    let required =
        ["name", "started", "succeeded", "failed", "cancelled", "parked", "running", "queued", "took"];
    object(&required, properties)
}

fn circuit() -> Json {
    let properties = json!({
        "name": text(),
        "state": { "enum": State::ALL.map(State::name) },
        "failures": count(),
        "half_opens_at": time(),
    });
    object(&["name", "state", "failures"], properties)
}

fn lag() -> Json {
    object(
        &["topic", "partition", "records"],
        json!({ "topic": text(), "partition": { "type": "integer" }, "records": count() }),
    )
}

fn seconds() -> Json {
    json!({ "type": "number", "minimum": 0 })
}

/// A key of a limit that is one for each key.
fn busy() -> Json {
    let properties = json!({ "key": text(), "in_use": count(), "waiting": count() });
    object(&["key", "in_use", "waiting"], properties)
}

fn reloaded() -> Json {
    let changes = || reference("schemas", "Changes");
    let properties = json!({
        "pathways": changes(),
        "feeds": changes(),
        "restart": texts(),
        "warnings": list(reference("schemas", "Diagnostic")),
    });
    object(&["pathways", "feeds", "restart", "warnings"], properties)
}

fn changes() -> Json {
    let properties =
        json!({ "added": texts(), "changed": texts(), "removed": texts(), "unchanged": texts() });
    object(&["added", "changed", "removed", "unchanged"], properties)
}

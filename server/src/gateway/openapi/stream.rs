//! Streams that are got: feeds, and those of runs that are joined.

use pathway_engine::compile::Plan;
use pathway_engine::document::{Auth, Feed, HttpDoor};
use serde_json::{Map, Value as Json, json};

use super::{Document, door, form, parts, reference};

/// Adds the route of a feed.
pub(super) fn feed(document: &mut Document<'_>, feed: &Feed) {
    let name = &feed.name.value;
    let mut parameters = vec![reference("parameters", "LastEventId")];
    if let Some(schema) = &feed.query {
        let query = format!("{name}.query");
        document.schema(&query, schema);
        parameters.extend(door::query(document, &query));
    }
    let data = feed.data.as_ref().map_or_else(|| json!({}), form::said);
    let event = document.part(&format!("{name}.record"), data);
    let summary = feed.summary.as_deref().unwrap_or(name);
    // No pathway has such a name, and no other feed.
    let stream =
        Stream { id: format!("{name}Feed"), summary, auth: feed.auth, event, problems: &["400", "503"] };
    document.add("get", &feed.path.value, stream.operation(document, &parameters));
}

/// Adds the route by which the stream of a run of `plan` is joined.
pub(super) fn attach(document: &mut Document<'_>, plan: &Plan, http: &HttpDoor) {
    let Some(path) = &http.attach else { return };
    let output = door::output(document, plan);
    let event = match &plan.door.reply {
        Some(reply) => form::event(&reply.form, output, reply.form.emit.is_some()),
        None => form::event(&http.form, output, true),
    };
    let event = document.part(&format!("{}.reply", plan.name), event);
    let correlation = json!({
        "name": "correlation_id",
        "in": "query",
        "required": true,
        "description": "The correlation id of the run, which need not be there yet",
        "schema": { "type": "string", "minLength": 1 },
    });
    let summary = format!("Joins the stream of a run of `{}`", plan.name);
    let stream = Stream {
        id: format!("{}Attached", plan.name),
        summary: &summary,
        auth: http.auth,
        event,
        problems: &["400", "404", "422", "503"],
    };
    let parameters = vec![correlation, reference("parameters", "LastEventId")];
    document.add("get", &path.value, stream.operation(document, &parameters));
}

/// A stream that is got.
struct Stream<'a> {
    id: String,
    summary: &'a str,
    auth: Auth,
    /// What the data of an event looks like.
    event: Json,
    problems: &'a [&'a str],
}

impl Stream<'_> {
    fn operation(self, document: &Document<'_>, parameters: &[Json]) -> Json {
        let mut responses = Map::new();
        let answer = json!({
            "description": "Events, as they come",
            "headers": { "X-Request-Id": reference("headers", "X-Request-Id") },
            "content": { "text/event-stream": { "schema": self.event } },
        });
        responses.insert("200".to_owned(), answer);
        responses
            .insert("204".to_owned(), json!({ "description": "It is over, and its last event was seen" }));
        let denied: &[&str] = if self.auth == Auth::None { &[] } else { &["401", "403"] };
        responses.extend(parts::problems(&[self.problems, denied].concat()));
        json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": ["pathways"],
            "security": door::security(document, self.auth, true),
            "parameters": parameters,
            "responses": responses,
        })
    }
}

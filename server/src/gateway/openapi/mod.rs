//! The gateway's routes as an OpenAPI 3.1 document, made from the loaded pathways: their schemas
//! are the API. It stands alone: what a schema refers to is one of its components.

mod door;
mod form;
mod own;
pub(crate) mod parts;
mod stream;

use std::collections::BTreeSet;

use pathway_engine::compile::Program;
use pathway_engine::project::{Auth, Project, QueryToken};
use pathway_engine::schema::Schema;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

/// Below which schemas stand.
const SCHEMAS: &str = "#/components/schemas/";

/// The document of a gateway that serves `program`.
#[must_use]
pub fn document(project: &Project, program: &Program) -> Json {
    let mut document = Document { auth: project.auth.as_ref(), paths: Map::new(), schemas: parts::schemas() };
    for plan in program.pathways.values() {
        if let Some(http) = &plan.door.http {
            door::describe(&mut document, plan, http);
            stream::attach(&mut document, plan, http);
        }
    }
    for feed in program.feeds.values() {
        stream::feed(&mut document, feed);
    }
    own::describe(&mut document);
    document.prune();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pathway",
            "summary": "The pathways of this server, and the runs that came of them",
            "version": version(&document),
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "pathways", "description": "Doors that start runs, and streams" },
            { "name": "runs", "description": "What callers may ask of their runs" },
            { "name": "server", "description": "The server itself" },
        ],
        "paths": document.paths,
        "components": {
            "schemas": document.schemas,
            "parameters": parts::parameters(),
            "headers": parts::headers(),
            "responses": parts::responses(),
            "securitySchemes": parts::security_schemes(),
        },
    })
}

/// Another one whenever what is described is.
fn version(document: &Document<'_>) -> String {
    let described = json!([document.paths, document.schemas]).to_string();
    Sha256::digest(described.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// A document that is being made.
struct Document<'a> {
    auth: Option<&'a Auth>,
    paths: Map<String, Json>,
    schemas: Map<String, Json>,
}

impl Document<'_> {
    /// Adds the operation of a route.
    fn add(&mut self, method: &str, path: &str, operation: Json) {
        if let Json::Object(item) = self.paths.entry(path).or_insert_with(|| json!({})) {
            item.insert(method.to_owned(), operation);
        }
    }

    /// Adds a schema with all that it refers to; gives a reference to it.
    fn schema(&mut self, name: &str, schema: &Schema) -> Json {
        self.schemas.extend(schema.bundle(SCHEMAS, name));
        reference("schemas", name)
    }

    /// Adds a schema that is ready; gives a reference to it.
    fn part(&mut self, name: &str, schema: Json) -> Json {
        self.schemas.insert(name.to_owned(), schema);
        reference("schemas", name)
    }

    /// Forgets schemas that nothing refers to: those of queries are told by their properties.
    fn prune(&mut self) {
        let mut used = BTreeSet::new();
        let mut open = vec![Json::from(self.paths.clone()), parts::responses()];
        while let Some(json) = open.pop() {
            match json {
                Json::Object(map) => {
                    let reference = map.get("$ref").and_then(Json::as_str);
                    if let Some(name) = reference.and_then(|it| it.strip_prefix(SCHEMAS))
                        && used.insert(name.to_owned())
                    {
                        open.extend(self.schemas.get(name).cloned());
                    }
                    open.extend(map.into_iter().map(|(_, value)| value));
                }
                Json::Array(items) => open.extend(items),
                _ => {}
            }
        }
        self.schemas.retain(|name, _| used.contains(name));
    }

    /// Who may call: with credentials in a header, and, of streams that are got, in the query.
    fn credentials(&self, is_got_stream: bool) -> Vec<Json> {
        let Some(auth) = self.auth else { return Vec::new() };
        let mut all = vec![json!({ "bearer": [] })];
        if is_got_stream {
            all.push(json!({ "ticket": [] }));
            all.extend((auth.query_token == QueryToken::Streams).then(|| json!({ "query_token": [] })));
        }
        all
    }
}

/// A reference to a component.
pub(crate) fn reference(kind: &str, name: &str) -> Json {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

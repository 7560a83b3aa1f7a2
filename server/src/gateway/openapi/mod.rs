//! The gateway's routes as an OpenAPI 3.1 document, made from the loaded pathways: their schemas
//! are the API. It stands alone: what a schema refers to is one of its components.

mod door;
mod form;
mod own;
mod parts;

use pathway_engine::compile::Program;
use pathway_engine::project::{Auth, Project, QueryToken};
use pathway_engine::schema::Schema;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

/// Below which schemas stand.
const SCHEMAS: &str = "#/components/schemas/";

/// The document of a gateway that serves `program`.
#[must_use]
pub fn document(project: &Project, program: &Program) -> Json {
    let mut document = Document { auth: project.auth.as_ref(), paths: Map::new(), schemas: parts::schemas() };
    for plan in program.pathways.values() {
        if let Some(http) = &plan.door.http {
            door::describe(&mut document, plan, http);
        }
    }
    own::describe(&mut document);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pathway",
            "summary": "The pathways of this server, and the runs that came of them",
            "version": version(program),
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "pathways", "description": "Each starts a run" },
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

/// Another one whenever a pathway is: a hash of what they are made of.
fn version(program: &Program) -> String {
    let mut hash = Sha256::new();
    for plan in program.pathways.values() {
        hash.update(plan.digest.as_bytes());
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
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
fn reference(kind: &str, name: &str) -> Json {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

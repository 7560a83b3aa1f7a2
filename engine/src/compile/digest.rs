//! What a run is pinned to.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::document::Pathway;
use crate::journal::SEMANTICS;
use crate::project::Project;
use crate::source::{Kind, Node};

/// The hash of all that the VM reads of a pathway: its text, its schemas, the project's
/// variables and the retry policies of services; URLs, headers and secrets are not part of it.
pub(super) fn of(pathway: &Pathway, text: &str, project: &Project) -> Arc<str> {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(bytes);
    };
    part(&SEMANTICS.to_le_bytes());
    part(text.as_bytes());
    for schema in [&pathway.input, &pathway.output] {
        part(schema.as_ref().map(|schema| schema.json().to_string()).unwrap_or_default().as_bytes());
    }
    for (name, var) in &project.vars {
        part(name.as_bytes());
        if !var.secret {
            part(format!("{:?}", var.value).as_bytes());
        }
    }
    for (name, service) in &project.services {
        part(name.as_bytes());
        part(format!("{:?}", service.retry).as_bytes());
        let mut fields = String::new();
        if let Some(node) = &service.http {
            write_plain(node, &mut fields);
        }
        part(fields.as_bytes());
    }
    part(format!("{:?} {:?}", project.pathway.max_parallel, project.pathway.timeout).as_bytes());
    let digest = hasher.finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// A node as text, without its places.
fn write_plain(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::Map(entries) => {
            out.push('{');
            for entry in entries {
                out.push_str(&format!("{:?}:", entry.key.value));
                write_plain(&entry.value, out);
            }
            out.push('}');
        }
        Kind::List(items) => {
            out.push('[');
            items.iter().for_each(|item| write_plain(item, out));
            out.push(']');
        }
        Kind::Text(text) => out.push_str(&format!("{:?},", text.value)),
        Kind::Null => out.push_str("null,"),
        Kind::Bool(value) => out.push_str(&format!("{value},")),
        Kind::Int(value) => out.push_str(&format!("{value},")),
        Kind::Float(value) => out.push_str(&format!("{value:?},")),
    }
}

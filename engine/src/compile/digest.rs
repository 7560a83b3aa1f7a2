//! What a run is pinned to.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::document::Pathway;
use crate::journal::SEMANTICS;
use crate::project::Project;

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
        part(format!("{:?} {:?}", service.retry, service.http.is_some()).as_bytes());
    }
    part(format!("{:?} {:?}", project.pathway.max_parallel, project.pathway.timeout).as_bytes());
    let digest = hasher.finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

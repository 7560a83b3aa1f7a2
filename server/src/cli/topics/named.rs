//! The topics that the pathways of a project name.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::compile::Program;
use pathway_engine::project::Project;

use crate::bus::{dead_letters_of, is_dead_letters};

/// A topic, and the pathways that it concerns.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// What pathways call it.
    pub(super) logical: String,
    /// What it is called on the bus.
    pub(super) name: String,
    pub(super) read_by: BTreeSet<String>,
    pub(super) written_by: BTreeSet<String>,
}

/// All of them, in the order of their names.
pub(super) fn named(project: &Project, program: &Program) -> Vec<Named> {
    let mut topics: BTreeMap<String, Named> = BTreeMap::new();
    let mut named = |logical: &str, name: &str, reader: Option<&str>, writer: Option<&str>| {
        let topic = topics.entry(name.to_owned()).or_default();
        if topic.logical.is_empty() {
            (topic.logical, topic.name) = (logical.to_owned(), name.to_owned());
        }
        topic.read_by.extend(reader.map(str::to_owned));
        topic.written_by.extend(writer.map(str::to_owned));
    };
    for plan in program.pathways.values() {
        let pathway = Some(&*plan.name);
        let (logical, real) = (plan.topic(), |topic| project.topics.real(topic));
        // Whatever comes through another door is published there by the server.
        named(&logical, real(&logical), pathway, None);
        if !is_dead_letters(&logical) {
            named(&dead_letters_of(&logical), &dead_letters_of(real(&logical)), None, pathway);
        }
        if let Some(reply) = &plan.door.reply {
            named(&reply.topic.value, real(&reply.topic.value), None, pathway);
        }
        for topic in plan.publishes() {
            named(topic, real(topic), None, pathway);
        }
    }
    topics.into_values().collect()
}

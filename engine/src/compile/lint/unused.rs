//! What is computed, fetched or declared, and nobody reads.

use std::collections::{BTreeSet, HashSet};

use super::super::Program;
use super::survey::{Source, Survey, Use};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Pathway;
use crate::project::Project;
use crate::vm::Method;

const UNREAD: Code = Code("PW0807");
const UNUSED: Code = Code("PW0810");

/// Reports steps that only yield something, and variables, that nobody reads.
pub(super) fn check(survey: &Survey, found: &mut Diagnostics) {
    let of_steps = survey.steps.iter().flat_map(|seen| &seen.uses);
    let of_vars = survey.vars.iter().flat_map(|var| &var.uses);
    let read: Vec<&Source> =
        of_steps.chain(of_vars).chain(&survey.loose).map(|it: &Use| &it.source).collect();
    let (mut steps, mut vars) = (vec![false; survey.steps.len()], vec![false; survey.vars.len()]);
    for source in read {
        let mark = match source {
            Source::Step(n) => steps.get_mut(*n),
            Source::Var(n) => vars.get_mut(*n),
            _ => None,
        };
        mark.into_iter().for_each(|mark| *mark = true);
    }
    let needs =
        survey.steps.iter().flat_map(|seen| seen.needs.iter().map(|need| (seen.block, need.as_str())));
    let needed: HashSet<_> = needs.collect();
    let idle = survey.steps.iter().zip(steps).filter(|(_, is_read)| !is_read).map(|(step, _)| step);
    for step in idle.filter(|step| !step.is_once && !step.is_undone && !step.repeats) {
        let what = match (step.verb, &step.call) {
            ("set", _) => "computes",
            ("http", Some(call)) if call.method == Method::Get && !step.emits => "fetches",
            _ => continue,
        };
        if needed.contains(&(step.block, step.name.value.as_str())) {
            continue;
        }
        let message = format!("nobody reads what step `{}` {what}", step.name.value);
        found.push(
            Diagnostic::warning(UNREAD, message)
                .at(step.name.span, "read nowhere")
                .help("leave it out, or let a step that depends on it say so: `needs`"),
        );
    }
    for (var, _) in survey.vars.iter().zip(vars).filter(|(_, is_read)| !is_read) {
        found.push(
            Diagnostic::warning(UNREAD, format!("nobody reads the variable `{}`", var.name.value))
                .at(var.name.span, "read nowhere")
                .help("leave it out"),
        );
    }
}

/// What pathways and feeds use of their project.
#[derive(Debug, Default, Clone)]
pub(in crate::compile) struct Used {
    services: BTreeSet<String>,
    topics: BTreeSet<String>,
    vars: BTreeSet<String>,
}

impl Used {
    pub(super) fn note(&mut self, pathway: &Pathway, survey: &Survey, project: &Project) {
        for service in survey.steps.iter().filter_map(|step| step.service.clone()) {
            let fallback = project.services.get(&service).and_then(|service| service.without_token.clone());
            self.services.extend(std::iter::once(service).chain(fallback));
        }
        self.topics.extend(survey.topics.iter().cloned());
        self.topics.extend(pathway.door.topic.iter().map(|topic| topic.value.clone()));
        self.topics.extend(pathway.door.reply.iter().map(|reply| reply.topic.value.clone()));
        let uses = survey.steps.iter().flat_map(|step| &step.uses);
        let uses = uses.chain(survey.vars.iter().flat_map(|var| &var.uses)).chain(&survey.loose);
        self.vars.extend(uses.filter_map(|it| match &it.source {
            Source::Constant(name) => Some(name.clone()),
            _ => None,
        }));
    }

    /// Notes a topic that a feed shows.
    pub(in crate::compile) fn topic(&mut self, name: &str) {
        self.topics.insert(name.to_owned());
    }
}

/// Services, topics and variables of `project` that nothing in `program` uses, which must be all
/// there is.
#[must_use]
pub fn unused(program: &Program, project: &Project) -> Diagnostics {
    let used = &program.used;
    // A service that others are like lends them its limits, and is there for them.
    let lends = |name: &str| {
        let mut others = project.services.values().filter(|other| other.name.value != name);
        others.any(|other| other.limits_of == name)
    };
    let services = project.services.values().filter(|service| !lends(&service.name.value));
    let services = services.filter(|service| !used.services.contains(&service.name.value));
    let services = services.map(|service| ("service", service.name.value.as_str(), service.name.span));
    let topics = project.topics.places().filter(|(name, _)| !used.topics.contains(*name));
    let topics = topics.map(|(name, span)| ("topic", name, span));
    let vars = project.vars.iter().filter(|(name, _)| !used.vars.contains(*name));
    let vars = vars.map(|(name, var)| ("variable", name.as_str(), var.span));
    let mut found = Diagnostics::new();
    for (what, name, span) in services.chain(topics).chain(vars) {
        found.push(
            Diagnostic::warning(UNUSED, format!("no pathway uses the {what} `{name}`"))
                .at(span, "used nowhere")
                .help("leave it out"),
        );
    }
    found
}

//! Calls that are made with a service's own key for somebody, and do not say for whom.
//!
//! A service key sees what belongs to everybody. A pathway that knows who asks must narrow its calls to
//! them: by a filter that reads who it is, or by a test before.

use super::survey::{Part, Source, Survey, Use};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Auth, Pathway};
use crate::expression::Segment;
use crate::project::{Project, Service};

const FOR_ANYBODY: Code = Code("PW0802");

pub(super) fn check(pathway: &Pathway, survey: &Survey, project: &Project, found: &mut Diagnostics) {
    let door = &pathway.door;
    let auth = door.http.as_ref().map(|http| http.auth);
    if !matches!(auth, Some(Auth::User | Auth::Optional)) && door.subject.is_none() {
        return;
    }
    let subject = door.subject.as_ref().map_or(&[][..], |subject| subject.reads());
    let subject: Vec<_> = subject.iter().map(|read| read.path.clone()).collect();
    let trail = Trail::of(survey, subject);
    let without_token = door.trusts_producers || auth == Some(Auth::Optional);
    for (n, step) in survey.steps.iter().enumerate() {
        let Some(service) = step.service.as_ref().and_then(|name| project.services.get(name)) else {
            continue;
        };
        let fallback = service.without_token.as_ref().filter(|_| without_token);
        let fallback = fallback.and_then(|name| project.services.get(name));
        let key = [Some(service), fallback].into_iter().flatten().find(|it| is_service_key(it, project));
        let Some(key) = key.filter(|_| !trail.is_narrowed(n)) else { continue };
        let message =
            format!("step `{}` calls `{}` with its own key, for anybody", step.name.value, key.name.value);
        found.push(
            Diagnostic::warning(FOR_ANYBODY, message)
                .at(step.name.span, "reads nothing of who asks")
                .help("filter by `auth.sub`, or call a service whose headers carry `auth.token`"),
        );
    }
}

/// Whether `service` carries a secret of the project where its upstream knows users apart: it is
/// called with users' tokens too, or the key says so by its name.
fn is_service_key(service: &Service, project: &Project) -> bool {
    let tells_users = |service: &Service| service.headers.iter().any(|(_, it)| !it.reads().is_empty());
    let has_secret = service.headers.iter().any(|(_, value)| value.has_secret()) || service.has_service_role;
    let is_same = |other: &&Service| other.url == service.url && !service.url.value.is_empty();
    has_secret
        && !tells_users(service)
        && (service.has_service_role || project.services.values().filter(is_same).any(tells_users))
}

/// Which steps depend on who asks.
struct Trail<'a> {
    survey: &'a Survey,
    /// What of the input is checked to be who asks.
    subject: Vec<Vec<Segment>>,
    /// Of steps, of the lists of their `each`, and of variables.
    leads: Vec<bool>,
}

impl<'a> Trail<'a> {
    fn of(survey: &'a Survey, subject: Vec<Vec<Segment>>) -> Self {
        let steps = survey.steps.len();
        let mut trail = Self { survey, subject, leads: vec![false; 2 * steps + survey.vars.len()] };
        let mut next = Vec::new();
        let mut readers = vec![Vec::new(); trail.leads.len()];
        let mut add = |reader: usize, it: &Use| match trail.node(&it.source) {
            Some(node) => readers.get_mut(node).into_iter().for_each(|to: &mut Vec<_>| to.push(reader)),
            None if trail.is_who(it) => next.push(reader),
            None => {}
        };
        for (n, seen) in survey.steps.iter().enumerate() {
            for it in &seen.uses {
                add(n, it);
                if it.part == Part::Each {
                    add(steps + n, it);
                }
            }
        }
        for (n, var) in survey.vars.iter().enumerate() {
            var.uses.iter().for_each(|it| add(2 * steps + n, it));
        }
        // A block depends on what is in it.
        for n in 0..steps {
            let to = readers.get_mut(n).into_iter();
            to.for_each(|to| to.extend(survey.parent(n)));
        }
        while let Some(node) = next.pop() {
            match trail.leads.get_mut(node) {
                Some(leads) if !*leads => *leads = true,
                _ => continue,
            }
            next.extend(readers.get(node).into_iter().flatten());
        }
        trail
    }

    fn node(&self, source: &Source) -> Option<usize> {
        let steps = self.survey.steps.len();
        match source {
            Source::Step(n) => Some(*n),
            Source::Item(n) => Some(steps + n),
            Source::Var(n) => Some(2 * steps + n),
            _ => None,
        }
    }

    /// Whether that itself is who asks.
    fn is_who(&self, it: &Use) -> bool {
        match it.source {
            Source::Auth => match it.path.get(1) {
                Some(Segment::Key(key)) => matches!(key.as_str(), "sub" | "claims"),
                _ => true,
            },
            Source::Input => {
                self.subject.iter().any(|path| path.starts_with(&it.path) || it.path.starts_with(path))
            }
            _ => false,
        }
    }

    fn depends(&self, it: &Use) -> bool {
        match self.node(&it.source) {
            Some(node) => self.leads.get(node).copied().unwrap_or(false),
            None => self.is_who(it),
        }
    }

    /// Whether anything in that call, around it or tested before it depends on who asks.
    fn is_narrowed(&self, step: usize) -> bool {
        let survey = self.survey;
        if self.leads.get(step).copied().unwrap_or(false) {
            return true;
        }
        survey.around(step).filter_map(|n| survey.steps.get(n)).any(|seen| {
            let tests = seen.uses.iter().filter(|it| it.part != Part::Rest);
            let beside = survey.blocks.get(seen.block).map_or(&[][..], |block| &block.steps);
            let guards = beside.iter().filter_map(|n| survey.steps.get(*n));
            let guards = guards.filter(|guard| guard.is_guard && guard.nth < seen.nth);
            tests.chain(guards.flat_map(|guard| &guard.uses)).any(|it| self.depends(it))
        })
    }
}

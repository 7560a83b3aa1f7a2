//! Steps as tests name them: by their path; those of a pathway that a step calls by the path of that
//! step, `/`, and the path there.

use crate::compile::{Plan, Program, Step, step_path};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::list;
use crate::source::Span;

const NO_STEP: Code = Code("PW0821");

/// Names that are listed where none is close.
const LISTED: usize = 8;

/// A pathway, and what the names of its steps begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) program: &'a Program,
    pub(super) plan: &'a Plan,
    /// Whether steps of all other pathways have their paths for names, too.
    pub(super) others: bool,
}

impl<'a> Names<'a> {
    /// Those of a test of `plan`.
    pub(super) fn of(program: &'a Program, plan: &'a Plan) -> Self {
        Self { program, plan, others: false }
    }

    /// The steps of that name: more than one where cases of a `switch` have steps of the same name.
    pub(super) fn find(self, name: &str, span: Span) -> Result<Vec<&'a Step>, Diagnostic> {
        let (mut plan, mut rest) = (self.plan, name);
        while let Some((caller, inner)) = rest.split_once('/') {
            let called = steps(plan, caller).into_iter().find(|step| step.verb == "call");
            let called = called.and_then(|step| self.program.pathways.get(step.action.target()?));
            let Some(called) = called else { return Err(unknown(plan, caller, name, span)) };
            (plan, rest) = (called, inner);
        }
        let found = steps(plan, rest);
        if !found.is_empty() {
            return Ok(found);
        }
        let elsewhere: Vec<&Step> = match self.others && !name.contains('/') {
            true => self.program.pathways.values().flat_map(|plan| steps(plan, name)).collect(),
            false => Vec::new(),
        };
        if elsewhere.is_empty() { Err(unknown(plan, rest, name, span)) } else { Ok(elsewhere) }
    }

    /// Whether the pathway itself has a step of that name.
    pub(super) fn is_own(self, name: &str) -> bool {
        !steps(self.plan, name).is_empty()
    }
}

/// The steps that `name`, a path or an execution, means.
fn steps<'a>(plan: &'a Plan, name: &str) -> Vec<&'a Step> {
    let path = step_path(name);
    let all = plan.blocks.iter().flat_map(|block| &block.steps);
    all.filter(|step| *step.path == *path).collect()
}

fn unknown(plan: &Plan, part: &str, name: &str, span: Span) -> Diagnostic {
    let path = step_path(part);
    let before = name.strip_suffix(part).unwrap_or_default();
    let known: Vec<String> = plan.steps().map(|step| format!("{before}{step}")).collect();
    // A name without the steps around it is the most frequent slip.
    let inner = known.iter().find(|known| known.rsplit(['.', '/']).next() == Some(&path));
    let shown: Vec<&String> = known.iter().take(LISTED).collect();
    let diagnostic = Diagnostic::error(NO_STEP, format!("`{}` has no step `{part}`", plan.name))
        .at(span, "unknown step")
        .help(match (inner, known.len()) {
            (Some(inner), _) => format!("did you mean `{inner}`?"),
            (None, 0) => "it has no steps at all".to_owned(),
            (None, count) if count > LISTED => format!("it has {} and others", list(&shown)),
            (None, _) => format!("it has {}", list(&shown)),
        });
    if inner.is_some() { diagnostic } else { diagnostic.suggest(name, known.iter().map(String::as_str)) }
}

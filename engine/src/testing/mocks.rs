//! Mocks that answer runs which are not played but run: instead of all that is outside (`pathway run --mock`),
//! or of services that are not there (`pathway dev`). They say the same as in tests, and answer the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Setting;
use super::answer::{Answer, Come};
use super::mock::{Answers, Mock};
use super::names::Names;
use super::shelf::{best, kept};
use crate::Value;
use crate::compile::{Plan, step_path};
use crate::diagnostic::Diagnostics;
use crate::expression::Now;
use crate::journal::Kept;
use crate::project::Project;
use crate::schema::Schema;
use crate::source::Node;
use crate::vm::{Class, Failure, HttpRequest};

/// Mocks of runs, by the pathway of the run that nobody called.
#[derive(Debug, Default)]
pub struct Mocks {
    /// Of those that fit as well the first answers.
    by_pathway: BTreeMap<Arc<str>, Vec<Mock>>,
    /// How often each has answered, if they are of one run: of a list each answers once then, in order.
    /// Else each answers one attempt, and the last all that follow.
    counts: Option<Vec<AtomicUsize>>,
}

/// An execution of a step that asks for something.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'a> {
    /// The pathway of its run.
    pub pathway: &'a str,
    /// Who called its run; none: no run did, or that is not known any more.
    pub called: Option<&'a Called>,
    /// Which execution.
    pub instance: &'a str,
    /// 1, 2, …
    pub attempt: u32,
}

/// Who called a run: the pathway of the first that called, and what names begin with there, of
/// executions and of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pathway: Arc<str>,
    execution: String,
    path: String,
}

impl Called {
    /// By a step of a run of `pathway`, which was `called` itself, if it was.
    #[must_use]
    pub fn by(pathway: &Arc<str>, called: Option<&Self>, instance: &str) -> Self {
        let (pathway, execution, path) = match called {
            Some(called) => (&called.pathway, called.execution.as_str(), called.path.as_str()),
            None => (pathway, "", ""),
        };
        Self {
            pathway: pathway.clone(),
            execution: format!("{execution}{instance}/"),
            path: format!("{path}{}/", step_path(instance)),
        }
    }
}

/// What a mock answers.
#[derive(Debug)]
pub struct Mocked {
    /// How long that takes. Of an answer that never comes nobody waits to see that it does not.
    pub after: Duration,
    /// The answer, or how it fails.
    pub outcome: Result<Value, Failure>,
    /// What a stream passes on meanwhile.
    pub pieces: Vec<Value>,
}

/// What was found.
enum Found<'a> {
    Answer(&'a Mock, &'a Answer),
    /// It has said all that it has to say.
    Exhausted(&'a Mock, usize),
}

impl Mocks {
    /// Reads the mocks of a run of `plan` and of all that it calls. Steps that are called may be named by
    /// their paths alone, too.
    #[must_use]
    pub fn of_run(node: &Node, plan: &Plan, setting: Setting<'_>, diagnostics: &mut Diagnostics) -> Self {
        let names = Names { program: setting.program, plan, others: true };
        let mocks = Mock::parse_all(node, names, setting, diagnostics);
        let counts = mocks.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { by_pathway: BTreeMap::from([(plan.name.clone(), mocks)]), counts: Some(counts) }
    }

    /// Reads what a test file says for all of its cases, and adds it for runs of its pathway, before what
    /// other files say. What else is wrong with the file is not told, nor that its pathway is not there.
    pub fn add_test(&mut self, file: &Node, setting: Setting<'_>, diagnostics: &mut Diagnostics) {
        let tested = file.get("test").and_then(Node::as_text);
        let plan = tested.and_then(|name| setting.program.pathways.get(name.value.as_str()));
        let (Some(plan), Some(mocks)) = (plan, file.get("mocks")) else { return };
        let mut mocks = Mock::parse_all(mocks, Names::of(setting.program, plan), setting, diagnostics);
        let known = self.by_pathway.entry(plan.name.clone()).or_default();
        mocks.append(known);
        *known = mocks;
    }

    /// What a call of a service is answered with; none: nothing is said of it.
    pub fn call(&self, asks: Asks<'_>, request: &HttpRequest, project: &Project, now: Now) -> Option<Mocked> {
        let (mock, answer) = match self.find(asks, Some(request))? {
            Found::Answer(mock, answer) => (mock, answer),
            Found::Exhausted(mock, answers) => return Some(exhausted(asks, mock, answers)),
        };
        // In whose name it would be called is for the service to care about that is not called.
        Some(match answer.called(request, project, true, now) {
            Ok(come) => Mocked::of(come, answer),
            Err(why) => {
                let (mock, step) = (&mock.name.value, asks.instance);
                let message = format!("the mock `{mock}` does not fit step `{step}`: {why}");
                Mocked::failure(Failure::new(Class::Bug, message))
            }
        })
    }

    /// What a pathway comes to that a step calls with `input`, for which it has a schema; none: it is called.
    pub fn returned(&self, asks: Asks<'_>, schema: Option<&Schema>, input: &Value) -> Option<Mocked> {
        Some(match self.find(asks, None)? {
            Found::Answer(_, answer) => Mocked::of(answer.returned(schema, input), answer),
            Found::Exhausted(mock, answers) => exhausted(asks, mock, answers),
        })
    }

    /// The failure with which what a step publishes or emits is refused, if it is.
    #[must_use]
    pub fn refused(&self, asks: Asks<'_>) -> Option<Failure> {
        match self.find(asks, None)? {
            Found::Answer(_, answer) => answer.refused().cloned(),
            Found::Exhausted(mock, answers) => exhausted(asks, mock, answers).outcome.err(),
        }
    }

    /// Whether something is said of what a step asks for that calls no service.
    #[must_use]
    pub fn answer(&self, asks: Asks<'_>) -> bool {
        self.best(asks, None).is_some()
    }

    /// What steps of a run put out that do not run.
    #[must_use]
    pub fn kept(&self, called: Option<&Called>) -> BTreeMap<Arc<str>, Kept> {
        let prefix = called.map_or("", |called| called.execution.as_str());
        kept(self.by_pathway.values().flatten(), prefix)
    }

    /// The mock that says most of what is asked, and its place.
    fn best(&self, asks: Asks<'_>, request: Option<&HttpRequest>) -> Option<(usize, &Mock)> {
        let path = step_path(asks.instance);
        let as_called = |called: &Called| {
            let mocks = self.by_pathway.get(&called.pathway)?;
            let (execution, path) =
                (format!("{}{}", called.execution, asks.instance), format!("{}{path}", called.path));
            best(mocks, &execution, &path, request)
        };
        let by_itself = || {
            let mocks = match &self.counts {
                Some(_) => self.by_pathway.values().next(),
                None => self.by_pathway.get(asks.pathway),
            };
            best(mocks?, asks.instance, &path, request)
        };
        asks.called.and_then(as_called).or_else(by_itself)
    }

    fn find(&self, asks: Asks<'_>, request: Option<&HttpRequest>) -> Option<Found<'_>> {
        let (n, mock) = self.best(asks, request)?;
        let answers = match &mock.answers {
            Answers::Always(answer) => return Some(Found::Answer(mock, answer)),
            Answers::OneByOne(answers) => answers,
            Answers::Output { .. } => return None,
        };
        let said = match self.counts.as_ref().map(|counts| counts.get(n)) {
            Some(count) => count?.fetch_add(1, Ordering::Relaxed),
            None => (asks.attempt as usize).saturating_sub(1).min(answers.len().saturating_sub(1)),
        };
        Some(match answers.get(said) {
            Some(answer) => Found::Answer(mock, answer),
            None => Found::Exhausted(mock, answers.len()),
        })
    }
}

impl Mocked {
    /// It fails so, at once.
    #[must_use]
    pub fn failure(failure: Failure) -> Self {
        Self { after: Duration::ZERO, outcome: Err(failure), pieces: Vec::new() }
    }

    /// An empty object, or nothing where the step reads something else than that.
    #[must_use]
    pub fn empty(request: &HttpRequest) -> Self {
        Self { after: Duration::ZERO, outcome: Ok(Answer::empty(request)), pieces: Vec::new() }
    }

    fn of(Come { after, outcome, pieces }: Come, answer: &Answer) -> Self {
        Self { after: if answer.timeout { Duration::ZERO } else { after }, outcome, pieces }
    }
}

fn exhausted(asks: Asks<'_>, mock: &Mock, answers: usize) -> Mocked {
    let answers = if answers == 1 { "one answer".to_owned() } else { format!("{answers} answers") };
    Mocked::failure(Failure::new(
        Class::Bug,
        format!(
            "the mock `{}` has {answers}, and step `{}` asks once more: add one, or give an answer that is no list",
            mock.name.value, asks.instance
        ),
    ))
}

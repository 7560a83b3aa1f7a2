//! What answers instead of what is outside: of all of it (`pathway run --mock`), or of services that are
//! not there (`pathway dev`). What mocks say, and what comes of that, is the engine's to know.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::Value;
use pathway_engine::expression::Now;
use pathway_engine::journal::Rerun;
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::testing::{self, Asks, Called, Mocked};
use pathway_engine::vm::{Class, Failure, HttpRequest};

use super::Inner;

/// Mocks, and what they stand for.
#[derive(Debug)]
pub struct Mocks {
    said: testing::Mocks,
    /// The services that they stand for beside those without a URL; none: they stand for all that is outside.
    stand_ins: Option<BTreeSet<String>>,
}

impl Mocks {
    /// Those of a run that calls nobody.
    #[must_use]
    pub fn of_run(said: testing::Mocks) -> Self {
        Self { said, stand_ins: None }
    }

    /// Those in the place of services that have no URL, and of those that are named. What is not said is
    /// an empty object.
    #[must_use]
    pub fn standing_in(services: impl IntoIterator<Item = String>, said: testing::Mocks) -> Self {
        Self { said, stand_ins: Some(services.into_iter().collect()) }
    }

    /// Whether a service is answered for.
    #[must_use]
    pub fn stand_for_service(&self, project: &Project, service: &str) -> bool {
        let Some(named) = &self.stand_ins else { return true };
        let has_no_url = || project.services.get(service).is_some_and(|it| it.url.value.is_empty());
        named.contains(service) || has_no_url()
    }

    /// What a call of a service is answered with; none: it is made. A run with mocks calls nobody, so that
    /// it fails where nothing is said.
    pub(super) fn call(
        &self,
        asks: Asks<'_>,
        request: &HttpRequest,
        project: &Project,
        now: Now,
    ) -> Option<Mocked> {
        if !self.stand_for_service(project, &request.service) {
            return None;
        }
        let said = self.said.call(asks, request, project, now);
        Some(said.unwrap_or_else(|| match self.stand_ins {
            Some(_) => {
                let (pathway, step) = (asks.pathway, asks.instance);
                tracing::warn!(pathway, step, "nothing is mocked for it: answered with an empty object");
                Mocked::empty(request)
            }
            None => {
                let step = asks.instance;
                let message = format!("step `{step}` has no mock, and a run with mocks calls no service");
                Mocked::failure(Failure::new(Class::Bug, message))
            }
        }))
    }

    /// Whether something is said of what a step asks for that calls no service.
    pub(super) fn answer(&self, asks: Asks<'_>) -> bool {
        self.stand_ins.is_none() && self.said.answer(asks)
    }

    /// What a called pathway comes to; none: it is called.
    pub(super) fn returned(&self, asks: Asks<'_>, schema: Option<&Schema>, input: &Value) -> Option<Mocked> {
        if self.answer(asks) { self.said.returned(asks, schema, input) } else { None }
    }

    /// The failure with which what a step publishes or emits is refused, if it is.
    pub(super) fn refused(&self, asks: Asks<'_>) -> Option<Failure> {
        if self.answer(asks) { self.said.refused(asks) } else { None }
    }
}

impl Inner {
    /// Steps of a run that do not run, since a mock says what they put out: as if another run had done them.
    pub(super) fn kept_by_mocks(&self, run: &str, called: Option<&Called>) -> Option<Box<Rerun>> {
        let mocks = self.current.borrow().loaded.mocks.clone()?;
        let kept = match mocks.stand_ins {
            Some(_) => BTreeMap::new(),
            None => mocks.said.kept(called),
        };
        let is_any = !kept.is_empty();
        is_any.then(|| Box::new(Rerun { of: run.into(), kept, vars: BTreeMap::new(), only: None }))
    }
}

//! A world for tests of the engine: compiles a text and runs it with scripted answers.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

pub mod fixture;

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::{File, Plan, Program, Surroundings, compile};
use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::document::Schemas;
use pathway_engine::expression::{Variable, Variables};
use pathway_engine::journal::{Event, Kind, Outcome, Performed, SEMANTICS, Started};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{self, FileId, Sources, Spanned};
use pathway_engine::testing::{Setting, Suite};
use pathway_engine::vm::{ClaimAnswer, Effect, Failure, Trace, Vm};

/// Schemas by the name of their file, which pathways give as `../NAME` or `NAME`.
struct Files<'a> {
    sources: &'a Sources,
    schemas: BTreeMap<String, FileId>,
}

impl Schemas for Files<'_> {
    fn load(
        &mut self,
        _: FileId,
        path: &Spanned<String>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Schema>> {
        let file = self.schemas.get(path.value.trim_start_matches("../"))?;
        let node = source::parse(self.sources, *file, source::Limits::default(), diagnostics)?;
        Schema::compile(&node, diagnostics).map(Arc::new)
    }
}

/// What came of compiling.
pub struct Compiled {
    pub program: Program,
    pub project: Project,
    /// Tests, each with its file's name.
    pub suites: Vec<(String, Suite)>,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
}

impl Compiled {
    /// The diagnostics as a person sees them.
    pub fn report(&self) -> String {
        render(&self.diagnostics.clone().sorted(), &self.sources, Format::Human { color: false })
    }
}

/// Compiles pathways, each a file, in a project.
pub fn compile_in(project: &str, pathways: &[&str]) -> Compiled {
    let mut files = vec![("pathway.yaml".to_owned(), project.to_owned())];
    files.extend(
        pathways.iter().enumerate().map(|(n, text)| (format!("{n}.pathway.yaml"), (*text).to_owned())),
    );
    compile_files(&files)
}

/// Compiles files: `pathway.yaml` is the project, `.env` has variables, `.json` files are schemas,
/// `.test.yaml` files tests and all others pathways.
pub fn compile_files(files: &[(String, String)]) -> Compiled {
    let mut sources = Sources::new();
    let mut diagnostics = Diagnostics::new();
    let mut variables = Variables::new();
    let mut project = None;
    let mut pathways = Vec::new();
    let mut schemas = BTreeMap::new();
    let mut tests = Vec::new();
    for (name, text) in files {
        if name == ".env" {
            for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
                let secret = ["KEY", "SECRET", "TOKEN", "PASSWORD"].iter().any(|word| name.contains(word));
                variables.set(name, Variable { value: value.to_owned(), secret });
            }
            continue;
        }
        let file = sources.add(name.as_str(), text.as_str());
        match name.as_str() {
            "pathway.yaml" => project = Some(file).filter(|_| !text.is_empty()),
            name if name.ends_with(".test.yaml") => tests.push((name.to_owned(), file)),
            name if name.ends_with(".json") => drop(schemas.insert(name.to_owned(), file)),
            _ => pathways.push(file),
        }
    }
    let parse = |file, diagnostics: &mut Diagnostics| {
        source::parse(&sources, file, source::Limits::default(), diagnostics)
    };
    let project = project
        .and_then(|file| parse(file, &mut diagnostics))
        .map(|node| Project::read(&node, &variables, &mut diagnostics))
        .unwrap_or_default();
    let nodes: Vec<_> = pathways
        .iter()
        .filter_map(|file| {
            Some(File { text: sources.text(*file).into(), node: parse(*file, &mut diagnostics)? })
        })
        .collect();
    let surroundings = Surroundings { project: &project, variables: &variables };
    let program = compile(&nodes, surroundings, &mut Files { sources: &sources, schemas }, &mut diagnostics);
    let setting = Setting { program: &program, project: &project };
    let mut suites = Vec::new();
    for (name, file) in tests {
        let node = parse(file, &mut diagnostics);
        let suite = node.and_then(|node| Suite::parse(&node, setting, &mut diagnostics));
        suites.extend(suite.map(|suite| (name, suite)));
    }
    Compiled { program, project, suites, sources, diagnostics }
}

/// The plan of a pathway that must compile.
pub fn plan(project: &str, pathway: &str) -> Arc<Plan> {
    let compiled = compile_in(project, &[pathway]);
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.report());
    compiled.program.pathways.values().next().unwrap().clone()
}

/// A value from JSON.
pub fn json(text: &str) -> Value {
    pathway_engine::value::from_json(text.as_bytes()).unwrap()
}

/// The beginning of a run.
pub fn started(input: Value, seed: u64) -> Started {
    Started {
        run: "018f0000-0000-7000-8000-000000000001".into(),
        input: input.into(),
        principal: None,
        seed,
        semantics: SEMANTICS,
        attempt: 1,
        depth: 0,
        sealed: None,
        refused: None,
        trace: None,
        caller: None,
        rerun: None,
    }
}

/// A run in virtual time.
pub struct Run {
    pub vm: Vm,
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    pub now: jiff::Timestamp,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: &Arc<Plan>) -> Self {
        let now = "2024-05-20T12:00:00Z".parse().unwrap();
        Self { vm: Vm::new(plan.clone()).traced(), events: Vec::new(), effects: Vec::new(), now }
    }

    pub fn start(plan: &Arc<Plan>, input: &str) -> Self {
        let mut run = Self::new(plan);
        run.tell(Kind::Started(started(json(input), 7)));
        run
    }

    pub fn tell(&mut self, kind: Kind) {
        let event = Event { at: self.now, kind };
        let mut effects = Vec::new();
        if self.vm.apply(&event, &mut effects) == pathway_engine::vm::Applied::Yes {
            self.events.push(event);
        }
        self.effects.extend(effects);
        self.effects.extend(self.vm.take_released().into_iter().map(|unfinished| unfinished.effect));
    }

    /// Answers the effect of `instance`.
    pub fn answer(&mut self, instance: &str, value: &str) {
        self.outcome(instance, Outcome::Answer(json(value)));
    }

    /// Answers the claim of an execution: it is the run's, or was done by another.
    pub fn answer_claim(&mut self, execution: &str, answer: &ClaimAnswer) {
        self.outcome(&format!("{execution}?"), Outcome::Answer(answer.to_value()));
    }

    /// Lets a run that has failed go on, as a server does: from its journal.
    pub fn redrive(&mut self) {
        let plan = self.vm.plan().clone();
        let kind = Vm::replay(plan.clone(), &self.events).unwrap().redriven(self.events.len()).unwrap();
        self.events.push(Event { at: self.now, kind });
        self.vm = Vm::new(plan).traced();
        self.vm.follow(&self.events).unwrap();
        self.effects = self.vm.in_flight().into_iter().map(|unfinished| unfinished.effect).collect();
        self.vm.take_trace();
    }

    /// Lets the effect of `instance` fail.
    pub fn fail(&mut self, instance: &str, failure: Failure) {
        self.outcome(instance, Outcome::Failure(failure));
    }

    fn outcome(&mut self, instance: &str, outcome: Outcome) {
        let effect = self.vm.pending(instance).unwrap_or_else(|| panic!("`{instance}` is not in flight"));
        let performed = Performed {
            instance: instance.into(),
            attempt: effect.attempt().unwrap(),
            request: effect.hash().unwrap(),
            outcome,
            emitted: false,
            took: None,
        };
        self.tell(Kind::Performed(performed));
    }

    /// Lets time pass until the earliest timer, which fires; false where there is none.
    pub fn fire(&mut self) -> bool {
        let next = self.vm.in_flight().into_iter().filter_map(|unfinished| match unfinished.effect {
            Effect::Timer { timer, at, .. } => Some((at, timer)),
            _ => None,
        });
        let Some((at, timer)) = next.min() else { return false };
        self.now = self.now.max(at);
        self.tell(Kind::Fired { timer });
        true
    }

    /// Instances whose effects are in flight.
    pub fn waiting(&self) -> Vec<String> {
        self.vm
            .in_flight()
            .iter()
            .filter_map(|unfinished| unfinished.effect.instance().map(ToString::to_string))
            .collect()
    }

    /// What the run returned.
    pub fn returned(&self) -> String {
        match self.vm.outcome() {
            Some(Ok(value)) => pathway_engine::value::to_json(value),
            Some(Err(failure)) => panic!("failed: {failure:?}"),
            None => panic!("not ended; waits for {:?}", self.waiting()),
        }
    }

    /// How the run failed.
    pub fn failure(&self) -> Failure {
        match self.vm.outcome() {
            Some(Err(failure)) => failure.clone(),
            other => panic!("not failed: {other:?}"),
        }
    }

    pub fn trace(&mut self) -> Vec<Trace> {
        self.vm.take_trace()
    }
}

//! Plays a case: the run, and those that it calls, in virtual time, answered by mocks.
//!
//! What comes back stands in a queue, by the time at which it comes, and in the order in which it was
//! asked for. Time passes when nothing more is to be done at the present one.

mod answering;
mod ending;
mod time;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Setting;
use super::case::Case;
use super::claims::Claims;
use super::mock::Mock;
use super::record::Record;
use super::shelf::Shelf;
use crate::Value;
use crate::compile::{Plan, step_path};
use crate::expression::Now;
use crate::journal::{Event, Kind, Performed, Rerun, SEMANTICS, Signal, Started};
use crate::source::Span;
use crate::vm::{Change, Class, Effect, Failure, Instance, Vm};

pub(super) use ending::{Stuck, Waits};

/// How deep pathways may call each other, as on a server.
const DEEPEST: u32 = 16;
/// Runs of one case, with those that they call.
const RUNS: usize = 10_000;

/// A call that nothing answers.
#[derive(Debug, Clone)]
pub(super) struct Unanswered {
    /// Which execution.
    pub(super) name: String,
    pub(super) path: String,
    /// Where its step stands.
    pub(super) span: Option<Span>,
    pub(super) why: Why,
    /// The call, on a line.
    pub(super) line: String,
    pub(super) service: String,
    /// How it could be named by its service.
    pub(super) by_service: String,
    /// What such an answer may look like.
    pub(super) form: &'static str,
}

/// Why a call is not answered.
#[derive(Debug, Clone)]
pub(super) enum Why {
    NoMock,
    /// Its mock has no answer left.
    Exhausted {
        mock: Span,
        name: String,
        answers: usize,
    },
    /// Its mock cannot be an answer to it.
    Unfit {
        mock: Option<Span>,
        reason: &'static str,
    },
}

/// What came of playing a case.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    pub(super) record: Record,
    pub(super) took: Duration,
    pub(super) ended: Option<Result<Value, Failure>>,
    pub(super) unanswered: Vec<Unanswered>,
    pub(super) stuck: Vec<Stuck>,
    pub(super) unused: Vec<(&'a Mock, Span, usize)>,
    /// What other runs have done, and no step asked for: its step, and its place.
    pub(super) unasked: Vec<(&'a str, Span)>,
    /// Signals that nobody waited for.
    pub(super) unheard: Vec<Span>,
    pub(super) shared_used: Vec<usize>,
}

/// A case that is played.
pub(super) struct World<'a> {
    case: &'a Case,
    setting: Setting<'a>,
    now: Now,
    queue: BTreeMap<(Now, u64), Happening>,
    next: u64,
    runs: Vec<Live>,
    /// The run of the case itself.
    root: usize,
    claims: Claims,
    /// Places of what other runs have done, and what was found so.
    done: BTreeSet<usize>,
    shelf: Shelf<'a>,
    record: Record,
    unanswered: Vec<Unanswered>,
}

/// Something that comes back.
#[derive(Debug)]
enum Happening {
    Performed { run: usize, performed: Performed, pieces: Vec<Value> },
    Fired { run: usize, timer: u64 },
    Signalled { run: usize, signal: Signal },
}

/// A run under way.
#[derive(Debug)]
struct Live {
    vm: Vm,
    plan: Arc<Plan>,
    id: String,
    depth: u32,
    /// What the names of its steps begin with, as executions and as paths.
    prefix: (String, String),
    parent: Option<(usize, Instance, u32)>,
    called: HashMap<Instance, usize>,
    /// For how long it had something to do: what its timeout counts.
    active: Duration,
    over: bool,
    /// Claims that were answered as done, of executions that are left out because of that.
    passed_over: Vec<String>,
}

impl<'a> World<'a> {
    /// Plays a case to its end.
    pub(super) fn play(case: &'a Case, setting: Setting<'a>) -> Outcome<'a> {
        let mut world = Self {
            case,
            setting,
            now: case.now,
            queue: BTreeMap::new(),
            next: 0,
            runs: Vec::new(),
            root: 0,
            claims: Claims::default(),
            done: BTreeSet::new(),
            shelf: Shelf::new(&case.mocks, &case.shared),
            record: Record::default(),
            unanswered: Vec::new(),
        };
        for _ in 0..case.runs {
            world.record.again(world.now);
            world.queue.clear();
            world.begin_root();
            world.work();
            if world.ended().is_none() {
                break;
            }
        }
        world.end()
    }

    fn begin_root(&mut self) {
        self.root = self.runs.len();
        let root = self.begin(self.case.plan.clone(), (String::new(), String::new()), None, 0);
        for coming in &self.case.signals {
            let at = self.now.checked_add(coming.after).unwrap_or(Now::MAX);
            self.push(at, Happening::Signalled { run: root, signal: coming.signal.clone() });
        }
        self.start(root, self.case.input.clone());
    }

    /// Adds a run that has not begun.
    fn begin(
        &mut self,
        plan: Arc<Plan>,
        prefix: (String, String),
        parent: Option<(usize, Instance, u32)>,
        depth: u32,
    ) -> usize {
        let mut vm = Vm::new(plan.clone()).traced();
        if let Some(constants) = &self.case.constants {
            vm = vm.with_constants(constants.clone());
        }
        let n = self.runs.len();
        let id = Uuid::from_u64_pair(0x018f_0000_0000_7000, 0x8000_0000_0000_0001 + n as u64).to_string();
        self.runs.push(Live {
            vm,
            plan,
            id,
            depth,
            prefix,
            parent,
            called: HashMap::new(),
            active: Duration::ZERO,
            over: false,
            passed_over: Vec::new(),
        });
        n
    }

    fn start(&mut self, run: usize, input: Value) {
        let Some(live) = self.runs.get(run) else { return };
        let refused = (live.depth > DEEPEST)
            .then(|| Failure::new(Class::Bug, format!("pathways call each other more than {DEEPEST} deep")));
        // What is mocked as a whole is kept, as in a run that runs another again.
        let kept = self.shelf.kept(&live.prefix.0);
        let rerun = (!kept.is_empty()).then(|| {
            Box::new(Rerun { of: live.id.as_str().into(), kept, vars: BTreeMap::new(), only: None })
        });
        let started = Started {
            run: live.id.as_str().into(),
            input: input.into(),
            principal: self.case.principal.clone(),
            // No jitter: what is expected of time can be reckoned.
            seed: 0,
            semantics: SEMANTICS,
            attempt: 1,
            depth: live.depth,
            sealed: None,
            trace: None,
            refused,
            caller: None,
            rerun,
        };
        self.tell(run, Kind::Started(started));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Performed { run, performed, pieces } => {
                let name = self.name(run, &performed.instance);
                for piece in pieces {
                    self.record.emitted.push((name.clone(), crate::value::to_serde(&piece)));
                }
                self.tell(run, Kind::Performed(performed));
            }
            Happening::Fired { run, timer } => self.tell(run, Kind::Fired { timer }),
            Happening::Signalled { run, signal } => self.tell(run, Kind::Signalled(signal)),
        }
    }

    fn push(&mut self, at: Now, happening: Happening) {
        self.queue.insert((at, self.next), happening);
        self.next += 1;
    }

    /// Tells a run of an event and does what it asks for.
    fn tell(&mut self, run: usize, kind: Kind) {
        let Some(live) = self.runs.get_mut(run) else { return };
        if live.over {
            return;
        }
        let mut effects: Vec<Effect> = Vec::new();
        // What means nothing to a run needs not be told.
        let _applied = live.vm.apply(&Event { at: self.now, kind }, &mut effects);
        effects.extend(live.vm.take_released().into_iter().map(|unfinished| unfinished.effect));
        self.note(run);
        for effect in effects {
            self.perform(run, effect);
        }
    }

    fn note(&mut self, run: usize) {
        let Some(live) = self.runs.get_mut(run) else { return };
        for trace in live.vm.take_trace() {
            let claimed = live.passed_over.contains(&trace.instance);
            self.record.reached.note(&live.plan, &trace, claimed);
            let (before, path) = &live.prefix;
            let name = format!("{before}{}", trace.instance);
            let path = format!("{path}{}", step_path(&trace.instance));
            let span = live.plan.place(&trace.instance);
            if let Change::Kept { .. } = trace.change {
                self.shelf.was_kept(&name);
            }
            self.record.note(name, path, span, trace);
        }
    }

    /// The name and the path of an execution.
    fn names(&self, run: usize, instance: &str) -> (String, String) {
        let Some(live) = self.runs.get(run) else { return Default::default() };
        let (before, path) = &live.prefix;
        (format!("{before}{instance}"), format!("{path}{}", step_path(instance)))
    }

    fn name(&self, run: usize, instance: &str) -> String {
        self.names(run, instance).0
    }
}

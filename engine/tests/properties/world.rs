//! Lets a random pathway run, in a random order of what comes back, and watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pathway_engine::Value;
use pathway_engine::compile::{Plan, step_path};
use pathway_engine::journal::{Event, Kind, Outcome, Performed, Signal, Started};
use pathway_engine::vm::{Applied, Change, ClaimAnswer, Class, Effect, Failure, Vm};

use super::interpreter::{Failed, answer, is_done};
use super::model::{Pathway, Verb};
use super::support::{compile_in, json, started};
use super::text::{CHILD, PROJECT};

/// The plan of a random pathway, which must compile.
pub(crate) fn compile(pathway: &Pathway) -> Arc<Plan> {
    let compiled = compile_in(PROJECT, &[&pathway.yaml(), CHILD]);
    assert!(!compiled.diagnostics.has_errors(), "{}\n{}", compiled.report(), pathway.yaml());
    compiled.program.pathways["random"].clone()
}

/// A sequence of numbers that looks random.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// What is asserted of every run, learnt from the pathway.
#[derive(Debug, Default)]
struct Rules {
    max_parallel: usize,
    /// Steps that must be over before a step begins, with their depths.
    before: BTreeMap<String, Vec<(usize, String)>>,
    /// The bound of an `each`.
    bounds: BTreeMap<String, usize>,
}

impl Rules {
    fn of(pathway: &Pathway) -> Self {
        let mut rules = Self { max_parallel: pathway.max_parallel as usize, ..Self::default() };
        pathway.visit(&mut |block, n, step| {
            let mut before = step.reads();
            for (other, is_before) in block.steps.iter().enumerate().map(|(k, other)| (other, k < n)) {
                if is_before && (step.verb.is_guard() || other.verb.is_guard()) {
                    before.push((step.depth, other.name.clone()));
                }
            }
            rules.before.insert(step.name.clone(), before);
            if let Some(each) = &step.each {
                let bound = each.max_parallel.unwrap_or(pathway.max_parallel) as usize;
                rules.bounds.insert(step.name.clone(), bound);
            }
        });
        rules
    }
}

/// A run that is watched.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) vm: Vm,
    pub(crate) events: Vec<Event>,
    /// What each event asked for.
    pub(crate) asked: Vec<Vec<String>>,
    /// What was in flight after each.
    pub(crate) in_flight: Vec<Vec<String>>,
    seed: u64,
    dice: Dice,
    now: jiff::Timestamp,
    rules: Rules,
    open: BTreeMap<String, u32>,
    begun: BTreeSet<(String, u32)>,
    over: BTreeSet<String>,
    /// What finished, and what was undone, in this order.
    pub(crate) log: Vec<Mark>,
    /// How each claim stands that was the run's, by the execution of its step.
    pub(crate) claims: BTreeMap<String, Claim>,
    /// Executions that finished, and those that failed.
    pub(crate) finished: BTreeSet<String>,
    pub(crate) failed: BTreeSet<String>,
    ended: bool,
    redriven: bool,
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the run's.
    Held,
    /// It was given back as done.
    Done,
    /// It was given back for others to have, and was done before or not.
    Free { done: bool },
}

/// Something that matters to compensation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The effect of this instance was answered.
    Answered(String),
    /// This instance is finished.
    Finished(String),
    /// The compensation of this instance was begun.
    Undone(String),
}

impl World {
    /// Begins a run; `seed` decides what effects are answered with, `order` in which order.
    pub(crate) fn start(pathway: &Pathway, plan: &Arc<Plan>, seed: u64, order: u64) -> Self {
        Self::start_with(pathway, plan, started(json("{}"), seed), order)
    }

    /// Begins a run so.
    pub(crate) fn start_with(pathway: &Pathway, plan: &Arc<Plan>, started: Started, order: u64) -> Self {
        let mut rules = Rules::of(pathway);
        if started.rerun.as_ref().is_some_and(|rerun| rerun.only.is_some()) {
            // What stands before a step that runs alone does not run.
            rules.before.clear();
        }
        let mut world = Self {
            vm: Vm::new(plan.clone()).traced(),
            events: Vec::new(),
            asked: Vec::new(),
            in_flight: Vec::new(),
            seed: started.seed,
            dice: Dice(order),
            now: "2024-05-20T12:00:00Z".parse().unwrap(),
            rules,
            open: BTreeMap::new(),
            begun: BTreeSet::new(),
            over: BTreeSet::new(),
            log: Vec::new(),
            claims: BTreeMap::new(),
            finished: BTreeSet::new(),
            failed: BTreeSet::new(),
            ended: false,
            redriven: false,
        };
        world.tell(Kind::Started(started));
        world
    }

    /// Lets one thing that is in flight come back; false where there is none.
    pub(crate) fn step(&mut self) -> bool {
        let in_flight = self.vm.in_flight();
        if in_flight.is_empty() {
            return false;
        }
        let effect = in_flight[self.dice.below(in_flight.len())].effect.clone();
        match &effect {
            Effect::Timer { timer, at, .. } => {
                self.now = self.now.max(*at);
                self.tell(Kind::Fired { timer: *timer });
            }
            Effect::Await { name, .. } => {
                // It reaches whoever is first among those that wait for it.
                let first = in_flight.iter().find_map(|unfinished| match &unfinished.effect {
                    Effect::Await { name: other, instance, attempt, .. } if other == name => {
                        Some((instance.clone(), *attempt))
                    }
                    _ => None,
                });
                let (instance, attempt) = first.unwrap();
                let payload = Value::from(answer(self.seed, &instance, attempt).unwrap_or(1));
                self.tell(Kind::Signalled(Signal { name: name.clone(), payload, from: None, key: None }));
            }
            _ => self.answer(&effect),
        }
        true
    }

    fn answer(&mut self, effect: &Effect) {
        let instance = effect.instance().unwrap().clone();
        let attempt = effect.attempt().unwrap();
        if self.dice.below(8) == 0 {
            self.tell(Kind::Sent { instance: instance.clone(), attempt });
        }
        if matches!(effect, Effect::Claim { .. }) {
            return self.answer_claim(effect);
        }
        let outcome = match answer(self.seed, &instance, attempt) {
            Ok(n) => Outcome::Answer(match effect {
                Effect::Http { .. } => json(&format!(r#"{{"status": 200, "headers": {{}}, "body": {n}}}"#)),
                Effect::Publish { .. } => json(&format!(r#"{{"id": {n}}}"#)),
                _ => Value::from(n),
            }),
            Err(Failed::Outage) => Outcome::Failure(Failure::new(Class::Outage, "down")),
            Err(Failed::Otherwise) => Outcome::Failure(Failure::new(Class::Invalid, "refused")),
        };
        self.performed(effect, outcome);
    }

    fn performed(&mut self, effect: &Effect, outcome: Outcome) {
        self.tell(Kind::Performed(Performed {
            instance: effect.instance().unwrap().clone(),
            attempt: effect.attempt().unwrap(),
            request: effect.hash().unwrap(),
            outcome,
            emitted: false,
            took: None,
        }));
    }

    fn answer_claim(&mut self, effect: &Effect) {
        let instance = effect.instance().unwrap().clone();
        let answer = match is_done(self.seed, &instance) {
            true => ClaimAnswer::Done { by: Some("another".to_owned()) },
            false => ClaimAnswer::Granted,
        };
        if answer == ClaimAnswer::Granted {
            let before = self.claims.insert(execution(&instance), Claim::Held);
            // A run that was redriven asks again for what it gave back with the event that is undone.
            let is_again = self.redriven && before != Some(Claim::Held);
            assert!(before.is_none() || is_again, "{instance} is claimed twice");
        }
        self.performed(effect, Outcome::Answer(answer.to_value()));
    }

    /// Lets everything come back.
    pub(crate) fn finish(&mut self) {
        for _ in 0..20_000 {
            if !self.step() {
                assert!(self.ended, "nothing is in flight, and the run has not ended");
                return;
            }
        }
        panic!("the run does not end");
    }

    /// Lets the run go on, if it has failed and nothing of it was undone; false where it cannot.
    pub(crate) fn redrive(&mut self) -> bool {
        let Some(Err(failure)) = self.vm.outcome() else { return false };
        if failure.compensation.is_some() {
            return false;
        }
        self.go_on();
        true
    }

    /// Lets the run go on that was parked where it is.
    pub(crate) fn go_on(&mut self) {
        let plan = self.vm.plan().clone();
        let kind = Vm::replay(plan.clone(), &self.events).unwrap().redriven(self.events.len()).unwrap();
        self.events.push(Event { at: self.now, kind });
        self.vm = Vm::new(plan).traced();
        self.vm.follow(&self.events).unwrap();
        (self.ended, self.redriven) = (self.vm.outcome().is_some(), true);
        let open = self.vm.in_flight().into_iter().map(|unfinished| unfinished.effect);
        self.open = open.filter_map(|it| Some((it.instance()?.to_string(), it.attempt()?))).collect();
        for seen in [&mut self.over, &mut self.finished, &mut self.failed] {
            seen.clear();
        }
        self.begun.clear();
        self.log.clear();
        // Whoever is parked has none.
        self.claims.retain(|_, claim| *claim != Claim::Held);
        self.check_trace();
    }

    /// Calls the run off, and lets it be undone.
    pub(crate) fn cancel(&mut self) {
        self.tell(Kind::Cancelled { reason: Failure::new(Class::Cancelled, "called off") });
        while self.vm.is_undoing() {
            assert!(self.step(), "nothing is in flight, and the run is being undone");
        }
    }

    fn tell(&mut self, kind: Kind) {
        let over = match &kind {
            Kind::Performed(performed) => Some(performed.instance.to_string()),
            _ => None,
        };
        if let Kind::Performed(Performed { instance, outcome: Outcome::Answer(_), .. }) = &kind
            && !instance.ends_with('?')
        {
            self.log.push(Mark::Answered(instance.to_string()));
        }
        let signalled = matches!(kind, Kind::Signalled(_));
        let event = Event { at: self.now, kind };
        let mut effects = Vec::new();
        assert_eq!(self.vm.apply(&event, &mut effects), Applied::Yes, "{event:?}");
        effects.extend(self.vm.take_released().into_iter().map(|unfinished| unfinished.effect));
        self.events.push(event);
        self.asked.push(effects.iter().map(|effect| format!("{effect:?}")).collect());
        self.in_flight.push(in_flight(&self.vm));
        if let Some(instance) = over {
            assert!(self.open.remove(&instance).is_some());
        }
        if signalled {
            let waiting = self.vm.in_flight();
            let waits = |instance: &str| {
                waiting.iter().any(|it| it.effect.instance().is_some_and(|other| &**other == instance))
            };
            let asked_now: Vec<_> = effects.iter().filter_map(Effect::instance).collect();
            self.open.retain(|instance, _| {
                waits(instance) || asked_now.iter().any(|asked| ***asked == **instance)
            });
        }
        self.check_effects(&effects);
        self.check_trace();
    }

    /// Each is asked for once and is over once, and never are too many in flight.
    fn check_effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            assert!(!self.ended, "asked for after the end: {effect:?}");
            match effect {
                Effect::Timer { .. } => {}
                Effect::Abandon { instance } => {
                    assert!(self.open.remove(&**instance).is_some(), "{instance} was not in flight");
                }
                Effect::Ended { .. } => self.ended = true,
                Effect::Release { instance, done, .. } => self.release(&execution(instance), *done),
                _ => {
                    let instance = effect.instance().unwrap().to_string();
                    self.check_claims(&instance);
                    let before = self.open.insert(instance.clone(), effect.attempt().unwrap());
                    assert_eq!(before, None, "{instance} is asked for twice");
                }
            }
        }
        let in_flight = self.vm.in_flight();
        assert_eq!(self.ended, self.vm.outcome().is_some());
        assert!(!self.ended || in_flight.is_empty(), "in flight after the end: {in_flight:?}");
        let names: BTreeSet<String> =
            in_flight.iter().filter_map(|it| it.effect.instance()).map(ToString::to_string).collect();
        let open: BTreeSet<String> = self.open.keys().cloned().collect();
        assert_eq!(names, open);
        let slots = in_flight.iter().filter(|it| {
            matches!(it.effect, Effect::Http { .. } | Effect::Publish { .. } | Effect::Emit { .. })
        });
        assert!(slots.count() <= self.rules.max_parallel);
        self.check_fans(&names);
    }

    /// What was claimed is given back once, and only what is done once more.
    fn release(&mut self, execution: &str, done: bool) {
        // One that was not answered is given back all the same.
        let Some(claim) = self.claims.get_mut(execution) else { return assert!(!done) };
        *claim = match (*claim, done) {
            (Claim::Held, true) => Claim::Done,
            (Claim::Held, false) => Claim::Free { done: false },
            (Claim::Done, false) => Claim::Free { done: true },
            // It was asked for again, and that was not answered.
            (Claim::Free { .. }, false) if self.redriven => *claim,
            other => panic!("{execution} is given back: {other:?}"),
        };
    }

    /// Nothing is asked for in a step that is claimed, unless the claim is the run's.
    fn check_claims(&self, instance: &str) {
        if instance.ends_with(".compensate") {
            return;
        }
        for (claimed, claim) in &self.claims {
            let rest = instance.strip_prefix(claimed.as_str());
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '#', '~', '!'])) {
                assert_eq!(*claim, Claim::Held, "{instance} is asked for");
            }
        }
    }

    /// Never are more items of an `each` in progress than its bound allows.
    fn check_fans(&self, names: &BTreeSet<String>) {
        let mut items: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in names {
            for (at, _) in name.match_indices('[') {
                let index = name[at..].split(']').next().unwrap();
                items.entry(&name[..at]).or_default().insert(index);
            }
        }
        for (each, items) in items {
            let path = step_path(each);
            let step = path.rsplit('.').next().unwrap();
            assert!(items.len() <= self.rules.bounds[step], "{each}: {items:?}");
        }
    }

    /// A step begins once per attempt, after all it waits for is over.
    fn check_trace(&mut self) {
        for trace in self.vm.take_trace() {
            match trace.change {
                Change::Begun { attempt } => {
                    let is_new = self.begun.insert((trace.instance.clone(), attempt));
                    assert!(is_new, "{} begins attempt {attempt} twice", trace.instance);
                    let path = step_path(&trace.instance);
                    if let Some(undone) = trace.instance.strip_suffix(".compensate") {
                        self.log.extend((attempt == 1).then(|| Mark::Undone(undone.to_owned())));
                        continue;
                    }
                    let levels: Vec<_> = trace.instance.split('.').collect();
                    let before = self.rules.before.get(path.rsplit('.').next().unwrap());
                    for (depth, name) in before.into_iter().flatten() {
                        let around = levels[..*depth].iter().map(|level| format!("{level}."));
                        let other = around.collect::<String>() + name;
                        assert!(self.over.contains(&other), "{} begins before {other}", trace.instance);
                    }
                }
                Change::Finished { .. } | Change::Kept { .. } | Change::Skipped => {
                    if matches!(trace.change, Change::Finished { .. }) {
                        self.log.push(Mark::Finished(trace.instance.clone()));
                        self.finished.insert(execution(&trace.instance));
                    }
                    self.over.insert(trace.instance);
                }
                Change::Failed { .. } => drop(self.failed.insert(execution(&trace.instance))),
                _ => {}
            }
        }
    }
}

/// The execution of a step, without what marks its claim or its iteration.
fn execution(instance: &str) -> String {
    let instance = instance.trim_end_matches('?');
    match instance.rsplit_once('~') {
        Some((execution, n)) if n.chars().all(|c| c.is_ascii_digit()) => execution.to_owned(),
        _ => instance.to_owned(),
    }
}

/// What a run waits for, as text.
pub(crate) fn in_flight(vm: &Vm) -> Vec<String> {
    vm.in_flight().iter().map(|it| format!("{:?} {}", it.effect, it.sent)).collect()
}

/// Whether a pathway calls services.
pub(crate) fn has_http(pathway: &Pathway) -> bool {
    let mut found = false;
    pathway.visit(&mut |_, _, step| found |= matches!(step.verb, Verb::Http(_)));
    found
}

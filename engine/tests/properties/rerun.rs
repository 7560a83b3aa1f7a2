//! A run that runs another one again comes out as that did, wherever it begins, and asks for nothing
//! that it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pathway_engine::compile::{Plan, step_path};
use pathway_engine::journal::{Event, Kept, Kind, Rerun, Started};
use pathway_engine::vm::{Portion, PortionError, Recorded, Vm};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::interpreter;
use super::model::{Block, Pathway, Verb};
use super::support::{json, started};
use super::world::{Dice, World, compile};

/// A run that is over, and one of its steps.
fn ended(pathway: &Pathway, plan: &Arc<Plan>, seed: u64, order: u64) -> (World, Recorded, Option<String>) {
    let mut world = World::start(pathway, plan, seed, order);
    world.finish();
    let recorded = Recorded::of(plan, &world.events).unwrap();
    let steps: Vec<&str> = plan.steps().collect();
    let step = (!steps.is_empty()).then(|| steps[Dice(order).below(steps.len())].to_owned());
    (world, recorded, step)
}

fn again(rerun: Rerun, seed: u64) -> Started {
    Started { rerun: Some(Box::new(rerun)), ..started(json("{}"), seed) }
}

fn outcome(world: &World) -> Result<Option<i64>, ()> {
    match world.vm.outcome().unwrap() {
        Ok(value) if value.is_none() => Ok(None),
        Ok(value) => Ok(Some(i64::try_from(value.clone()).unwrap())),
        Err(_) => Err(()),
    }
}

/// The paths of the steps whose effects were answered.
fn answered(world: &World) -> BTreeSet<String> {
    let answered = world.events.iter().filter_map(|event| match &event.kind {
        Kind::Performed(performed) => Some(step_path(&performed.instance)),
        _ => None,
    });
    answered.collect()
}

fn is_in(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What each step of a pathway reads, by its path: the paths of steps beside it and around it.
fn reads(pathway: &Pathway) -> BTreeMap<String, BTreeSet<String>> {
    fn of(block: &Block, around: &[String], reads: &mut BTreeMap<String, BTreeSet<String>>) {
        for step in &block.steps {
            let path = [around, std::slice::from_ref(&step.name)].concat();
            let prefix = |depth: usize| around[..depth].join(".");
            let all = step.reads().into_iter().map(|(depth, name)| match prefix(depth) {
                prefix if prefix.is_empty() => name,
                prefix => format!("{prefix}.{name}"),
            });
            reads.insert(path.join("."), all.collect());
            let inner = match &step.verb {
                Verb::Steps(block) => vec![block],
                Verb::Switch(_, cases) => cases.iter().collect(),
                _ => Vec::new(),
            };
            inner.into_iter().for_each(|block| of(block, &path, reads));
        }
    }
    let mut all = BTreeMap::new();
    of(&pathway.body, &[], &mut all);
    all
}

/// Attempts of a block are answered otherwise than the first; what is kept of them is another matter.
fn try_blocks_once(block: &mut Block) {
    for step in &mut block.steps {
        let inner: Vec<&mut Block> = match &mut step.verb {
            Verb::Steps(block) => vec![block],
            Verb::Switch(_, cases) => cases.iter_mut().collect(),
            _ => continue,
        };
        step.retry = step.retry.map(|_| 1);
        inner.into_iter().for_each(try_blocks_once);
    }
}

fn undo_nothing(block: &mut Block) {
    for step in &mut block.steps {
        step.compensate = None;
        match &mut step.verb {
            Verb::Steps(block) => undo_nothing(block),
            Verb::Switch(_, cases) => cases.iter_mut().for_each(undo_nothing),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_any_step_it_comes_out_as_it_did(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), orders in any::<[u64; 2]>()) {
        let mut pathway = pathway(tape);
        try_blocks_once(&mut pathway.body);
        let plan = compile(&pathway);
        let (_, recorded, Some(step)) = ended(&pathway, &plan, seed, orders[0]) else { return Ok(()) };
        let Ok(rerun) = Portion::From(step.clone()).rerun(&plan, "old".into(), &recorded) else { return Ok(()) };
        let kept = rerun.kept.clone();
        prop_assert!(!kept.keys().any(|kept| is_in(&step, kept)), "{step} is in what is kept: {kept:?}");
        for (path, reads) in reads(&pathway).iter().filter(|(path, _)| kept.contains_key(path.as_str())) {
            let missing = reads.iter().find(|read| !kept.contains_key(read.as_str()));
            prop_assert_eq!(missing, None, "read by {}, which is kept from {}\n{}", path, step, pathway.yaml());
        }
        let mut world = World::start_with(&pathway, &plan, again(rerun, seed), orders[1]);
        world.finish();
        let expected = interpreter::run(&pathway, seed).map_err(|_| ());
        prop_assert_eq!(outcome(&world), expected, "from {}\n{}\n{:#?}", step, pathway.yaml(), world.events);
        for path in answered(&world) {
            prop_assert!(!kept.keys().any(|kept| is_in(&path, kept)), "{path} is asked for, and kept: {kept:?}");
        }
        let events: Vec<Event> =
            world.events.iter().map(|event| Event::decode(&event.encode().unwrap()).unwrap()).collect();
        let vm = Vm::replay(plan, &events).unwrap();
        prop_assert_eq!(vm.outcome(), world.vm.outcome(), "it is replayed as it was");
    }

    #[test]
    fn a_step_alone_comes_to_what_it_came_to(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), orders in any::<[u64; 2]>()) {
        let mut pathway = pathway(tape);
        try_blocks_once(&mut pathway.body);
        undo_nothing(&mut pathway.body);
        let plan = compile(&pathway);
        let (_, recorded, Some(step)) = ended(&pathway, &plan, seed, orders[0]) else { return Ok(()) };
        let Ok(rerun) = Portion::Only(step.clone()).rerun(&plan, "old".into(), &recorded) else { return Ok(()) };
        let mut world = World::start_with(&pathway, &plan, again(rerun, seed), orders[1]);
        world.finish();
        let path = step_path(&step);
        for other in answered(&world) {
            prop_assert!(is_in(&other, &path) || other.starts_with("on_error"), "{other} is asked for, not {step}");
        }
        // What is said elsewhere of the same step is what a rerun from it would keep.
        let vm = Vm::replay(plan.clone(), &world.events).unwrap();
        prop_assert_eq!(vm.outcome(), world.vm.outcome());
        let later = plan.steps().last().map(str::to_owned).unwrap();
        let whole = Portion::From(later).rerun(&plan, "old".into(), &recorded);
        match whole.ok().and_then(|whole| whole.kept.get(path.as_str()).cloned()) {
            Some(Kept::Output(output)) => prop_assert_eq!(world.vm.outcome(), Some(&Ok(output)), "{}\n{}", step, pathway.yaml()),
            Some(Kept::Skipped) => prop_assert!(matches!(world.vm.outcome(), Some(Ok(value)) if value.is_none())),
            None => {}
        }
    }

    #[test]
    fn what_cannot_be_named_says_why(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let (_, recorded, _) = ended(&pathway, &plan, seed, order);
        for step in plan.steps() {
            match Portion::From(step.to_owned()).rerun(&plan, "old".into(), &recorded) {
                Err(PortionError::Unknown { step, .. }) => prop_assert!(false, "{step} is there\n{}", pathway.yaml()),
                Err(PortionError::Unfit { instead: Some(instead), .. }) => {
                    let around = Portion::From(instead).rerun(&plan, "old".into(), &recorded);
                    let named = !matches!(around, Err(PortionError::Unknown { .. } | PortionError::Unfit { .. }));
                    prop_assert!(named, "{around:?}");
                }
                _ => {}
            }
        }
    }
}

//! What fails is undone: each step that finished once, the one that finished last first.

use std::collections::{BTreeMap, BTreeSet};

use pathway_engine::compile::step_path;
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::model::{Block, Pathway, Verb};
use super::world::{Mark, World, compile};

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_the_reverse_order_of_finishing(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let mut pathway = pathway(tape);
        pathway.on_error = None;
        catch_nothing(&mut pathway.body);
        let mut world = World::start(&pathway, &compile(&pathway), seed, order);
        world.finish();
        let (done, undone) = fold(&pathway, &world.log);
        match world.vm.outcome().unwrap() {
            Ok(_) => prop_assert_eq!(undone, Vec::<String>::new()),
            Err(failure) => {
                let expected: Vec<_> = done.into_iter().rev().collect();
                prop_assert_eq!(&undone, &expected, "{}\n{:#?}", pathway.yaml(), world.log);
                let told = failure.compensation.clone().unwrap_or_default();
                let left = told.not_undone.into_iter().map(|it| it.step);
                let mut said: Vec<_> = told.undone.into_iter().chain(left).collect();
                // Of the first hundred of either all are told.
                if expected.len() <= 100 {
                    let mut expected = expected;
                    expected.sort();
                    said.sort();
                    prop_assert_eq!(said, expected);
                }
            }
        }
    }

    #[test]
    fn once_and_only_what_has_finished(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), cancelled in any::<u16>()) {
        let pathway = pathway(tape);
        let mut world = World::start(&pathway, &compile(&pathway), seed, order);
        for _ in 0..cancelled % 40 {
            world.step();
        }
        if world.vm.outcome().is_none() && !world.vm.is_undoing() {
            world.cancel();
        }
        world.finish();
        let effects = effects(&pathway);
        let (mut finished, mut undone) = (BTreeSet::new(), BTreeSet::new());
        for mark in &world.log {
            match mark {
                Mark::Answered(instance) => {
                    finished.insert(instance);
                }
                Mark::Undone(instance) => {
                    prop_assert!(undone.insert(instance), "{} is undone twice", instance);
                    if effects.contains(name(instance).as_str()) {
                        prop_assert!(finished.contains(instance), "{} has not finished", instance);
                    }
                }
                Mark::Finished(_) => {}
            }
        }
    }
}

/// Leaves nothing that handles a failure, so that the run alone is undone; nor what finishes
/// without being seen, as the iterations of a block do.
fn catch_nothing(block: &mut Block) {
    for step in &mut block.steps {
        step.on_error = None;
        if let Some(each) = &mut step.each {
            each.keep_going = false;
        }
        if !is_effect(&step.verb) {
            // It binds `error` all the same.
            step.retry = step.retry.map(|_| 1);
            step.compensate = step.compensate.take().filter(|_| step.repeat.is_none());
        }
        match &mut step.verb {
            Verb::Steps(block) => catch_nothing(block),
            Verb::Switch(_, cases) => cases.iter_mut().for_each(catch_nothing),
            _ => {}
        }
    }
}

fn is_effect(verb: &Verb) -> bool {
    matches!(verb, Verb::Http(_) | Verb::Publish(_) | Verb::Emit(_) | Verb::Call(_))
}

/// The names of steps that ask the outside.
fn effects(pathway: &Pathway) -> BTreeSet<String> {
    let mut effects = BTreeSet::new();
    pathway.visit(&mut |_, _, step| {
        effects.extend(is_effect(&step.verb).then(|| step.name.clone()));
    });
    effects
}

fn name(instance: &str) -> String {
    step_path(instance).rsplit('.').next().unwrap().to_owned()
}

/// What is to be undone by a run's log, in the order of finishing, and what was.
fn fold(pathway: &Pathway, log: &[Mark]) -> (Vec<String>, Vec<String>) {
    let mut compensated = BTreeMap::new();
    pathway.visit(&mut |_, _, step| {
        if step.compensate.is_some() {
            compensated.insert(step.name.clone(), (is_effect(&step.verb), step.each.is_some()));
        }
    });
    let (mut done, mut undone): (Vec<String>, _) = (Vec::new(), Vec::new());
    for mark in log {
        let (instance, answered) = match mark {
            Mark::Undone(instance) => {
                undone.push(instance.clone());
                continue;
            }
            Mark::Answered(instance) => (instance, true),
            Mark::Finished(instance) => (instance, false),
        };
        let Some((is_effect, has_each)) = compensated.get(&name(instance)) else { continue };
        // Of an `each` every item counts, and not the list.
        if *is_effect != answered || (*has_each && !answered && !instance.ends_with(']')) {
            continue;
        }
        let inside = format!("{instance}.");
        done.retain(|inner| !inner.starts_with(&inside));
        done.push(instance.clone());
    }
    (done, undone)
}

//! A run that failed goes on by another definition only where that explains all that counts.

use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::{Departure, Effect, Vm};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::model::{Block, OnError, Verb};
use super::replay::change;
use super::world::{World, compile};

/// What is in flight but for timers, which are counted by each definition for itself. What the
/// execution that failed asks for may go by how it failed before, which the other definition is not
/// told.
fn asked(vm: &Vm, failed: Option<&str>) -> Vec<String> {
    let in_flight = vm.in_flight().into_iter().map(|it| it.effect);
    let shown = |effect: &Effect| match effect.instance().filter(|instance| failed == Some(&***instance)) {
        Some(instance) => format!("{instance} {:?}", effect.attempt()),
        None => format!("{effect:?}"),
    };
    in_flight.filter(|effect| effect.attempt().is_some()).map(|effect| shown(&effect)).collect()
}

/// Whether the pathway's `on_error` is at work, or has to be waited for.
fn is_handling(vm: &Vm) -> bool {
    vm.in_flight().iter().filter_map(|it| it.effect.instance()).any(|instance| instance.starts_with('!'))
}

/// What has been undone cannot go on.
fn undo_nothing(block: &mut Block) {
    for step in &mut block.steps {
        step.compensate = None;
        match &mut step.verb {
            Verb::Steps(block) => undo_nothing(block),
            Verb::Switch(_, cases) => cases.iter_mut().for_each(undo_nothing),
            _ => {}
        }
        if let Some(OnError::Block(block)) = &mut step.on_error {
            undo_nothing(block);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_the_same_definition_it_goes_on_as_by_its_own(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let mut pathway = pathway(tape);
        undo_nothing(&mut pathway.body);
        pathway.on_error.iter_mut().for_each(undo_nothing);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        let old = Vm::replay(plan.clone(), &world.events).unwrap();
        let Some(own) = old.redriven(world.events.len()) else { return Ok(()) };
        let kind = match Vm::onto(plan.clone(), plan.clone(), &world.events) {
            Ok(kind) => kind,
            // Of others that waited beside it the timers are counted otherwise.
            Err(Departure::Unasked { .. }) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(format!("{other}\n{}", pathway.yaml()))),
        };
        let Kind::Redriven { onto: Some(onto), .. } = &kind else { panic!("{kind:?}") };
        let failed = onto.step.clone();
        let with = |kind: Kind| {
            let at = world.events.last().unwrap().at;
            let events: Vec<Event> = world.events.iter().cloned().chain([Event { at, kind }]).collect();
            Vm::replay(plan.clone(), &events).unwrap()
        };
        let (own, other) = (with(own), with(kind));
        // What failed because of an answer fails again by its own definition, if only to be handled again,
        // and is asked again by the other.
        prop_assume!(own.outcome().is_none() && !is_handling(&own));
        prop_assert_eq!(asked(&own, failed.as_deref()), asked(&other, failed.as_deref()), "{}\n{:#?}", pathway.yaml(), world.events);
    }

    #[test]
    fn what_counts_is_not_explained_away(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let mut pathway = pathway(tape);
        undo_nothing(&mut pathway.body);
        pathway.on_error.iter_mut().for_each(undo_nothing);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        let mut changed = pathway;
        change(&mut changed);
        let changed = compile(&changed);
        let Ok(kind) = Vm::onto(plan, changed, &world.events) else { return Ok(()) };
        let Kind::Redriven { end, onto: Some(onto), .. } = kind else { panic!("{kind:?}") };
        for event in &world.events[..end as usize] {
            if let Kind::Performed(performed) = &event.kind {
                let failed = onto.step.as_deref();
                prop_assert_eq!(Some(&*performed.instance), failed, "every request is another one");
            }
        }
    }
}

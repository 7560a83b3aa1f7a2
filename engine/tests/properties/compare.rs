//! What another definition would make of a run.

use pathway_engine::journal::Kind;
use pathway_engine::vm::Vm;
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::replay::change;
use super::world::{World, compile};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_definition_makes_the_same_of_it(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), cancelled in any::<u16>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        for _ in 0..cancelled % 40 {
            world.step();
        }
        if cancelled % 2 == 0 && world.vm.outcome().is_none() && !world.vm.is_undoing() {
            world.cancel();
        }
        world.finish();
        let difference = Vm::compare(plan, compile(&pathway), &world.events).unwrap();
        prop_assert!(difference.is_none(), "{difference:?}\n{}", pathway.yaml());
    }

    #[test]
    fn another_request_is_told_of(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        // What was asked for and not answered before it was given up is not compared.
        prop_assume!(world.events.iter().any(|event| matches!(event.kind, Kind::Performed(_))));
        let mut changed = pathway;
        change(&mut changed);
        let difference = Vm::compare(plan, compile(&changed), &world.events).unwrap();
        prop_assert!(difference.is_some(), "{}", changed.yaml());
    }
}

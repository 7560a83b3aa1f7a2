//! A run that is called off leaves nothing behind.

use pathway_engine::vm::{Class, Vm};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::world::{World, compile, in_flight};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_any_point(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), point in any::<usize>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        let length = {
            let mut whole = World::start(&pathway, &plan, seed, order);
            whole.finish();
            whole.events.len()
        };
        // A run that ends as it begins is left alone.
        prop_assume!(length > 1);
        while world.events.len() < 1 + point % (length - 1) && world.vm.outcome().is_none() {
            world.step();
        }
        // A step may be two events; and what is being undone cannot be called off.
        if world.vm.outcome().is_some() || world.vm.is_undoing() {
            return Ok(());
        }
        world.cancel();
        if pathway.on_error.is_none() {
            let failure = world.vm.outcome().unwrap().clone().unwrap_err();
            prop_assert_eq!(failure.class, Class::Cancelled);
        } else if world.vm.outcome().is_none() {
            // It was still the pathway's own block, and its `on_error` runs now: what it was
            // for is over. A second time ends that too.
            let again = Vm::replay(plan, &world.events).unwrap();
            prop_assert_eq!(in_flight(&again), in_flight(&world.vm));
            world.cancel();
            prop_assert!(world.vm.outcome().is_some());
        }
        prop_assert!(world.vm.in_flight().is_empty());
    }
}

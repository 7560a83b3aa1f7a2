//! Whatever the order in which effects come back, a run comes out as the naive interpreter says.

use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::interpreter;
use super::world::{World, compile};

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_gives_the_same_result(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), orders in any::<[u64; 3]>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let expected = interpreter::run(&pathway, seed);
        for order in orders {
            let mut world = World::start(&pathway, &plan, seed, order);
            world.finish();
            let found = match world.vm.outcome().unwrap() {
                Ok(value) if value.is_none() => Ok(None),
                Ok(value) => Ok(Some(i64::try_from(value.clone()).unwrap())),
                Err(_) => Err(()),
            };
            prop_assert_eq!(found, expected.map_err(|_| ()), "{}\n{:#?}", pathway.yaml(), world.events);
        }
    }
}

//! What a run has claimed is done, or others may do it: nothing is left in between.

use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::model::Pathway;
use super::world::{Claim, World, compile};

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_done_if_its_step_has_finished(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), cancelled in any::<u16>()) {
        let pathway = pathway(tape);
        let mut world = World::start(&pathway, &compile(&pathway), seed, order);
        for _ in 0..cancelled % 60 {
            world.step();
        }
        if cancelled % 2 == 0 && world.vm.outcome().is_none() && !world.vm.is_undoing() {
            world.cancel();
        }
        world.finish();
        for (execution, claim) in &world.claims {
            let finished = world.finished.contains(execution) && !world.failed.contains(execution);
            let expected = match claim {
                Claim::Held => None,
                Claim::Done => Some(true),
                Claim::Free { done } => Some(*done),
            };
            prop_assert_eq!(expected, Some(finished), "{}\n{}\n{:#?}", execution, pathway.yaml(), world.events);
        }
        let undone = world.claims.values().any(|claim| *claim == Claim::Free { done: true });
        prop_assert!(!undone || has_compensations(&pathway));
    }

}

proptest! {
    // Each is several runs.
    #![proptest_config(ProptestConfig { cases: 60, max_global_rejects: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_goes_on_begins_nothing_before_it_is_its_own_again(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let mut world = World::start(&pathway, &compile(&pathway), seed, order);
        world.finish();
        let mut redriven = 0;
        // That nothing is begun too early is seen to by the world.
        while redriven < 4 && world.redrive() {
            redriven += 1;
            if world.vm.outcome().is_none() {
                world.finish();
            }
        }
        prop_assume!(redriven > 0);
        // What is done may be so by an event that was undone.
        for (execution, claim) in &world.claims {
            let finished = world.finished.contains(execution) && !world.failed.contains(execution);
            let is_done = matches!(claim, Claim::Done | Claim::Free { done: true });
            prop_assert!(is_done || !finished, "{}\n{}\n{:#?}", execution, pathway.yaml(), world.events);
            prop_assert_ne!(*claim, Claim::Held);
        }
    }
}

fn has_compensations(pathway: &Pathway) -> bool {
    let mut found = false;
    pathway.visit(&mut |_, _, step| found |= step.compensate.is_some());
    found
}

//! A run whose journal was compacted goes on as it would have, wherever that was.

use std::sync::Arc;

use pathway_engine::compile::Plan;
use pathway_engine::journal::{Event, Kind, next_place};
use pathway_engine::vm::{Applied, Mismatch, Vm};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::model::Pathway;
use super::world::{Dice, World, compile, in_flight};

/// The journal that is left when the first `count` events were compacted; none where they cannot be.
fn compacted(plan: &Arc<Plan>, events: &[Event], count: usize) -> Option<Vec<Event>> {
    compacted_by(&replayed(plan, &events[..count]), events, count)
}

fn compacted_by(vm: &Vm, events: &[Event], count: usize) -> Option<Vec<Event>> {
    let compacted = vm.compacted(&events[0], u32::try_from(count).unwrap(), usize::MAX)?;
    let at = events[count - 1].at;
    let event = Event { at, kind: Kind::Compacted(Box::new(compacted)) };
    let stored = Event::decode(&event.encode().unwrap()).unwrap();
    assert_eq!(stored, event);
    Some(vec![events[0].clone(), stored])
}

/// A journal that was compacted, and what followed: the event that stands for others has a place too.
fn followed(left: &[Event], events: &[Event]) -> Vec<Event> {
    left.iter().cloned().chain(events.iter().map(later)).collect()
}

/// An event as it is one place later.
fn later(event: &Event) -> Event {
    let mut event = event.clone();
    if let Kind::Redriven { end, .. } = &mut event.kind {
        *end += 1;
    }
    event
}

fn replayed(plan: &Arc<Plan>, events: &[Event]) -> Vm {
    Vm::replay(plan.clone(), events).unwrap()
}

/// All that others see of a run.
fn told(vm: &Vm) -> (Vec<String>, String, String, bool) {
    let mailbox: Vec<_> = vm.mailbox().collect();
    (in_flight(vm), format!("{:?}", vm.outcome()), format!("{mailbox:?}"), vm.is_suspended())
}

/// A run that is parked for a while, and is redriven where it fails.
fn world(pathway: &Pathway, plan: &Arc<Plan>, seed: u64, order: u64, parked: usize) -> World {
    let mut world = World::start(pathway, plan, seed, order);
    for _ in 0..parked {
        world.step();
    }
    if parked > 0 && world.vm.outcome().is_none() {
        world.go_on();
    }
    world.finish();
    if world.redrive() {
        world.finish();
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_wherever_it_was_compacted_a_run_goes_on_as_it_did(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        let events = &world.events;
        let mut dice = Dice(order);
        for _ in 0..events.len().min(5) {
            let k = 1 + dice.below(events.len());
            let mut vm = Vm::replay(plan.clone(), &events[..k]).unwrap().traced();
            let Some(left) = compacted_by(&vm, events, k) else {
                // What has failed is not compacted.
                prop_assert!(vm.outcome().is_some() || vm.is_undoing() || pathway.on_error.is_some());
                continue;
            };
            let mut again = Vm::new(plan.clone());
            again.follow(&left).unwrap();
            let mut again = again.traced();
            prop_assert_eq!(told(&again), told(&vm), "after {} of {}\n{}", k, events.len(), pathway.yaml());
            for (n, event) in events.iter().enumerate().skip(k) {
                let (mut asked, mut asks) = (Vec::new(), Vec::new());
                prop_assert_eq!(vm.apply(event, &mut asked), Applied::Yes);
                prop_assert_eq!(again.apply(event, &mut asks), Applied::Yes);
                prop_assert_eq!(format!("{asks:?}"), format!("{asked:?}"), "{} after {}\n{}", n, k, pathway.yaml());
                prop_assert_eq!(again.take_trace(), vm.take_trace());
                prop_assert_eq!(told(&again), told(&vm));
                prop_assert_eq!(compacted_by(&again, events, n + 1), compacted_by(&vm, events, n + 1));
            }
        }
    }

    #[test]
    fn a_journal_that_was_compacted_is_replayed_as_if_it_was_not(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), parked in 0_usize..20) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let world = world(&pathway, &plan, seed, order, parked);
        let events = &world.events;
        let mut dice = Dice(order);
        for _ in 0..events.len().min(4) {
            let k = 1 + dice.below(events.len());
            let Some(left) = compacted(&plan, events, k) else { continue };
            // And once more.
            let second = k + dice.below(events.len() - k + 1);
            let twice = Vm::replay(plan.clone(), &followed(&left, &events[k..second])).unwrap();
            let twice = compacted_by(&twice, events, second).map(|left| (second, left));
            for (k, left) in [Some((k, left)), twice].into_iter().flatten() {
                for _ in 0..3 {
                    let end = k + dice.below(events.len() - k + 1);
                    let mut whole = events[..end].to_vec();
                    let mut journal = followed(&left, &events[k..end]);
                    prop_assert_eq!(next_place(&journal), end + 1);
                    let (vm, again) = (replayed(&plan, &whole), replayed(&plan, &journal));
                    prop_assert_eq!(told(&again), told(&vm), "{} of {}\n{}", end, k, pathway.yaml());
                    // Beside all events it says nothing new.
                    let marked = followed(&[&events[..k], &left[1..]].concat(), &events[k..end]);
                    prop_assert_eq!(told(&replayed(&plan, &marked)), told(&vm));
                    let redriven = |vm: &Vm, end| vm.redriven(end).map(|kind| Event { at: events[0].at, kind });
                    let Some(expected) = redriven(&vm, end) else { continue };
                    prop_assert_eq!(redriven(&again, end + 1), Some(later(&expected)));
                    journal.push(later(&expected));
                    whole.push(expected);
                    let (vm, again) = (replayed(&plan, &whole), replayed(&plan, &journal));
                    prop_assert_eq!(told(&again), told(&vm), "redriven at {} of {}\n{}", end, k, pathway.yaml());
                }
            }
        }
    }

    #[test]
    fn what_another_engine_compacted_is_refused(tape in vec(any::<u16>(), 0..200), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let world = World::start(&pathway, &plan, seed, order);
        let Some(left) = compacted(&plan, &world.events, 1) else { return Ok(()) };
        let changed = |change: &dyn Fn(&mut pathway_engine::journal::Compacted)| {
            let mut left = left.clone();
            if let Kind::Compacted(compacted) = &mut left[1].kind {
                change(compacted);
            }
            Vm::replay(plan.clone(), &left).map(drop).unwrap_err()
        };
        let other = changed(&|compacted| compacted.format += 1);
        prop_assert!(matches!(other, Mismatch::Format { .. }), "{other:?}");
        let cut = changed(&|compacted| compacted.state.truncate(compacted.state.len() - 1));
        prop_assert!(matches!(cut, Mismatch::State { .. }), "{cut:?}");
        let steps = changed(&|compacted| compacted.state = compacted.state.replacen("layout\":\"", "layout\":\"0", 1));
        prop_assert!(matches!(steps, Mismatch::State { .. }), "{steps:?}");
        prop_assert_eq!(world.vm.compacted(&world.events[0], 1, 100), None);
    }
}

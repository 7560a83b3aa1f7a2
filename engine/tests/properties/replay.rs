//! A run is the fold of its events.

use std::sync::Arc;

use pathway_engine::journal::{Event, Kind};
use pathway_engine::vm::{Applied, Mismatch, RequestHash, Vm};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::pathway;
use super::model::{Block, OnError, Pathway, Verb};
use super::world::{Dice, World, compile, has_http, in_flight};

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_every_prefix_a_run_goes_on_as_it_did(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        let events: Vec<Event> =
            world.events.iter().map(|event| Event::decode(&event.encode().unwrap()).unwrap()).collect();
        prop_assert_eq!(&events, &world.events);
        let mut dice = Dice(order);
        let count = events.len();
        for _ in 0..count.min(12) {
            let k = 1 + dice.below(count);
            let mut vm = Vm::replay(plan.clone(), &events[..k]).unwrap();
            prop_assert_eq!(&in_flight(&vm), &world.in_flight[k - 1]);
            for (n, event) in events.iter().enumerate().skip(k) {
                let mut effects = Vec::new();
                prop_assert_eq!(vm.apply(event, &mut effects), Applied::Yes);
                let asked: Vec<_> = effects.iter().map(|effect| format!("{effect:?}")).collect();
                prop_assert_eq!(&asked, &world.asked[n], "after {} of {}", k, count);
            }
            prop_assert_eq!(vm.outcome(), world.vm.outcome());
        }
    }

    #[test]
    fn parked_where_it_is_and_redriven_a_run_comes_to_what_it_would_have(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>(), steps in 0_usize..20) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut whole = World::start(&pathway, &plan, seed, order);
        whole.finish();
        let mut parked = World::start(&pathway, &plan, seed, order);
        for _ in 0..steps {
            parked.step();
        }
        prop_assume!(parked.vm.outcome().is_none());
        let before = in_flight(&parked.vm);
        parked.go_on();
        if !parked.events.iter().any(is_claim) {
            prop_assert_eq!(in_flight(&parked.vm), before);
        }
        parked.finish();
        // Which of several failures comes first is a matter of order.
        if let Some(Ok(value)) = whole.vm.outcome() {
            prop_assert_eq!(parked.vm.outcome(), Some(&Ok(value.clone())));
        }
    }

    #[test]
    fn another_request_than_the_recorded_is_noticed(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        prop_assume!(has_http(&pathway));
        let mut world = World::start(&pathway, &compile(&pathway), seed, order);
        world.finish();
        let sent = |event: &Event| matches!(&event.kind, Kind::Performed(_));
        prop_assume!(world.events.iter().any(sent));

        let n = world.events.iter().position(sent).unwrap();
        let mut events = world.events.clone();
        if let Kind::Performed(performed) = &mut events[n].kind {
            performed.request = RequestHash::from([7; 16]);
        }
        let refused = Vm::replay(world.vm.plan().clone(), &events).map(drop).unwrap_err();
        prop_assert!(matches!(refused, Mismatch::Request { .. }), "{refused:?}");

        let mut changed = pathway;
        change(&mut changed);
        let refused = Vm::replay(Arc::clone(&compile(&changed)), &world.events).map(drop);
        prop_assert!(refused.is_err(), "{}", changed.yaml());
    }

    #[test]
    fn events_out_of_place_are_noticed(tape in vec(any::<u16>(), 0..600), seed in any::<u64>(), order in any::<u64>()) {
        let pathway = pathway(tape);
        let plan = compile(&pathway);
        let mut world = World::start(&pathway, &plan, seed, order);
        world.finish();
        let count = world.events.len();
        let n = Dice(order).below(count);
        let mut events = world.events.clone();
        // Twice in a row, no event has a meaning but that something was sent or signalled.
        prop_assume!(!matches!(events[n].kind, Kind::Sent { .. } | Kind::Signalled(_)));
        events.insert(n, events[n].clone());
        let refused = Vm::replay(plan, &events).map(drop).unwrap_err();
        let expected = Mismatch::Unexpected { index: n + 1, name: events[n].name() };
        prop_assert_eq!(refused, expected);
    }
}

/// Whether it answers a claim, which is made again.
fn is_claim(event: &Event) -> bool {
    matches!(&event.kind, Kind::Performed(performed) if performed.instance.ends_with('?'))
}

/// Makes every request another one.
pub(crate) fn change(pathway: &mut Pathway) {
    let mut blocks = vec![&mut pathway.body];
    blocks.extend(&mut pathway.on_error);
    blocks.into_iter().for_each(change_block);
}

fn change_block(block: &mut Block) {
    for step in &mut block.steps {
        match &mut step.verb {
            Verb::Http(sum) | Verb::Publish(sum) | Verb::Emit(sum) | Verb::Call(sum) => sum.constant += 1,
            Verb::Steps(block) => change_block(block),
            Verb::Switch(_, cases) => cases.iter_mut().for_each(change_block),
            _ => {}
        }
        if let Some(sum) = &mut step.compensate {
            sum.constant += 1;
        }
        if let Some(once) = &mut step.once {
            once.key.constant += 1;
        }
        if let Some(OnError::Block(block)) = &mut step.on_error {
            change_block(block);
        }
    }
}

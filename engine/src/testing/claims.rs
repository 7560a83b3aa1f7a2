//! What steps claim with `once`, over all runs of a case.

use std::collections::BTreeMap;

/// An execution of a step in a run that has a claim, or waits for one.
pub(super) type Holder = (usize, String);

/// Claims by pathway, step and key.
#[derive(Debug, Default)]
pub(super) struct Claims {
    states: BTreeMap<(String, String, String), State>,
    waiting: Vec<(Holder, (String, String, String))>,
}

#[derive(Debug)]
enum State {
    Held(Holder),
    Done { by: Option<Holder> },
}

/// What comes of asking for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claimed {
    Granted,
    Done,
    /// Another has it.
    Waits,
}

impl Claims {
    /// Asks for one.
    pub(super) fn ask(&mut self, key: (String, String, String), holder: Holder) -> Claimed {
        match self.states.get(&key) {
            Some(State::Done { .. }) => Claimed::Done,
            Some(State::Held(other)) if *other != holder => {
                self.waiting.push((holder, key));
                Claimed::Waits
            }
            _ => {
                self.states.insert(key, State::Held(holder));
                Claimed::Granted
            }
        }
    }

    /// Gives one back, as done or for others; those who may ask again.
    pub(super) fn release(
        &mut self,
        key: &(String, String, String),
        holder: &Holder,
        done: bool,
    ) -> Vec<Holder> {
        let is_mine = match self.states.get(key) {
            Some(State::Held(other) | State::Done { by: Some(other) }) => other == holder,
            _ => false,
        };
        if !is_mine {
            self.waiting.retain(|(waiter, _)| waiter != holder);
            return Vec::new();
        }
        if done {
            self.states.insert(key.clone(), State::Done { by: Some(holder.clone()) });
        } else {
            self.states.remove(key);
        }
        let waiting = self.waiting.extract_if(.., |(_, wanted)| wanted == key);
        waiting.map(|(waiter, _)| waiter).collect()
    }
}

//! One ledger for all slots.
//!
//! A request names all the limits it needs at once. It is granted when each of them has a slot
//! for it; until then it runs nothing.
//!
//! Limits have one order: server, pathway, key, step, service ([`Limit`]'s own). A request that
//! waits goes through its limits from the last to the first, and stands in the queue of the
//! first one on that way without room; slots of the limits behind it are set aside for it.
//! Queues are ordered by age. So:
//!
//! * Nothing wide is kept idle for something narrow: a request that waits for a slow service
//!   sets aside no slot of the server.
//! * Nobody starves. At the server, the last stop, every slot given back goes to the oldest in
//!   the queue, which then has all it needs; so whatever is set aside for those who stand there
//!   is used and given back; so the same holds for the queue before, and so on. Requests that
//!   come later are younger and never pass.
//! * There is no deadlock, because all go through the limits in the same order.
//!
//! A pathway may have slots for each key of its runs. There may be as many keys as runs, so a key
//! is known only while somebody has or waits for a slot of it.
//!
//! An operation takes time logarithmic in the number of requests, and in proportion to the
//! limits of the requests that it moves.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::limit::{Limit, Limits};

/// How many holders are named.
const MAX_HOLDERS: usize = 16;

/// A request, by age: later requests have higher tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a ticket that is lost is never released"]
pub struct Answer {
    /// To be released in the end, granted or not.
    pub ticket: Ticket,
    /// Whether it may run at once.
    pub granted: bool,
}

/// A request that waits, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// The request.
    pub ticket: Ticket,
    /// What it called itself.
    pub label: Arc<str>,
    /// The limit that has no room for it.
    pub limit: Limit,
    /// Its place in the queue of that limit; the next one has 1.
    pub position: usize,
    /// Who has the slots, the oldest first, up to 16: who runs, then those for whom one is set
    /// aside.
    pub holders: Vec<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) capacity: Option<usize>,
    pub(super) in_use: BTreeSet<Ticket>,
    pub(super) set_aside: BTreeSet<Ticket>,
    pub(super) queue: BTreeSet<Ticket>,
}

impl Slots {
    fn taken(&self) -> usize {
        self.in_use.len() + self.set_aside.len()
    }

    fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.taken() < capacity)
    }

    fn is_idle(&self) -> bool {
        self.taken() == 0 && self.queue.is_empty()
    }
}

/// The slots of a limit. A key that was not known has as many as each key.
fn slots_of<'a>(slots: &'a mut HashMap<Limit, Slots>, limit: &Limit) -> &'a mut Slots {
    if let Limit::Key(pathway, _) = limit
        && !slots.contains_key(limit)
    {
        let capacity = slots.get(&Limit::Keys(pathway.clone())).and_then(|each| each.capacity);
        slots.insert(limit.clone(), Slots { capacity, ..Slots::default() });
    }
    slots.entry(limit.clone()).or_default()
}

#[derive(Debug)]
struct Request {
    limits: Arc<[Limit]>,
    label: Arc<str>,
    /// How many limits, counted from the first, it has no slot of: 0 once it is granted.
    lacks: usize,
}

/// Gives and takes slots.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) slots: HashMap<Limit, Slots>,
    requests: HashMap<Ticket, Request>,
    last: u64,
}

impl Ledger {
    /// A ledger in which nothing is limited yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many slots `limit` has, or each of its keys; `None` is any number. Returns who may
    /// run now. Slots in use beyond a lower capacity are not taken back; they are not given again.
    pub fn set_capacity(&mut self, limit: &Limit, capacity: Option<usize>) -> Vec<Ticket> {
        let mut changed = BTreeSet::from([limit.clone()]);
        if matches!(limit, Limit::Keys(_)) {
            changed.extend(self.slots.keys().filter(|other| other.is_key_of(limit)).cloned());
        }
        let mut freed = changed.clone();
        for limit in &changed {
            slots_of(&mut self.slots, limit).capacity = capacity;
            while let Some(youngest) = self.surplus(limit) {
                self.send_back(youngest, limit, &mut freed);
            }
        }
        self.serve(freed)
    }

    /// Asks for a slot of each of `limits` at once. A limit whose capacity was never set has
    /// room for all. `label` says who asks: `run ID step X`.
    pub fn request(&mut self, limits: impl Into<Limits>, label: impl Into<Arc<str>>) -> Answer {
        self.last += 1;
        let ticket = Ticket(self.last);
        let Limits(limits) = limits.into();
        self.requests.insert(ticket, Request { lacks: limits.len(), limits, label: label.into() });
        Answer { ticket, granted: self.advance(ticket, &BTreeSet::new()) }
    }

    /// Ends a request, whether it runs or still waits. Returns who may run now. An unknown
    /// ticket changes nothing.
    pub fn release(&mut self, ticket: Ticket) -> Vec<Ticket> {
        let Some(request) = self.requests.remove(&ticket) else { return Vec::new() };
        let (mut freed, mut is_waited_for) = (Vec::with_capacity(request.limits.len()), false);
        for (n, limit) in request.limits.iter().enumerate() {
            let Some(slots) = self.slots.get_mut(limit) else { continue };
            if n + 1 == request.lacks {
                slots.queue.remove(&ticket);
            }
            if slots.in_use.remove(&ticket) || slots.set_aside.remove(&ticket) {
                is_waited_for |= !slots.queue.is_empty();
                freed.push(limit);
            }
            self.forget_if_idle(limit);
        }
        match is_waited_for {
            true => self.serve(freed.into_iter().cloned().collect()),
            false => Vec::new(),
        }
    }

    /// Whether the request may run.
    #[must_use]
    pub fn is_granted(&self, ticket: Ticket) -> bool {
        self.requests.get(&ticket).is_some_and(|request| request.lacks == 0)
    }

    /// Whether the request runs beyond what one of its limits has by now.
    #[must_use]
    pub fn is_surplus(&self, ticket: Ticket) -> bool {
        let limits = self.requests.get(&ticket).into_iter().flat_map(|request| request.limits.iter());
        let mut slots = limits.filter_map(|limit| self.slots.get(limit));
        slots.any(|slots| {
            let is_over = slots.capacity.is_some_and(|capacity| slots.in_use.len() > capacity);
            is_over && slots.in_use.contains(&ticket)
        })
    }

    /// Why a request waits; `None` if it does not.
    #[must_use]
    pub fn why(&self, ticket: Ticket) -> Option<Waiter> {
        let request = self.requests.get(&ticket)?;
        let limit = request.limits.get(request.lacks.checked_sub(1)?)?;
        let slots = self.slots.get(limit)?;
        Some(self.waiter(ticket, request, limit, slots.queue.range(..=ticket).count()))
    }

    /// All requests that wait, queue by queue, the next one first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiter> {
        let mut limits: Vec<_> = self.slots.iter().filter(|(_, slots)| !slots.queue.is_empty()).collect();
        limits.sort_by_key(|(limit, _)| *limit);
        let queues = limits.into_iter().flat_map(|(limit, slots)| {
            slots.queue.iter().enumerate().filter_map(move |(n, ticket)| {
                Some(self.waiter(*ticket, self.requests.get(ticket)?, limit, n + 1))
            })
        });
        queues.collect()
    }

    /// Who has slots of a limit, or of its keys, the oldest first, up to 16: who runs, then those for
    /// whom one is set aside.
    #[must_use]
    pub fn holders(&self, limit: &Limit) -> Vec<Arc<str>> {
        let is_each = matches!(limit, Limit::Keys(_));
        let keys = self.slots.iter().filter(|(other, _)| other.is_key_of(limit));
        let keys = is_each.then_some(keys).into_iter().flatten().map(|(_, slots)| slots);
        let mut holders: Vec<(bool, Ticket)> = Vec::new();
        for slots in self.slots.get(limit).into_iter().chain(keys) {
            let in_use = slots.in_use.iter().map(|ticket| (false, *ticket));
            let set_aside = slots.set_aside.iter().map(|ticket| (true, *ticket));
            holders.extend(in_use.chain(set_aside).take(MAX_HOLDERS));
        }
        holders.sort_unstable();
        let labels = holders.iter().filter_map(|(_, ticket)| Some(self.requests.get(ticket)?.label.clone()));
        labels.take(MAX_HOLDERS).collect()
    }

    fn waiter(&self, ticket: Ticket, request: &Request, limit: &Limit, position: usize) -> Waiter {
        Waiter {
            ticket,
            label: request.label.clone(),
            limit: limit.clone(),
            position,
            holders: self.holders(limit),
        }
    }

    /// Sets slots aside for the request from its last limit towards its first, as far as there
    /// is room; whether it has them all and was granted. It queues at a limit of `unserved`,
    /// whose room is still to be given to the oldest.
    fn advance(&mut self, ticket: Ticket, unserved: &BTreeSet<Limit>) -> bool {
        let Some(request) = self.requests.get_mut(&ticket) else { return false };
        while let Some(limit) = request.lacks.checked_sub(1).and_then(|n| request.limits.get(n)) {
            let slots = slots_of(&mut self.slots, limit);
            if !slots.has_room() || unserved.contains(limit) {
                slots.queue.insert(ticket);
                return false;
            }
            slots.set_aside.insert(ticket);
            request.lacks -= 1;
        }
        for limit in request.limits.iter() {
            if let Some(slots) = self.slots.get_mut(limit) {
                slots.set_aside.remove(&ticket);
                slots.in_use.insert(ticket);
            }
        }
        true
    }

    /// Gives the room of `freed` to those who wait for it. From the last limit to the first:
    /// whoever gets a slot of a later one then competes by age for those of the earlier ones.
    fn serve(&mut self, mut freed: BTreeSet<Limit>) -> Vec<Ticket> {
        let mut granted = Vec::new();
        while let Some(limit) = freed.pop_last() {
            while let Some(ticket) = self.next_at(&limit) {
                if let Some(request) = self.requests.get_mut(&ticket) {
                    request.lacks -= 1;
                }
                if self.advance(ticket, &freed) {
                    granted.push(ticket);
                }
            }
            self.forget_if_idle(&limit);
        }
        granted
    }

    /// Forgets a limit that tells nothing: what a key has is known without it.
    fn forget_if_idle(&mut self, limit: &Limit) {
        let is_needless = |slots: &Slots| slots.capacity.is_none() || matches!(limit, Limit::Key(..));
        if self.slots.get(limit).is_some_and(|slots| slots.is_idle() && is_needless(slots)) {
            self.slots.remove(limit);
        }
    }

    /// Sets a slot of `limit` aside for the oldest in its queue, if there is room.
    fn next_at(&mut self, limit: &Limit) -> Option<Ticket> {
        let slots = self.slots.get_mut(limit)?;
        if !slots.has_room() {
            return None;
        }
        let ticket = slots.queue.pop_first()?;
        slots.set_aside.insert(ticket);
        Some(ticket)
    }

    /// The youngest request for which a slot beyond the capacity of `limit` is set aside.
    fn surplus(&self, limit: &Limit) -> Option<Ticket> {
        let slots = self.slots.get(limit)?;
        if slots.taken() <= slots.capacity? { None } else { slots.set_aside.last().copied() }
    }

    /// Puts a request that got as far as past `limit` back into its queue.
    fn send_back(&mut self, ticket: Ticket, limit: &Limit, freed: &mut BTreeSet<Limit>) {
        let Some(request) = self.requests.get_mut(&ticket) else { return };
        let lacked = std::mem::take(&mut request.lacks);
        for (n, other) in request.limits.iter().enumerate() {
            let Some(slots) = self.slots.get_mut(other) else { continue };
            let has_left = n + 1 == lacked && slots.queue.remove(&ticket);
            if has_left || other <= limit && slots.set_aside.remove(&ticket) {
                freed.insert(other.clone());
            }
            if other == limit {
                slots.queue.insert(ticket);
                request.lacks = n + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: usize = 7;
    /// Two keys of a pathway, which have as many slots.
    const KEYS: [usize; 2] = [3, 4];
    const SERVICE: usize = 6;

    fn limit(n: usize) -> Limit {
        match n {
            0 => Limit::Server,
            1 => Limit::ServerSteps,
            2 => Limit::Pathway("p".into()),
            3 => key("ann"),
            4 => key("ben"),
            5 => Limit::Step("p".into(), "s".into()),
            _ => Limit::Service("x".into()),
        }
    }

    fn key(key: &str) -> Limit {
        Limit::Key("p".into(), key.into())
    }

    fn keys() -> Limit {
        Limit::Keys("p".into())
    }

    /// By what the slots of a limit are set.
    fn set_by(n: usize) -> Limit {
        if KEYS.contains(&n) { keys() } else { limit(n) }
    }

    fn ledger(capacities: &[usize]) -> Ledger {
        let mut ledger = Ledger::new();
        for (n, capacity) in capacities.iter().enumerate() {
            assert_eq!(ledger.set_capacity(&set_by(n), Some(*capacity)), []);
        }
        ledger
    }

    fn request(ledger: &mut Ledger, limits: &[usize]) -> Answer {
        ledger.request(limits.iter().map(|n| limit(*n)), format!("run {limits:?}"))
    }

    fn granted(ledger: &mut Ledger, limits: &[usize]) -> Ticket {
        let answer = request(ledger, limits);
        assert!(answer.granted);
        answer.ticket
    }

    fn waits(ledger: &mut Ledger, limits: &[usize]) -> Ticket {
        let answer = request(ledger, limits);
        assert!(!answer.granted);
        answer.ticket
    }

    #[test]
    fn slots_are_given_at_once_or_not_at_all() {
        let mut ledger = ledger(&[2, 1]);
        let a = granted(&mut ledger, &[0, 1]);
        let b = waits(&mut ledger, &[0, 1]);
        // What waits for the steps holds no slot of the server.
        let c = granted(&mut ledger, &[0]);
        assert_eq!(ledger.release(a), [b]);
        assert_eq!(ledger.release(c), []);
        assert!(ledger.is_granted(b) && !ledger.is_granted(a));
    }

    #[test]
    fn a_full_service_keeps_nothing_else_waiting() {
        let mut ledger = ledger(&[4]);
        ledger.set_capacity(&limit(SERVICE), Some(1));
        let slow = granted(&mut ledger, &[0, SERVICE]);
        let queued: Vec<_> = (0..100).map(|_| waits(&mut ledger, &[0, SERVICE])).collect();
        for _ in 0..3 {
            granted(&mut ledger, &[0]);
        }
        assert_eq!(ledger.release(slow), queued[..1]);
    }

    #[test]
    fn who_needs_two_contended_limits_gets_its_turn() {
        let mut ledger = ledger(&[1, 1]);
        let mut a = granted(&mut ledger, &[0]);
        let mut b = granted(&mut ledger, &[1]);
        let both = waits(&mut ledger, &[0, 1]);
        // There is always somebody who needs one of them only, and they are never free together.
        let (mut next_a, mut next_b) = (waits(&mut ledger, &[0]), waits(&mut ledger, &[1]));
        let mut rounds = 0;
        while !ledger.is_granted(both) {
            rounds += 1;
            assert!(rounds < 3, "starved");
            if ledger.release(a) == [next_a] {
                (a, next_a) = (next_a, waits(&mut ledger, &[0]));
            }
            if ledger.release(b) == [next_b] {
                (b, next_b) = (next_b, waits(&mut ledger, &[1]));
            }
        }
    }

    #[test]
    fn ending_a_request_that_waits_lets_others_on() {
        let mut ledger = ledger(&[1, 1]);
        let a = granted(&mut ledger, &[0]);
        // Stands at 0, and 1 is set aside for it.
        let b = waits(&mut ledger, &[0, 1]);
        let c = waits(&mut ledger, &[1]);
        assert_eq!(ledger.release(b), [c]);
        assert_eq!(ledger.release(b), []);
        assert_eq!(ledger.release(a), []);
        assert_eq!(ledger.release(c), []);
        assert!(ledger.requests.is_empty());
    }

    #[test]
    fn capacities_change_while_slots_are_in_use() {
        let mut ledger = ledger(&[2]);
        let (a, b) = (granted(&mut ledger, &[0]), granted(&mut ledger, &[0]));
        let (c, d) = (waits(&mut ledger, &[0]), waits(&mut ledger, &[0]));
        assert!(!ledger.is_surplus(a));
        assert_eq!(ledger.set_capacity(&limit(0), Some(1)), []);
        assert!(ledger.is_surplus(a) && ledger.is_surplus(b) && !ledger.is_surplus(c));
        assert_eq!(ledger.release(a), []);
        assert!(!ledger.is_surplus(b));
        assert_eq!(ledger.release(b), [c]);
        assert_eq!(ledger.set_capacity(&limit(0), Some(0)), []);
        assert_eq!(ledger.release(c), []);
        assert_eq!(ledger.set_capacity(&limit(0), None), [d]);
        granted(&mut ledger, &[0]);
    }

    #[test]
    fn a_slot_set_aside_is_taken_back_when_there_are_fewer() {
        let mut ledger = ledger(&[1, 1]);
        let a = granted(&mut ledger, &[0]);
        let b = waits(&mut ledger, &[0, 1]);
        assert_eq!(ledger.why(b).unwrap().limit, limit(0));
        ledger.set_capacity(&limit(1), Some(0));
        assert_eq!(ledger.why(b).unwrap().limit, limit(1));
        assert_eq!(ledger.release(a), []);
        assert_eq!(ledger.set_capacity(&limit(1), Some(1)), [b]);
    }

    #[test]
    fn a_waiter_knows_why() {
        let mut ledger = ledger(&[9]);
        ledger.set_capacity(&limit(SERVICE), Some(1));
        granted(&mut ledger, &[0, SERVICE]);
        let first = waits(&mut ledger, &[0, SERVICE]);
        let second = ledger.request([limit(SERVICE)], "run 7 step fetch").ticket;
        let why = ledger.why(second).unwrap();
        assert_eq!((why.limit.to_string().as_str(), why.position), ("service x", 2));
        assert_eq!((&*why.label, &*why.holders[0]), ("run 7 step fetch", "run [0, 6]"));
        assert_eq!(ledger.why(first).unwrap().position, 1);
        assert_eq!(ledger.waiting().iter().map(|w| w.ticket).collect::<Vec<_>>(), [first, second]);
        let usage = ledger.usage().pop().unwrap();
        assert_eq!((usage.capacity, usage.in_use, usage.set_aside, usage.waiting), (Some(1), 1, 0, 2));
    }

    #[test]
    fn limits_without_capacity_leave_nothing_behind() {
        let mut ledger = Ledger::new();
        for n in 0..LIMITS {
            let ticket = granted(&mut ledger, &[n, n]);
            assert_eq!(ledger.release(ticket), []);
        }
        assert!(ledger.slots.is_empty());
    }

    #[test]
    fn one_key_keeps_no_other_waiting() {
        let mut ledger = ledger(&[4]);
        ledger.set_capacity(&keys(), Some(1));
        let ann = granted(&mut ledger, &[0, KEYS[0]]);
        let queued: Vec<_> = (0..100).map(|_| waits(&mut ledger, &[0, KEYS[0]])).collect();
        let ben = granted(&mut ledger, &[0, KEYS[1]]);
        waits(&mut ledger, &[0, KEYS[1]]);
        let why = ledger.why(queued[1]).unwrap();
        assert_eq!((why.limit.to_string().as_str(), why.position), ("pathway p for key ann", 2));
        assert_eq!(*why.holders, ["run [0, 3]".into()]);
        let usage = ledger.usage().pop().unwrap();
        assert_eq!((usage.limit, usage.capacity, usage.keys), (keys(), Some(1), 2));
        assert_eq!((usage.in_use, usage.waiting), (2, 101));
        let busiest: Vec<_> = usage.busiest.iter().map(|b| (b.key.as_str(), b.in_use, b.waiting)).collect();
        assert_eq!(busiest, [("ann", 1, 100), ("ben", 1, 1)]);
        assert_eq!(*ledger.holders(&keys()), ["run [0, 3]".into(), "run [0, 4]".into()]);
        // What is set holds for keys in use too.
        assert_eq!(ledger.set_capacity(&keys(), Some(2)).len(), 2);
        assert_eq!(ledger.release(ann), queued[1..2]);
        ledger.set_capacity(&keys(), Some(0));
        assert_eq!(ledger.release(ben), []);
    }

    #[test]
    fn a_key_is_forgotten_when_nobody_has_it_or_waits_for_it() {
        for capacity in [Some(1), None] {
            let mut ledger = ledger(&[1]);
            ledger.set_capacity(&keys(), capacity);
            for n in 0..1000 {
                let limits = [Limit::Server, key(&format!("user {n}"))];
                let (first, second) = (ledger.request(limits.clone(), "x"), ledger.request(limits, "y"));
                assert_eq!(ledger.release(first.ticket), [second.ticket]);
                assert_eq!(ledger.release(second.ticket), []);
            }
            assert_eq!(ledger.slots.len(), 1 + usize::from(capacity.is_some()));
        }
    }

    #[test]
    fn a_hundred_thousand_waiters() {
        let mut ledger = ledger(&[3, 2]);
        let mut running: Vec<Ticket> = Vec::new();
        for n in 0..100_000 {
            let answer = request(&mut ledger, if n % 2 == 0 { &[0, 1] } else { &[0] });
            running.extend(answer.granted.then_some(answer.ticket));
        }
        let mut ended = 0;
        while let Some(ticket) = running.pop() {
            ended += 1;
            running.extend(ledger.release(ticket));
        }
        assert_eq!(ended, 100_000);
    }

    #[derive(Debug, Clone)]
    enum Op {
        Request(BTreeSet<usize>),
        /// Of all requests, or only of those that run.
        Release(usize, bool),
        Capacity(usize, usize),
    }

    fn ops(shrink: bool) -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            6 => prop::collection::btree_set(0..LIMITS, 1..=LIMITS).prop_map(Op::Request),
            4 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(n, runs)| Op::Release(n, runs)),
            u32::from(shrink) => (0..LIMITS, 0usize..4).prop_map(|(n, capacity)| Op::Capacity(n, capacity)),
        ];
        prop::collection::vec(op, 1..80)
    }

    /// The ledger, and what a bystander who saw all answers knows.
    struct Watched {
        ledger: Ledger,
        alive: Vec<(Ticket, BTreeSet<usize>)>,
        running: BTreeSet<Ticket>,
        capacities: Vec<usize>,
    }

    impl Watched {
        fn new(mut capacities: Vec<usize>) -> Self {
            capacities[KEYS[0]] = capacities[KEYS[1]];
            let ledger = ledger(&capacities);
            Self { ledger, alive: Vec::new(), running: BTreeSet::new(), capacities }
        }

        fn apply(&mut self, op: Op) -> Result<(), TestCaseError> {
            let before: Vec<usize> = (0..LIMITS).map(|n| self.in_use(n)).collect();
            let new = match op {
                Op::Request(limits) => {
                    let answer = self.ledger.request(limits.iter().map(|n| limit(*n)), "x");
                    self.alive.push((answer.ticket, limits));
                    if answer.granted { vec![answer.ticket] } else { Vec::new() }
                }
                Op::Release(n, runs) => {
                    let among = |(ticket, _): &&(Ticket, _)| !runs || self.running.contains(ticket);
                    let all: Vec<Ticket> =
                        self.alive.iter().filter(among).map(|(ticket, _)| *ticket).collect();
                    let Some(ticket) = all.get(n % all.len().max(1)).copied() else { return Ok(()) };
                    self.alive.retain(|(alive, _)| *alive != ticket);
                    self.running.remove(&ticket);
                    self.ledger.release(ticket)
                }
                Op::Capacity(n, capacity) => {
                    let same = (0..LIMITS).filter(|other| set_by(*other) == set_by(n));
                    same.for_each(|n| self.capacities[n] = capacity);
                    self.ledger.set_capacity(&set_by(n), Some(capacity))
                }
            };
            self.check_order(&new)?;
            for ticket in new {
                prop_assert!(self.running.insert(ticket), "granted twice");
            }
            self.check(&before)
        }

        fn in_use(&self, n: usize) -> usize {
            self.alive.iter().filter(|(t, limits)| self.running.contains(t) && limits.contains(&n)).count()
        }

        /// Nobody who asked for the same earlier still waits.
        fn check_order(&self, new: &[Ticket]) -> Result<(), TestCaseError> {
            for ticket in new {
                let limits = self.alive.iter().find(|(t, _)| t == ticket).map(|(_, limits)| limits);
                let passed = self.alive.iter().find(|(t, others)| {
                    t < ticket && Some(others) == limits && !self.running.contains(t) && !new.contains(t)
                });
                prop_assert!(passed.is_none(), "{ticket:?} passed {passed:?}");
            }
            Ok(())
        }

        fn check(&self, before: &[usize]) -> Result<(), TestCaseError> {
            let mut waiting = 0;
            for (n, capacity) in self.capacities.iter().copied().enumerate() {
                let in_use = self.in_use(n);
                let Some(slots) = self.ledger.slots.get(&limit(n)) else {
                    prop_assert!(KEYS.contains(&n) && in_use == 0, "{} is forgotten", limit(n));
                    continue;
                };
                prop_assert!(!KEYS.contains(&n) || !slots.is_idle(), "{} is idle", limit(n));
                prop_assert_eq!((slots.in_use.len(), slots.capacity), (in_use, Some(capacity)));
                // Above a lowered capacity it only falls.
                prop_assert!(in_use <= capacity.max(before[n]), "{slots:?}");
                prop_assert!(slots.set_aside.is_empty() || slots.taken() <= capacity, "{slots:?}");
                prop_assert!(slots.queue.is_empty() || slots.taken() >= capacity, "{slots:?}");
                waiting += slots.queue.len();
            }
            prop_assert_eq!(waiting, self.alive.len() - self.running.len());
            let told: usize = self.ledger.usage().iter().map(|usage| usage.waiting).sum();
            prop_assert_eq!(told, waiting);
            prop_assert_eq!(self.ledger.waiting().len(), waiting);
            for (ticket, _) in &self.alive {
                prop_assert_eq!(self.ledger.is_granted(*ticket), self.running.contains(ticket));
                prop_assert_eq!(self.ledger.why(*ticket).is_none(), self.running.contains(ticket));
            }
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn slots_are_conserved_and_given_in_order(
            capacities in prop::collection::vec(0usize..4, LIMITS),
            ops in ops(true),
        ) {
            let mut watched = Watched::new(capacities);
            for op in ops {
                watched.apply(op)?;
            }
        }

        /// Where nothing else is lacking, each key has as many running as it has slots or requests; and
        /// when all are over nothing is left of any.
        #[test]
        fn keys_are_independent_and_leave_nothing_behind(
            slots in 1usize..4,
            ops in prop::collection::vec((0usize..6, any::<bool>(), 0usize..4), 1..80),
        ) {
            let mut ledger = Ledger::new();
            ledger.set_capacity(&Limit::Server, Some(1000));
            ledger.set_capacity(&keys(), Some(slots));
            let mut slots = slots;
            let mut alive: Vec<(Ticket, usize)> = Vec::new();
            for (n, comes, capacity) in ops {
                if n == 5 {
                    // Never fewer than there are, so that none runs beyond them.
                    slots = slots.max(capacity);
                    ledger.set_capacity(&keys(), Some(slots));
                } else if comes {
                    let limits = [Limit::Server, Limit::Pathway("p".into()), key(&n.to_string())];
                    alive.push((ledger.request(limits, "x").ticket, n));
                } else if let Some(at) = alive.iter().position(|(_, key)| *key == n) {
                    ledger.release(alive.remove(at).0);
                }
                for n in 0..5 {
                    let of_key: Vec<_> = alive.iter().filter(|(_, key)| *key == n).collect();
                    let running = of_key.iter().take_while(|(ticket, _)| ledger.is_granted(*ticket)).count();
                    prop_assert_eq!(running, slots.min(of_key.len()), "the oldest run");
                    let granted = of_key.iter().filter(|(ticket, _)| ledger.is_granted(*ticket)).count();
                    prop_assert_eq!(granted, running);
                }
            }
            for (ticket, _) in alive {
                ledger.release(ticket);
            }
            prop_assert!(ledger.requests.is_empty());
            let left: BTreeSet<Limit> = ledger.slots.into_keys().collect();
            prop_assert_eq!(left, BTreeSet::from([Limit::Server, keys()]));
        }

        /// However others come and go, in whatever order they are released: once all who run have
        /// ended as many times as there were requests before it, for each limit on its way, each has
        /// had its turn.
        #[test]
        fn everybody_gets_a_turn_though_others_keep_coming(
            capacities in prop::collection::vec(1usize..4, LIMITS),
            ops in ops(false),
            newcomers in prop::collection::vec(prop::collection::btree_set(0..LIMITS, 1..=LIMITS), 1..8),
            order in any::<u64>(),
        ) {
            let mut watched = Watched::new(capacities);
            for op in ops {
                watched.apply(op)?;
            }
            let there: Vec<Ticket> = watched.alive.iter().map(|(ticket, _)| *ticket).collect();
            let mut served: BTreeSet<Ticket> = watched.running.clone();
            for round in 0..(there.len() + 1) * LIMITS {
                let mut running: Vec<Ticket> = watched.running.iter().copied().collect();
                running.sort_by_key(|ticket| ticket.0.wrapping_mul(order | 1));
                for ticket in running {
                    let newcomer = newcomers[round % newcomers.len()].clone();
                    watched.apply(Op::Request(newcomer))?;
                    let alive = watched.alive.iter().position(|(alive, _)| *alive == ticket).unwrap();
                    watched.apply(Op::Release(alive, false))?;
                    served.extend(&watched.running);
                }
            }
            let starved: Vec<_> = there.iter().filter(|ticket| !served.contains(ticket)).collect();
            prop_assert!(starved.is_empty(), "{starved:?}");
        }
    }
}

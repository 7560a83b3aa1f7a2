//! One ledger for all slots.
//!
//! A request names all the limits it needs at once. It is granted when each of them has a slot
//! for it; until then it runs nothing.
//!
//! Limits have one order: server, pathway, step, service ([`Limit`]'s own). A request that
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
//! An operation takes time logarithmic in the number of requests, and in proportion to the
//! limits of the requests that it moves.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// How many holders are named.
const MAX_HOLDERS: usize = 16;

/// Something of which there is a limited number of slots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Runs in this process.
    Server,
    /// Steps in flight in this process.
    ServerSteps,
    /// Runs of a pathway.
    Pathway(Arc<str>),
    /// A step of a pathway: pathway, path of the step.
    Step(Arc<str>, Arc<str>),
    /// Calls to a service.
    Service(Arc<str>),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("runs of this server"),
            Self::ServerSteps => f.write_str("steps of this server"),
            Self::Pathway(name) => write!(f, "pathway {name}"),
            Self::Step(pathway, step) => write!(f, "step {step} of pathway {pathway}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

impl Limit {
    /// What operators call it: `server`, `steps`, `pathway/NAME`, `pathway/NAME/STEP` or
    /// `service/NAME`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Server => "server".to_owned(),
            Self::ServerSteps => "steps".to_owned(),
            Self::Pathway(name) => format!("pathway/{name}"),
            Self::Step(pathway, step) => format!("pathway/{pathway}/{step}"),
            Self::Service(name) => format!("service/{name}"),
        }
    }
}

/// Limits in their order, each once; made ahead where the same are asked for again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits(Arc<[Limit]>);

impl<L: IntoIterator<Item = Limit>> From<L> for Limits {
    fn from(limits: L) -> Self {
        Self(limits.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

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

/// A limit and its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: Limit,
    /// How many slots it has; `None` is any number.
    pub capacity: Option<usize>,
    /// How many are in use by requests that run.
    pub in_use: usize,
    /// How many are set aside for requests that wait for another limit.
    pub set_aside: usize,
    /// How many requests wait for one.
    pub waiting: usize,
}

#[derive(Debug, Default)]
struct Slots {
    capacity: Option<usize>,
    in_use: BTreeSet<Ticket>,
    set_aside: BTreeSet<Ticket>,
    queue: BTreeSet<Ticket>,
}

impl Slots {
    fn taken(&self) -> usize {
        self.in_use.len() + self.set_aside.len()
    }

    fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.taken() < capacity)
    }

    fn is_idle(&self) -> bool {
        self.capacity.is_none() && self.taken() == 0 && self.queue.is_empty()
    }
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
    slots: HashMap<Limit, Slots>,
    requests: HashMap<Ticket, Request>,
    last: u64,
}

impl Ledger {
    /// A ledger in which nothing is limited yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many slots `limit` has; `None` is any number. Returns who may run now. Slots in
    /// use beyond a lower capacity are not taken back; they are not given again.
    pub fn set_capacity(&mut self, limit: &Limit, capacity: Option<usize>) -> Vec<Ticket> {
        self.slots.entry(limit.clone()).or_default().capacity = capacity;
        let mut freed = BTreeSet::from([limit.clone()]);
        while let Some(youngest) = self.surplus(limit) {
            self.send_back(youngest, limit, &mut freed);
        }
        let granted = self.serve(freed);
        self.forget_if_idle(limit);
        granted
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

    /// Who has slots of a limit, the oldest first, up to 16: who runs, then those for whom one is set
    /// aside.
    #[must_use]
    pub fn holders(&self, limit: &Limit) -> Vec<Arc<str>> {
        let slots = self.slots.get(limit);
        let holders = slots.into_iter().flat_map(|slots| slots.in_use.iter().chain(&slots.set_aside));
        let labels = holders.filter_map(|ticket| Some(self.requests.get(ticket)?.label.clone()));
        labels.take(MAX_HOLDERS).collect()
    }

    /// All limits that have a capacity or are in use, in their order.
    #[must_use]
    pub fn usage(&self) -> Vec<Usage> {
        let mut usage: Vec<Usage> = self
            .slots
            .iter()
            .map(|(limit, slots)| Usage {
                limit: limit.clone(),
                capacity: slots.capacity,
                in_use: slots.in_use.len(),
                set_aside: slots.set_aside.len(),
                waiting: slots.queue.len(),
            })
            .collect();
        usage.sort_by(|a, b| a.limit.cmp(&b.limit));
        usage
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
            let slots = self.slots.entry(limit.clone()).or_default();
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
        }
        granted
    }

    fn forget_if_idle(&mut self, limit: &Limit) {
        if self.slots.get(limit).is_some_and(Slots::is_idle) {
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
            if n + 1 == lacked {
                slots.queue.remove(&ticket);
            }
            if other <= limit && slots.set_aside.remove(&ticket) {
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

    const LIMITS: usize = 5;

    fn limit(n: usize) -> Limit {
        match n {
            0 => Limit::Server,
            1 => Limit::ServerSteps,
            2 => Limit::Pathway("p".into()),
            3 => Limit::Step("p".into(), "s".into()),
            _ => Limit::Service("x".into()),
        }
    }

    fn ledger(capacities: &[usize]) -> Ledger {
        let mut ledger = Ledger::new();
        for (n, capacity) in capacities.iter().enumerate() {
            assert_eq!(ledger.set_capacity(&limit(n), Some(*capacity)), []);
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
        ledger.set_capacity(&limit(4), Some(1));
        let slow = granted(&mut ledger, &[0, 4]);
        let queued: Vec<_> = (0..100).map(|_| waits(&mut ledger, &[0, 4])).collect();
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
        assert_eq!(ledger.set_capacity(&limit(0), Some(1)), []);
        assert_eq!(ledger.release(a), []);
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
        ledger.set_capacity(&limit(4), Some(1));
        granted(&mut ledger, &[0, 4]);
        let first = waits(&mut ledger, &[0, 4]);
        let second = ledger.request([limit(4)], "run 7 step fetch").ticket;
        let why = ledger.why(second).unwrap();
        assert_eq!((why.limit.to_string().as_str(), why.position), ("service x", 2));
        assert_eq!((&*why.label, &*why.holders[0]), ("run 7 step fetch", "run [0, 4]"));
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
        fn new(capacities: Vec<usize>) -> Self {
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
                    self.capacities[n] = capacity;
                    self.ledger.set_capacity(&limit(n), Some(capacity))
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
            for usage in self.ledger.usage() {
                let n = (0..LIMITS).find(|n| limit(*n) == usage.limit).unwrap();
                let in_use = self.in_use(n);
                prop_assert_eq!(usage.in_use, in_use);
                // Above a lowered capacity it only falls.
                prop_assert!(in_use <= self.capacities[n].max(before[n]), "{usage:?}");
                prop_assert!(
                    usage.set_aside == 0 || in_use + usage.set_aside <= self.capacities[n],
                    "{usage:?}"
                );
                prop_assert!(
                    usage.waiting == 0 || in_use + usage.set_aside >= self.capacities[n],
                    "{usage:?}"
                );
                waiting += usage.waiting;
            }
            prop_assert_eq!(waiting, self.alive.len() - self.running.len());
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

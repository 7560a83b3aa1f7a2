//! Random changes, on each store and on a model that is too simple to be wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathway_server::store::*;
use proptest::prelude::*;

use crate::support::*;

/// A change, by small numbers that collide often.
#[derive(Debug, Clone)]
enum Change {
    Admit {
        skew: i64,
        runs: Vec<(u8, u8, bool)>,
    },
    Append {
        run: usize,
        skew: u32,
        events: u8,
        compacts: bool,
        records: Vec<u8>,
        child: Option<u8>,
        status: Option<Status>,
    },
    /// Keys with executions, and what became of each: not done, or done until then.
    Claim {
        run: usize,
        released: Vec<(u8, u8, Option<Millis>)>,
        taken: Vec<(u8, u8, Millis)>,
        ends: bool,
    },
    Stream {
        run: usize,
        attempt: u8,
        seq: u8,
    },
    Publish(Vec<u8>),
    Post {
        run: usize,
        at: Millis,
        even_if_finished: bool,
    },
    /// One of the messages, with the run that it asks for or without.
    Receive {
        message: usize,
        run: Option<u8>,
    },
    Prune {
        claims_before: Millis,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let skew = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(-1)];
    let runs = prop::collection::vec((0..40_u8, 0..6_u8, any::<bool>()), 0..4);
    let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
    let records = prop::collection::vec(0..3_u8, 0..4);
    let rising = prop_oneof![8 => Just(0_u32), 1 => Just(1)];
    prop_oneof![
        3 => (skew, runs).prop_map(|(skew, runs)| Change::Admit { skew, runs }),
        6 => (0..12_usize, rising, (0..3_u8, prop::bool::weighted(0.2)), records.clone(), prop::option::of(0..40_u8), status).prop_map(
            |(run, skew, (events, compacts), records, child, status)| Change::Append { run, skew, events, compacts, records, child, status }
        ),
        2 => (0..12_usize, 0..3_u8, 0..3_u8).prop_map(|(run, attempt, seq)| Change::Stream { run, attempt, seq }),
        2 => records.prop_map(Change::Publish),
        3 => (0..12_usize, 0..9_i64, any::<bool>()).prop_map(|(run, at, even_if_finished)| Change::Post {
            run,
            at,
            even_if_finished,
        }),
        2 => (0..6_usize, prop::option::of(0..40_u8)).prop_map(|(message, run)| Change::Receive { message, run }),
        1 => (0..9_i64).prop_map(|claims_before| Change::Prune { claims_before }),
        6 => (
            0..12_usize,
            prop::collection::vec((0..4_u8, 0..2_u8, prop::option::of(0..9_i64)), 0..3),
            prop::collection::vec((0..4_u8, 0..2_u8, 0..9_i64), 0..3),
            prop::bool::weighted(0.1),
        ).prop_map(|(run, released, taken, ends)| Change::Claim { run, released, taken, ends }),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct ModelRun {
    public_id: String,
    dedupe_id: Option<String>,
    parent: Option<usize>,
    status: Option<Status>,
    events: u32,
    /// The event that stands for all before it.
    compacted: Option<u32>,
    stream: BTreeMap<(u32, u32), ()>,
}

/// Runs by the order of admission; those that were pruned are none.
#[derive(Debug, Clone, Default)]
struct Model {
    next_offset: Option<Offset>,
    runs: Vec<Option<ModelRun>>,
    topics: BTreeMap<String, Vec<bool>>,
    /// For which run, and when they were left.
    messages: Vec<(usize, Millis)>,
    /// Key to who has it or has done it: run, execution, until when it is done.
    claims: BTreeMap<u8, (usize, u8, Option<Millis>)>,
}

impl Model {
    fn insert(&mut self, run: &NewRun, parent: Option<usize>) -> bool {
        let taken = self.runs.iter().flatten().any(|other| {
            other.public_id == run.public_id || (run.dedupe_id.is_some() && other.dedupe_id == run.dedupe_id)
        });
        if !taken {
            self.runs.push(Some(ModelRun {
                public_id: run.public_id.clone(),
                dedupe_id: run.dedupe_id.clone(),
                parent,
                status: Some(run.status),
                events: 1,
                ..ModelRun::default()
            }));
        }
        !taken
    }

    fn publish(&mut self, topics: &[u8]) -> Vec<Offset> {
        let publish = |topic: &u8| {
            let topic = self.topics.entry(format!("topic-{topic}")).or_default();
            topic.push(true);
            Offset::try_from(topic.len()).unwrap() - 1
        };
        topics.iter().map(publish).collect()
    }

    fn prune(&mut self, claims_before: Millis) -> Pruned {
        let mut pruned = Pruned::default();
        let newest = self.runs.len().saturating_sub(1);
        let is_over =
            |run: &Option<ModelRun>| run.as_ref().and_then(|run| run.status).is_none_or(Status::is_final);
        let over: Vec<bool> = self.runs.iter().map(is_over).collect();
        for (n, (run, is_over)) in self.runs.iter_mut().zip(&over).take(newest).enumerate() {
            if self.messages.iter().any(|(asked, _)| *asked == n) {
                continue;
            }
            // Who has called it may not have heard yet how it ended.
            let is_wanted = run.as_ref().and_then(|run| run.parent).is_some_and(|caller| !over[caller]);
            if *is_over && !is_wanted && run.take().is_some() {
                pruned.runs += 1;
            }
        }
        for topic in self.topics.values_mut() {
            let newest = topic.len() - 1;
            for kept in topic.iter_mut().take(newest).filter(|kept| **kept) {
                *kept = false;
                pruned.records += 1;
            }
        }
        let claims = self.claims.len();
        self.claims.retain(|_, (.., until)| until.is_none_or(|until| until >= claims_before));
        pruned.claims = u64::try_from(claims - self.claims.len()).unwrap();
        pruned
    }

    fn take(&mut self, run: usize, (key, instance, at): (u8, u8, Millis)) -> Taken {
        let public_id = |run: &usize| self.runs[*run].as_ref().map(|run| run.public_id.clone());
        match self.claims.get(&key) {
            Some((holder, held, until))
                if (*holder, *held) != (run, instance) && until.is_none_or(|it| it > at) =>
            {
                match until {
                    Some(_) => Taken::Done { run: public_id(holder) },
                    None => Taken::Held,
                }
            }
            _ => {
                self.claims.insert(key, (run, instance, None));
                Taken::Granted
            }
        }
    }

    fn release(&mut self, run: usize, (key, instance, until): (u8, u8, Option<Millis>)) {
        let claim = self.claims.get_mut(&key);
        let Some(claim) = claim.filter(|claim| (claim.0, claim.1) == (run, instance)) else { return };
        match until {
            Some(_) => claim.2 = until,
            None => drop(self.claims.remove(&key)),
        }
    }

    fn ends(&mut self, run: usize, status: Status) {
        self.runs[run].as_mut().unwrap().status = Some(status);
        if status != Status::Ready {
            self.claims.retain(|_, (holder, _, until)| *holder != run || until.is_some());
        }
    }

    fn live(&self, run: usize) -> Option<usize> {
        self.runs.get(run)?.as_ref().map(|_| run)
    }
}

/// The store, and its number of each run of the model.
struct Subject {
    store: Arc<dyn Store>,
    ids: Vec<RunId>,
}

impl Subject {
    /// Whether these answers insert what the model inserted.
    fn note(&mut self, answers: &[Admission], inserted: &[bool]) {
        assert_eq!(answers.len(), inserted.len());
        for (answer, inserted) in answers.iter().zip(inserted) {
            match answer {
                Admission::Inserted(id) => {
                    assert!(inserted, "inserted twice");
                    assert!(self.ids.last().is_none_or(|last| last < id), "ids do not rise");
                    self.ids.push(*id);
                }
                Admission::Duplicate { .. } => assert!(!inserted, "dropped without need"),
            }
        }
    }

    async fn perform(&mut self, model: &mut Model, change: Change) {
        match change {
            Change::Admit { skew, runs } => self.admit(model, skew, &runs).await,
            Change::Append { run, skew, events, compacts, records, child: called, status: changed } => {
                let Some(run) = model.live(run) else { return };
                let append = Append {
                    events: (0..events).map(|_| event("event")).collect(),
                    compacts,
                    records: records.iter().map(|topic| record(&format!("topic-{topic}"), "value")).collect(),
                    children: called.iter().map(|id| child(&format!("run-{id}"))).collect(),
                    status: changed.and_then(|changed| status(changed, Some(b"outcome"))),
                    ..Append::new(self.ids[run], model.runs[run].as_ref().unwrap().events + skew)
                };
                self.append(model, run, skew, append, &records).await;
            }
            Change::Stream { run, attempt, seq } => {
                let Some(run) = model.live(run) else { return };
                let (attempt, seq) = (u32::from(attempt), u32::from(seq));
                let row = StreamRow { attempt, seq, value: vec![1] };
                let answer = self.store.append_stream(self.ids[run], vec![row]).await;
                let expected = model.runs[run].as_mut().unwrap();
                let fits =
                    !expected.status.unwrap().is_final() && !expected.stream.contains_key(&(attempt, seq));
                assert_eq!(answer.is_ok(), fits, "{answer:?}");
                if fits {
                    expected.stream.insert((attempt, seq), ());
                }
            }
            Change::Publish(topics) => {
                let records = topics.iter().map(|topic| record(&format!("topic-{topic}"), "value")).collect();
                assert_eq!(self.store.publish(records).await.unwrap(), model.publish(&topics));
            }
            Change::Post { run, at, even_if_finished } => {
                let Some(run) = model.live(run) else { return };
                let payload = at.to_string().into_bytes();
                let message = NewMessage { run: self.ids[run], at, even_if_finished, payload };
                let answer = self.store.post(message).await;
                let status = model.runs[run].as_ref().unwrap().status.unwrap();
                match status.is_final() && !even_if_finished {
                    true => assert_eq!(conflict(answer), Conflict::Finished(self.ids[run])),
                    false => model.messages.push((run, at)),
                }
            }
            Change::Receive { message, run } => self.receive(model, message, run).await,
            Change::Prune { claims_before } => {
                let all =
                    Prune { runs_before: Cutoffs::all(i64::MAX), records_before: i64::MAX, claims_before };
                assert_eq!(self.store.prune(all).await.unwrap(), model.prune(claims_before));
            }
            Change::Claim { run, released, taken, ends } => {
                let Some(run) = model.live(run) else { return };
                self.claim(model, run, &released, &taken, ends.then_some(Status::Parked)).await;
            }
        }
    }

    async fn admit(&mut self, model: &mut Model, skew: i64, runs: &[(u8, u8, bool)]) {
        let from = model.next_offset.unwrap_or(0) + skew;
        let runs: Vec<_> = (from..)
            .zip(runs)
            .map(|(offset, &(id, dedupe, parked))| NewRun {
                public_id: format!("run-{id}"),
                dedupe_id: (dedupe > 2).then(|| format!("message-{dedupe}")),
                status: if parked { Status::Parked } else { Status::Ready },
                ..new_run(offset)
            })
            .collect();
        let next = from + Offset::try_from(runs.len()).unwrap();
        let answer = self.store.admit(Admit { next_offset: next, ..admit(from, runs.clone()) }).await;
        if model.next_offset.is_some_and(|found| found != from) {
            assert!(matches!(conflict(answer), Conflict::Offset { .. }));
            return;
        }
        model.next_offset = Some(next);
        let inserted: Vec<_> = runs.iter().map(|run| model.insert(run, None)).collect();
        self.note(&answer.unwrap(), &inserted);
    }

    async fn receive(&mut self, model: &mut Model, message: usize, run: Option<u8>) {
        if message >= model.messages.len() {
            return;
        }
        model.messages.remove(message);
        let received = vec![self.messages().await[message].id];
        let Some(run) = run else { return self.store.discard(received).await.unwrap() };
        let run = child(&format!("run-{run}"));
        let hand = Admit { topic: "hand".into(), next_offset: 0, received, ..admit(0, vec![run.clone()]) };
        let answers = self.store.admit(hand).await.unwrap();
        let inserted = model.insert(&run, None);
        self.note(&answers, &[inserted]);
    }

    async fn messages(&self) -> Vec<Message> {
        self.store.inbox(None, Mark::START, Most::messages(1_000)).await.unwrap().messages
    }

    async fn append(&mut self, model: &mut Model, run: usize, skew: u32, append: Append, topics: &[u8]) {
        let answer = self.store.append(append.clone()).await;
        let expected = model.runs[run].as_mut().unwrap();
        if expected.status.unwrap().is_final() {
            assert_eq!(conflict(answer), Conflict::Finished(append.run));
            return;
        }
        if skew != 0 {
            let (wrong, found) = (append.expected_seq, expected.events);
            assert_eq!(conflict(answer), Conflict::Seq { run: append.run, expected: wrong, found });
            return;
        }
        expected.events += u32::try_from(append.events.len()).unwrap();
        if append.compacts {
            expected.compacted = Some(expected.events - 1);
        }
        if let Some(change) = &append.status {
            model.ends(run, change.status);
        }
        let appended = answer.unwrap();
        assert_eq!(appended.offsets, model.publish(topics));
        let inserted: Vec<_> = append.children.iter().map(|child| model.insert(child, Some(run))).collect();
        self.note(&appended.children, &inserted);
    }

    async fn claim(
        &mut self,
        model: &mut Model,
        run: usize,
        released: &[(u8, u8, Option<Millis>)],
        taken: &[(u8, u8, Millis)],
        ends: Option<Status>,
    ) {
        let expected = model.runs[run].as_ref().unwrap();
        let release = |&(key, instance, done_until): &(u8, u8, _)| Release {
            claim: claim(key),
            instance: instance.to_string(),
            done_until,
        };
        let take = |&(key, instance, at): &(u8, u8, _)| Take {
            claim: claim(key),
            instance: instance.to_string(),
            at,
        };
        let append = Append {
            released: released.iter().map(release).collect(),
            taken: taken.iter().map(take).collect(),
            status: ends.and_then(|ends| status(ends, None)),
            ..Append::new(self.ids[run], expected.events)
        };
        let answer = self.store.append(append).await;
        if expected.status.unwrap().is_final() {
            assert!(matches!(conflict(answer), Conflict::Finished(_)));
            return;
        }
        released.iter().for_each(|release| model.release(run, *release));
        let taken: Vec<_> = taken.iter().map(|take| model.take(run, *take)).collect();
        assert_eq!(answer.unwrap().taken, taken);
        if let Some(ends) = ends {
            model.ends(run, ends);
        }
    }

    /// All that can be read is as in the model.
    async fn compare(&self, model: &Model) {
        let store = &self.store;
        assert_eq!(store.next_offset("in", 0).await.unwrap(), model.next_offset);
        let mut unfinished = Vec::new();
        for (expected, &id) in model.runs.iter().zip(&self.ids) {
            let events = store.events(id).await.unwrap();
            let Some(expected) = expected else {
                assert_eq!(events, []);
                continue;
            };
            let first = expected.compacted.unwrap_or(0).max(1);
            let kept = std::iter::once(0).chain(first..expected.events);
            assert!(events.iter().map(|event| event.seq).eq(kept));
            let run = store.run(&expected.public_id).await.unwrap().unwrap();
            assert_eq!((run.id, Some(run.status)), (id, expected.status));
            assert_eq!(run.parent, expected.parent.map(|parent| self.ids[parent]));
            assert_eq!(run.finished_at.is_some(), run.status.is_final());
            let stream = store.stream(id, None, 1_000).await.unwrap();
            assert!(stream.iter().map(|row| (row.attempt, row.seq)).eq(expected.stream.keys().copied()));
            if !run.status.is_final() {
                unfinished.push(id);
            }
        }
        let found = store.unfinished(None, 1_000).await.unwrap();
        assert!(found.iter().map(|run| run.id).eq(unfinished));
        let messages = self.messages().await;
        let expected = model.messages.iter().map(|(run, at)| (self.ids[*run], *at));
        assert!(messages.iter().map(|message| (message.run, message.at)).eq(expected));
        let (here, second) = (Home::new("in", 0), messages.get(1).map_or(Mark::START, Message::mark));
        let of =
            |holds: &dyn Fn(&&Message) -> bool| messages.iter().filter(holds).cloned().collect::<Vec<_>>();
        for after in [Mark::START, second] {
            let page = store
                .inbox(Some(std::slice::from_ref(&here)), after, Most::messages(1_000))
                .await
                .unwrap()
                .messages;
            assert_eq!(page, of(&|it| it.home.as_ref() == Some(&here) && it.mark() > after));
            for &id in &self.ids {
                let own = store.inbox_of(id, after, Most::messages(1_000)).await.unwrap();
                assert_eq!(own, of(&|it| it.run == id && it.mark() > after));
            }
        }
        let oldest = model.messages.iter().map(|(_, at)| *at).min();
        let expected = Unreceived { messages: messages.len().try_into().unwrap(), oldest };
        assert_eq!(store.unreceived(1_000).await.unwrap(), expected);
        for key in 0..4 {
            let found = store.claimed(&claim(key)).await.unwrap();
            let expected = model.claims.get(&key).map(|(run, instance, done_until)| Claimed {
                run: model.runs[*run].as_ref().map(|run| run.public_id.clone()),
                instance: instance.to_string(),
                done_until: *done_until,
            });
            assert_eq!(found, expected);
        }
        for (topic, records) in &model.topics {
            let end = store.end_offset(topic, 0).await.unwrap();
            assert_eq!(end, Offset::try_from(records.len()).unwrap());
            let found = store.records(topic, 0, 0, 1_000, usize::MAX).await.unwrap();
            let kept = (0..).zip(records).filter(|(_, kept)| **kept).map(|(offset, _)| offset);
            assert!(found.iter().map(|record| record.offset).eq(kept));
        }
    }
}

fn claim(key: u8) -> Claim {
    Claim { pathway: "pathway".into(), step: "step".into(), key: key.to_string() }
}

async fn check(store: Arc<dyn Store>, changes: Vec<Change>) {
    let mut subject = Subject { store: with_definition(store).await, ids: Vec::new() };
    let mut model = Model::default();
    for change in changes {
        subject.perform(&mut model, change).await;
    }
    subject.compare(&model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_its_model(changes in prop::collection::vec(change(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            check(Arc::new(SqliteStore::in_memory().unwrap()), changes.clone()).await;
            check(Arc::new(MemoryStore::new("store", Outlet::Topics)), changes.clone()).await;
            check(Place::folder().open(Outlet::Topics).await, changes.clone()).await;
            if let Some(place) = Place::postgres().await {
                check(place.open(Outlet::Topics).await, changes).await;
            }
        });
    }
}

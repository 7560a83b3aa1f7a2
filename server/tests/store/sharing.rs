//! What processes need that share a store: epochs, and messages for runs.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    an_owner_that_was_succeeded_writes_nothing
    runs_belong_to_the_partition_of_the_run_that_called_them
    messages_wait_until_they_are_received
    messages_reach_no_run_that_is_over
    what_asks_for_a_run_goes_with_it
    messages_are_read_by_partition_and_by_run
    messages_are_read_in_portions_by_number_and_by_bytes
}

fn home() -> Home {
    Home::new("in", 0)
}

/// Takes the partition over.
async fn owner(store: &dyn Store) -> Proof {
    let epoch = store.take_over(&home()).await.unwrap();
    Some(Arc::new(Tenure { home: home(), epoch }))
}

fn fenced(epoch: Epoch, found: Epoch) -> Conflict {
    Conflict::Fenced { home: home(), epoch, found }
}

async fn an_owner_that_was_succeeded_writes_nothing(store: Arc<dyn Store>) {
    let first = owner(&*store).await;
    let admit =
        |proof: &Proof, offset| Admit { proof: proof.clone(), ..admit(offset, vec![new_run(offset)]) };
    let admitted = store.admit(admit(&first, 0)).await.unwrap();
    let [Admission::Inserted(run)] = admitted[..] else { panic!("{admitted:?}") };
    let append = |proof: &Proof, seq| Append {
        proof: proof.clone(),
        events: vec![event("x")],
        records: vec![record("out", "x")],
        ..Append::new(run, seq)
    };
    store.append(append(&first, 1)).await.unwrap();

    let second = owner(&*store).await;
    assert_eq!((first.as_ref().unwrap().epoch, second.as_ref().unwrap().epoch), (1, 2));
    assert_eq!(conflict(store.append(append(&first, 2)).await), fenced(1, 2));
    assert_eq!(conflict(store.admit(admit(&first, 1)).await), fenced(1, 2));
    assert_eq!(store.events(run).await.unwrap().len(), 2);
    assert_eq!(store.next_offset("in", 0).await.unwrap(), Some(1));
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 1);
    store.append(append(&second, 2)).await.unwrap();
    store.admit(admit(&second, 1)).await.unwrap();
    // What is started by hand belongs to what is owned.
    let by_hand = NewRun { public_id: "by-hand".into(), offset: None, ..new_run(0) };
    let launched = Admit {
        topic: "hand".into(),
        proof: second.clone(),
        next_offset: 0,
        ..crate::support::admit(0, vec![by_hand])
    };
    store.admit(launched).await.unwrap();
    let by_hand = store.run("by-hand").await.unwrap().unwrap();
    assert_eq!((by_hand.home, by_hand.source), (Some(home()), None));
    // Of another partition it is not the owner.
    let other = Some(Arc::new(Tenure { home: Home::new("in", 1), epoch: 2 }));
    assert!(matches!(conflict(store.append(append(&other, 3)).await), Conflict::Fenced { .. }));
}

async fn runs_belong_to_the_partition_of_the_run_that_called_them(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let append = Append { children: vec![child("child")], ..Append::new(run, 1) };
    store.append(append).await.unwrap();
    let elsewhere =
        Admit { partition: 1, ..admit(0, vec![NewRun { public_id: "other".into(), ..new_run(0) }]) };
    store.admit(elsewhere).await.unwrap();

    let ids = |runs: Vec<Run>| runs.into_iter().map(|run| run.public_id).collect::<Vec<_>>();
    let of = |partition| store.unfinished_of(&Home { topic: "in".into(), partition }, None, 10);
    assert_eq!(ids(store.unfinished_of(&home(), None, 10).await.unwrap()), ["id-0", "child"]);
    assert_eq!(ids(store.unfinished_of(&home(), Some(run), 10).await.unwrap()), ["child"]);
    assert_eq!(ids(store.unfinished_of(&home(), None, 1).await.unwrap()), ["id-0"]);
    assert_eq!(ids(of(1).await.unwrap()), ["other"]);
    assert_eq!(ids(of(2).await.unwrap()), [""; 0]);
    assert_eq!(store.unfinished_topics().await.unwrap(), ["in"]);
    let elsewhere =
        Admit { topic: "A".into(), ..admit(0, vec![NewRun { public_id: "a".into(), ..new_run(0) }]) };
    store.admit(elsewhere).await.unwrap();
    assert_eq!(store.unfinished_topics().await.unwrap(), ["A", "in"]);
    let found = store.run("child").await.unwrap().unwrap();
    assert_eq!((found.home, found.source, found.parent), (Some(home()), None, Some(run)));
    let done = Append { status: status(Status::Succeeded, None), ..Append::new(run, 1) };
    store.append(done).await.unwrap();
    assert_eq!(ids(store.unfinished_of(&home(), None, 10).await.unwrap()), ["child"]);
}

async fn messages_wait_until_they_are_received(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let mut watch = store.watch_inbox();
    store.post(message(run, b"one")).await.unwrap();
    store.post(message(run, b"two")).await.unwrap();
    store.post(message(run, b"three")).await.unwrap();
    watch.changed().await.unwrap();
    let inbox = store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages;
    let shown: Vec<_> = inbox.iter().map(|message| (&*message.payload, &*message.public_id)).collect();
    assert_eq!(shown, [(&b"one"[..], "id-0"), (b"two", "id-0"), (b"three", "id-0")]);
    assert!(inbox.iter().all(|message| message.run == run && message.home == Some(home())));
    assert_eq!(store.inbox(None, inbox[0].mark(), Most::messages(1)).await.unwrap().messages, inbox[1..2]);

    // Received with what follows from it, or not at all.
    let received = Append { events: vec![event("x")], received: vec![inbox[0].id], ..Append::new(run, 7) };
    assert!(matches!(conflict(store.append(received.clone()).await), Conflict::Seq { .. }));
    assert_eq!(store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages.len(), 3);
    store.append(Append { expected_seq: 1, ..received }).await.unwrap();
    store.discard(vec![inbox[1].id]).await.unwrap();
    assert_eq!(store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages, inbox[2..]);
}

async fn messages_reach_no_run_that_is_over(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let parked = admitted(&*store, NewRun { status: Status::Parked, ..new_run(1) }).await;
    store.post(message(parked, b"x")).await.unwrap();
    store.post(message(run, b"x")).await.unwrap();
    store.append(Append { status: status(Status::Failed, None), ..Append::new(run, 1) }).await.unwrap();
    assert_eq!(conflict(store.post(message(run, b"y")).await), Conflict::Finished(run));
    assert_eq!(conflict(store.post(message(RunId(99), b"y")).await), Conflict::UnknownRun(RunId(99)));
}

async fn what_asks_for_a_run_goes_with_it(store: Arc<dyn Store>) {
    let over = |offset| NewRun { status: Status::Succeeded, ..new_run(offset) };
    let asked = admitted(&*store, over(0)).await;
    admitted(&*store, over(1)).await;
    admitted(&*store, over(2)).await;
    let asks = |run| NewMessage { even_if_finished: true, ..message(run, b"again") };
    assert_eq!(conflict(store.post(asks(RunId(99))).await), Conflict::UnknownRun(RunId(99)));
    store.post(asks(asked)).await.unwrap();
    let inbox = store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages;
    assert_eq!((inbox.len(), inbox[0].run, inbox[0].home.clone()), (1, asked, Some(home())));

    // Of whom something is asked is not forgotten. The newest never is.
    let old = Prune { runs_before: Cutoffs::all(i64::MAX), records_before: 0, claims_before: 0 };
    let is_there = async |id: &str| store.run(id).await.unwrap().is_some();
    store.prune(old.clone()).await.unwrap();
    assert_eq!((is_there("id-0").await, is_there("id-1").await), (true, false));

    // With the run, or not at all.
    let again = |proof: &Proof| Admit {
        topic: "hand".into(),
        proof: proof.clone(),
        next_offset: 0,
        received: vec![inbox[0].id],
        ..admit(0, vec![NewRun { rerun_of: Some("id-0".into()), ..child("again") }])
    };
    let (first, second) = (owner(&*store).await, owner(&*store).await);
    assert_eq!(conflict(store.admit(again(&first)).await), fenced(1, 2));
    assert_eq!(
        (is_there("again").await, store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages),
        (false, inbox.clone())
    );
    let made = store.admit(again(&second)).await.unwrap();
    assert!(matches!(made[..], [Admission::Inserted(_)]), "{made:?}");
    assert_eq!(
        (is_there("again").await, store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages),
        (true, vec![])
    );
    let twice = store.admit(again(&second)).await.unwrap();
    assert!(matches!(twice[..], [Admission::Duplicate { of: DuplicateOf::PublicId, .. }]), "{twice:?}");
    store.prune(old).await.unwrap();
    assert!(!is_there("id-0").await);
}

async fn messages_are_read_by_partition_and_by_run(store: Arc<dyn Store>) {
    let here = admitted(&*store, new_run(0)).await;
    let away = NewRun { public_id: "away".into(), ..new_run(0) };
    let made = store.admit(Admit { partition: 1, ..admit(0, vec![away]) }).await.unwrap();
    let [Admission::Inserted(away)] = made[..] else { panic!("{made:?}") };
    assert_eq!(store.unreceived(10).await.unwrap(), Unreceived::default());
    for (run, at, text) in [(here, 7_000, b"a"), (away, 5_000, b"b"), (here, 6_000, b"c")] {
        store.post(NewMessage { at, ..message(run, text) }).await.unwrap();
    }
    let texts = |messages: &[Message]| -> String {
        messages.iter().map(|message| String::from_utf8(message.payload.clone()).unwrap()).collect()
    };
    let page = async |homes: &[Home], after, limit| {
        store.inbox(Some(homes), after, Most::messages(limit)).await.unwrap().messages
    };
    let all_of = async |home: &Home| texts(&page(std::slice::from_ref(home), Mark::START, 10).await);
    let (one, other, none) = (home(), Home::new("in", 1), Home::new("nowhere", 0));
    assert_eq!(all_of(&one).await, "ac");
    assert_eq!(all_of(&other).await, "b");
    assert_eq!(all_of(&none).await, "");
    let both = [other, none, one];
    let first = page(&both, Mark::START, 2).await;
    assert_eq!(texts(&first), "ab");
    assert_eq!(texts(&page(&both, first[1].mark(), 2).await), "c");
    let times: Vec<_> = first.iter().map(|message| message.at).collect();
    assert_eq!(times, [7_000, 5_000]);

    let own = store.inbox_of(here, Mark::START, Most::messages(1)).await.unwrap();
    assert_eq!(texts(&own), "a");
    assert_eq!(texts(&store.inbox_of(here, own[0].mark(), Most::messages(9)).await.unwrap()), "c");
    assert_eq!(store.unreceived(10).await.unwrap(), Unreceived { messages: 3, oldest: Some(5_000) });
    assert_eq!(store.unreceived(1).await.unwrap(), Unreceived { messages: 1, oldest: Some(7_000) });

    // Whoever reads on from where nothing more comes, or from what was read last, misses nothing.
    let all = store.inbox(None, Mark::START, Most::messages(10)).await.unwrap();
    assert_eq!(texts(&all.messages), "abc");
    store.post(message(away, b"d")).await.unwrap();
    let read = all.messages[2].mark().min(all.settled);
    assert!(texts(&store.inbox(None, read, Most::messages(10)).await.unwrap().messages).ends_with('d'));
    assert_eq!(
        texts(&store.inbox(None, all.messages[2].mark(), Most::messages(10)).await.unwrap().messages),
        "d"
    );
}

async fn messages_are_read_in_portions_by_number_and_by_bytes(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    for size in [3, 0, 0, 5, 1, 1, 8, 0, 2] {
        store.post(message(run, &vec![b'x'; size])).await.unwrap();
    }
    let all = store.inbox(None, Mark::START, Most::messages(100)).await.unwrap().messages;
    let homes = [home()];
    let page = async |of: usize, after, most| match of {
        0 => store.inbox(None, after, most).await.unwrap().messages,
        1 => store.inbox(Some(&homes), after, most).await.unwrap().messages,
        _ => store.inbox_of(run, after, most).await.unwrap(),
    };
    for of in 0..3 {
        for most in (1..=4).flat_map(|messages| [1, 2, 5, 9, 100].map(|bytes| Most { messages, bytes })) {
            let mut read: Vec<Message> = Vec::new();
            loop {
                let after = read.last().map_or(Mark::START, Message::mark);
                let page = page(of, after, most).await;
                assert!(page.len() <= most.messages as usize, "{most:?}");
                let but_last = page.split_last().map_or(&page[..], |(_, before)| before);
                let said: usize = but_last.iter().map(|message| message.payload.len()).sum();
                assert!(said < most.bytes, "{most:?}");
                let is_last = !most.is_reached(&page);
                read.extend(page);
                if is_last {
                    break;
                }
            }
            assert_eq!(read, all, "{of} {most:?}");
        }
    }
}

/// A number that was given out earlier may be committed later, where several write.
#[tokio::test]
async fn what_is_committed_late_is_read_all_the_same() {
    let Some(Place::Schema(url)) = Place::postgres().await else { return };
    let options = PostgresOptions { is_shared: true, ..PostgresOptions::default() };
    let store = with_definition(Arc::new(PostgresStore::open(&url, options).await.unwrap())).await;
    let run = admitted(&*store, new_run(0)).await;
    let (mut other, connection) = tokio_postgres::connect(url.reveal(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let late = other.transaction().await.unwrap();
    let insert = "INSERT INTO inbox (run, source, posted_at, payload) SELECT id, source, 1, 'late' FROM run";
    assert_eq!(late.execute(insert, &[]).await.unwrap(), 1);
    store.post(message(run, b"early")).await.unwrap();

    let homes = [home()];
    let first = store.inbox(Some(&homes), Mark::START, Most::messages(10)).await.unwrap();
    let [early] = &first.messages[..] else { panic!("{first:?}") };
    late.commit().await.unwrap();
    let read = early.mark().min(first.settled);
    let second = store.inbox(Some(&homes), read, Most::messages(10)).await.unwrap();
    let payloads: Vec<_> = second.messages.iter().map(|message| &*message.payload).collect();
    assert_eq!(payloads, [&b"late"[..], b"early"]);
    assert_eq!(store.inbox(Some(&homes), early.mark(), Most::messages(10)).await.unwrap().messages, []);
    assert_eq!(store.inbox_of(run, Mark::START, Most::messages(10)).await.unwrap(), second.messages);
}

/// What runs of one partition sent is read apart from that of others.
#[tokio::test]
async fn the_outbox_is_read_by_partition() {
    let folder = Place::folder();
    let mut stores = vec![folder.open(Outlet::Outbox).await, Arc::new(MemoryStore::new("s", Outlet::Outbox))];
    let postgres = Place::postgres().await;
    if let Some(place) = &postgres {
        stores.push(place.open(Outlet::Outbox).await);
    }
    for store in stores {
        let store = with_definition(store).await;
        for partition in 0..3 {
            let sent = vec![record(&format!("from-{partition}"), "x")];
            let run = NewRun { public_id: format!("run-{partition}"), records: sent, ..new_run(0) };
            let answer = store.admit(Admit { partition, ..admit(0, vec![run]) }).await.unwrap();
            let [Admission::Inserted(run)] = answer[..] else { panic!("{answer:?}") };
            let records = vec![record(&format!("later-{partition}"), "x")];
            store.append(Append { records, ..Append::new(run, 1) }).await.unwrap();
        }
        let topics = |sent: Vec<Outgoing>| sent.into_iter().map(|each| each.record.topic).collect::<Vec<_>>();
        let homes = |partitions: &[i32]| partitions.iter().map(|n| Home::new("in", *n)).collect::<Vec<_>>();
        let of = store.outbox_of(&homes(&[0, 2, 7]), 0, 10, 1_000).await.unwrap();
        assert_eq!(topics(of.clone()), ["from-0", "later-0", "from-2", "later-2"]);
        let after = store.outbox_of(&homes(&[0, 2]), of[0].id, 2, 1_000).await.unwrap();
        assert_eq!(topics(after), ["later-0", "from-2"]);
        assert_eq!(topics(store.outbox_of(&[], 0, 10, 1_000).await.unwrap()), [""; 0]);
        assert_eq!(store.outbox(0, 10, 1_000).await.unwrap().len(), 6);
    }
}

//! Admission, journals, streams and what is read of them.

use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

on_each! {
    a_run_is_read_as_it_was_admitted
    the_source_moves_with_its_runs
    a_position_gives_one_run_per_pathway
    duplicates_are_dropped_and_named
    an_idempotency_key_belongs_to_a_pathway_and_a_subject
    a_run_needs_its_definition
    the_journal_has_no_gaps
    journals_are_read_together_as_far_as_they_are_small
    what_an_event_stands_for_is_deleted
    nothing_follows_the_end
    an_append_is_all_or_nothing
    a_conflict_spoils_nothing_for_others
    a_parked_run_goes_on
    a_run_can_be_pinned_anew
    a_run_can_end_where_it_begins
    children_belong_to_their_parent
    reruns_are_found_by_what_they_run_again
    a_stream_is_read_after_any_row
    large_payloads_are_kept
    unfinished_runs_are_paged
    the_newest_run_of_a_correlation_answers
    runs_are_listed_and_counted
}

async fn a_run_is_read_as_it_was_admitted(store: Arc<dyn Store>) {
    let run = NewRun {
        subject: Some("subject".into()),
        lane: Some("lane".into()),
        correlation: Some("correlation".into()),
        dedupe_id: Some("dedupe".into()),
        idempotency: Some(Idempotency { key: "key".into(), input_hash: vec![1, 2] }),
        started: vec![0xff, 0, 0xfe],
        ..new_run(7)
    };
    let admission = Admit {
        topic: "in".into(),
        partition: 3,
        proof: None,
        from_offset: 7,
        next_offset: 9,
        received: Vec::new(),
        runs: vec![run],
    };
    let [Admission::Inserted(id)] = store.admit(admission).await.unwrap()[..] else { panic!() };

    let expected = Run {
        id,
        public_id: "id-7".into(),
        pathway: "pathway".into(),
        digest: DIGEST.into(),
        subject: Some("subject".into()),
        source: Some(Position { topic: "in".into(), partition: 3, offset: 7 }),
        home: Some(Home::new("in", 3)),
        lane: Some("lane".into()),
        correlation: "correlation".into(),
        input_hash: Some(vec![1, 2]),
        parent: None,
        rerun_of: None,
        status: Status::Ready,
        wake_at: None,
        created_at: 1_007,
        finished_at: None,
        outcome: None,
    };
    assert_eq!(store.run("id-7").await.unwrap(), Some(expected.clone()));
    assert_eq!(store.run_by_correlation(None, "correlation").await.unwrap(), Some(expected.clone()));
    let by_key = store.run_by_idempotency("pathway", Some("subject"), "key").await.unwrap();
    assert_eq!(by_key, Some(expected.clone()));
    assert_eq!(store.unfinished(None, 10).await.unwrap(), [expected]);
    let started = Event { seq: 0, kind: "started".into(), payload: vec![0xff, 0, 0xfe] };
    assert_eq!(store.events(id).await.unwrap(), [started]);
    assert_eq!(store.next_offset("in", 3).await.unwrap(), Some(9));
    assert_eq!(store.next_offset("in", 0).await.unwrap(), None);
    assert_eq!(store.run("nobody").await.unwrap(), None);
    assert_eq!(store.definition(DIGEST).await.unwrap().as_deref(), Some("text"));
    assert_eq!(store.definition("other").await.unwrap(), None);
}

async fn the_source_moves_with_its_runs(store: Arc<dyn Store>) {
    // A store that holds nothing of a partition begins where the first admission does.
    store.admit(admit(5, vec![new_run(5)])).await.unwrap();
    for stale in [4, 5, 7] {
        let refused = conflict(store.admit(admit(stale, vec![new_run(stale)])).await);
        let expected = Conflict::Offset { topic: "in".into(), partition: 0, expected: stale, found: 6 };
        assert_eq!(refused, expected);
    }
    assert_eq!(store.run("id-7").await.unwrap(), None);
    // Records that become no run move it too.
    store.admit(admit(6, vec![])).await.unwrap();
    assert_eq!(store.next_offset("in", 0).await.unwrap(), Some(7));
}

async fn a_position_gives_one_run_per_pathway(store: Arc<dyn Store>) {
    let other = NewRun { pathway: "other".into(), public_id: "other".into(), ..new_run(0) };
    let again = NewRun { public_id: "again".into(), ..new_run(0) };
    let answers = store.admit(admit(0, vec![new_run(0), other, again])).await.unwrap();
    let [Admission::Inserted(first), Admission::Inserted(second), duplicate] = &answers[..] else { panic!() };
    assert!(first < second);
    let expected = Admission::Duplicate { run: *first, public_id: "id-0".into(), of: DuplicateOf::Position };
    assert_eq!(*duplicate, expected);
    assert_eq!(store.run("again").await.unwrap(), None);
}

async fn duplicates_are_dropped_and_named(store: Arc<dyn Store>) {
    let dedupe = |offset, id: &str| NewRun { dedupe_id: Some(id.into()), ..new_run(offset) };
    let first = admitted(&*store, dedupe(0, "message")).await;
    let elsewhere = NewRun { pathway: "other".into(), ..dedupe(1, "message") };
    let same_id = NewRun { public_id: "id-0".into(), ..new_run(3) };
    let runs = vec![elsewhere, dedupe(2, "message"), same_id];
    let answers = store.admit(Admit { next_offset: 4, ..admit(1, runs) }).await.unwrap();
    let duplicate = |of| Admission::Duplicate { run: first, public_id: "id-0".into(), of };
    assert!(matches!(answers[0], Admission::Inserted(_)));
    assert_eq!(answers[1..], [duplicate(DuplicateOf::DedupeId), duplicate(DuplicateOf::PublicId)]);
}

async fn an_idempotency_key_belongs_to_a_pathway_and_a_subject(store: Arc<dyn Store>) {
    let keyed = |offset, subject: Option<&str>, hash| NewRun {
        subject: subject.map(str::to_owned),
        idempotency: Some(Idempotency { key: "key".into(), input_hash: vec![hash] }),
        ..new_run(offset)
    };
    let first = admitted(&*store, keyed(0, Some("ann"), 1)).await;
    let runs = vec![
        keyed(1, Some("bob"), 1),
        NewRun { pathway: "other".into(), ..keyed(2, Some("ann"), 1) },
        keyed(3, None, 1),
        keyed(4, None, 1),
        keyed(5, Some("ann"), 1),
        keyed(6, Some("ann"), 2),
    ];
    let answers = store.admit(Admit { next_offset: 7, ..admit(1, runs) }).await.unwrap();
    assert!(answers[..3].iter().all(|answer| matches!(answer, Admission::Inserted(_))), "{answers:?}");
    assert!(matches!(&answers[3], Admission::Duplicate { public_id, .. } if public_id == "id-3"));
    for (answer, same_input) in answers[4..].iter().zip([true, false]) {
        let of = DuplicateOf::IdempotencyKey { same_input };
        assert_eq!(*answer, Admission::Duplicate { run: first, public_id: "id-0".into(), of });
    }
    assert_eq!(store.run_by_idempotency("pathway", None, "key").await.unwrap().unwrap().public_id, "id-3");
    assert_eq!(store.run_by_idempotency("pathway", Some("eve"), "key").await.unwrap(), None);
}

async fn a_run_needs_its_definition(store: Arc<dyn Store>) {
    let run = NewRun { digest: "unheard".into(), ..new_run(1) };
    let refused = conflict(store.admit(admit(0, vec![new_run(0), run])).await);
    assert_eq!(refused, Conflict::UnknownDefinition("unheard".into()));
    assert_eq!(store.run("id-0").await.unwrap(), None);
    assert_eq!(store.next_offset("in", 0).await.unwrap(), None);
    store.define("unheard", "text").await.unwrap();
    store.define("unheard", "the first text stays").await.unwrap();
    assert_eq!(store.definition("unheard").await.unwrap().as_deref(), Some("text"));
}

async fn the_journal_has_no_gaps(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    store.append(Append { events: vec![event("1"), event("2")], ..Append::new(run, 1) }).await.unwrap();
    for wrong in [0, 1, 2, 4] {
        let append = Append { events: vec![event("x")], ..Append::new(run, wrong) };
        let refused = conflict(store.append(append).await);
        assert_eq!(refused, Conflict::Seq { run, expected: wrong, found: 3 });
    }
    store.append(Append { events: vec![event("3")], ..Append::new(run, 3) }).await.unwrap();
    let read: Vec<_> =
        store.events(run).await.unwrap().into_iter().map(|event| (event.seq, event.payload)).collect();
    let expected = [(0, b"input-0".to_vec()), (1, b"1".to_vec()), (2, b"2".to_vec()), (3, b"3".to_vec())];
    assert_eq!(read, expected);
    assert_eq!(conflict(store.append(Append::new(RunId(99), 1)).await), Conflict::UnknownRun(RunId(99)));
}

async fn journals_are_read_together_as_far_as_they_are_small(store: Arc<dyn Store>) {
    let mut runs = Vec::new();
    for (offset, sizes) in (0..).zip([vec![10, 20], vec![3 << 20], vec![], vec![3 << 20, 1], vec![5]]) {
        let run = admitted(&*store, new_run(offset)).await;
        let events = sizes.into_iter().map(|size| event(vec![b'x'; size])).collect();
        store.append(Append { events, ..Append::new(run, 1) }).await.unwrap();
        runs.push(run);
    }
    runs.insert(2, RunId(99));
    assert_eq!(store.journals(&[]).await.unwrap(), Vec::<Vec<_>>::new());
    let mut read = Vec::new();
    while read.len() < runs.len() {
        let more = store.journals(&runs[read.len()..]).await.unwrap();
        assert!(!more.is_empty());
        read.extend(more);
    }
    for (run, journal) in runs.into_iter().zip(read) {
        assert_eq!(journal, store.events(run).await.unwrap(), "{run:?}");
    }
}

async fn what_an_event_stands_for_is_deleted(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let other = admitted(&*store, new_run(1)).await;
    let large = |byte: u8| vec![byte; 100_000];
    let append = |run, seq, payloads: &[&[u8]], compacts| {
        let events = payloads.iter().map(|payload| event(*payload)).collect();
        store.append(Append { events, compacts, ..Append::new(run, seq) })
    };
    let kept = async |run| -> Vec<_> {
        let events = store.events(run).await.unwrap().into_iter();
        events.map(|event| (event.seq, event.payload)).collect()
    };
    let started = (0, new_run(0).started);
    append(other, 1, &[&large(1), b"other"], false).await.unwrap();
    append(run, 1, &[&large(1), b"2", &large(3)], false).await.unwrap();
    append(run, 4, &[&large(4)], true).await.unwrap();
    assert_eq!(kept(run).await, [started.clone(), (4, large(4))]);
    assert_eq!(kept(other).await[1..], [(1, large(1)), (2, b"other".to_vec())], "of others nothing");
    // The numbers go on.
    let refused = conflict(append(run, 2, &[b"again"], true).await);
    assert_eq!(refused, Conflict::Seq { run, expected: 2, found: 5 });
    assert_eq!(kept(run).await.len(), 2);
    append(run, 5, &[b"5", b"6"], false).await.unwrap();
    assert_eq!(store.journals(&[run]).await.unwrap(), [store.events(run).await.unwrap()]);
    assert_eq!(kept(run).await[1..], [(4, large(4)), (5, b"5".to_vec()), (6, b"6".to_vec())]);
    // What comes with it counts as before it.
    append(run, 7, &[&large(7), b"8", b"9"], true).await.unwrap();
    assert_eq!(kept(run).await, [started, (9, b"9".to_vec())]);
    assert_eq!(kept(other).await.len(), 3);
}

async fn nothing_follows_the_end(store: Arc<dyn Store>) {
    for (offset, end) in (0..).zip([Status::Succeeded, Status::Failed, Status::Cancelled]) {
        let run = admitted(&*store, new_run(offset)).await;
        let append = Append { status: status(end, Some(b"outcome")), ..Append::new(run, 1) };
        store.append(append.clone()).await.unwrap();
        let read = store.run(&format!("id-{offset}")).await.unwrap().unwrap();
        assert_eq!((read.status, read.finished_at), (end, Some(2_000)));
        assert_eq!(read.outcome.as_deref(), Some(&b"outcome"[..]));
        assert_eq!(conflict(store.append(append).await), Conflict::Finished(run));
        assert_eq!(conflict(store.append_stream(run, vec![]).await), Conflict::Finished(run));
    }
    assert_eq!(store.unfinished(None, 10).await.unwrap(), []);
}

async fn an_append_is_all_or_nothing(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let good = Append {
        events: vec![event("1")],
        records: vec![record("out", "1")],
        children: vec![child("child-1")],
        stream: vec![StreamRow { attempt: 1, seq: 0, value: b"piece".to_vec() }],
        status: status(Status::Parked, Some(b"why")),
        ..Append::new(run, 1)
    };
    let bad_child = NewRun { digest: "unheard".into(), ..child("child-3") };
    let bad = Append {
        events: vec![event("2")],
        records: vec![record("out", "2")],
        children: vec![child("child-2"), bad_child],
        stream: vec![StreamRow { attempt: 1, seq: 1, value: b"piece".to_vec() }],
        status: status(Status::Succeeded, None),
        ..Append::new(run, 2)
    };
    let appended = store.append(good).await.unwrap();
    assert_eq!(appended.offsets, [0]);
    assert!(matches!(appended.children[..], [Admission::Inserted(_)]));
    assert!(matches!(conflict(store.append(bad).await), Conflict::UnknownDefinition(_)));

    assert_eq!(store.events(run).await.unwrap().len(), 2);
    assert_eq!(store.records("out", 0, 0, 10, 1_000).await.unwrap().len(), 1);
    assert_eq!(store.stream(run, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.children(run).await.unwrap().len(), 1);
    assert_eq!(store.run("child-2").await.unwrap(), None);
    assert_eq!(store.run("id-0").await.unwrap().unwrap().status, Status::Parked);
}

async fn a_conflict_spoils_nothing_for_others(store: Arc<dyn Store>) {
    let mut runs = Vec::new();
    for offset in 0..100 {
        runs.push(admitted(&*store, new_run(offset)).await);
    }
    let tasks: Vec<_> = runs
        .iter()
        .flat_map(|&run| [(run, 1), (run, 1), (run, 9)])
        .map(|(run, seq)| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let append = Append {
                    events: vec![event("1")],
                    records: vec![record("out", "1")],
                    ..Append::new(run, seq)
                };
                store.append(append).await
            })
        })
        .collect();
    let mut offsets = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(appended) => offsets.extend(appended.offsets),
            refused => drop(conflict(refused)),
        }
    }
    offsets.sort_unstable();
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
    for run in runs {
        assert_eq!(store.events(run).await.unwrap().len(), 2);
    }
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 100);
}

async fn a_parked_run_goes_on(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let why = vec![7; 100_000];
    store.append(Append { status: status(Status::Parked, Some(&why)), ..Append::new(run, 1) }).await.unwrap();
    let parked = store.run("id-0").await.unwrap().unwrap();
    assert_eq!((parked.status, parked.outcome, parked.finished_at), (Status::Parked, Some(why), None));
    let redriven = StatusChange { status: Status::Ready, outcome: None, wake_at: Some(3_000), at: 2_500 };
    let events = vec![event("redriven")];
    store.append(Append { events, status: Some(redriven), ..Append::new(run, 1) }).await.unwrap();
    let ready = store.run("id-0").await.unwrap().unwrap();
    assert_eq!((ready.status, ready.outcome, ready.wake_at), (Status::Ready, None, Some(3_000)));
}

async fn a_run_can_be_pinned_anew(store: Arc<dyn Store>) {
    store.define("newer", "text").await.unwrap();
    let run = admitted(&*store, new_run(0)).await;
    let other = admitted(&*store, new_run(1)).await;
    let pin = |digest: &str| Append {
        events: vec![event("redriven")],
        definition: Some(digest.into()),
        ..Append::new(run, 1)
    };
    let refused = conflict(store.append(pin("unheard")).await);
    assert_eq!(refused, Conflict::UnknownDefinition("unheard".into()));
    assert_eq!(store.events(run).await.unwrap().len(), 1, "nothing of it was written");
    store.append(pin("newer")).await.unwrap();
    assert_eq!(store.run("id-0").await.unwrap().unwrap().digest, "newer");
    store.append(Append { events: vec![event("1")], ..Append::new(run, 2) }).await.unwrap();
    let digests: Vec<_> =
        store.unfinished(None, 10).await.unwrap().into_iter().map(|run| (run.id, run.digest)).collect();
    assert_eq!(digests, [(run, "newer".into()), (other, DIGEST.into())]);
}

async fn a_run_can_end_where_it_begins(store: Arc<dyn Store>) {
    let ended = NewRun { status: Status::Succeeded, outcome: Some(b"result".to_vec()), ..new_run(0) };
    let run = admitted(&*store, ended).await;
    let parked = NewRun { status: Status::Parked, outcome: Some(b"undecodable".to_vec()), ..new_run(1) };
    admitted(&*store, parked).await;
    let read = store.run("id-0").await.unwrap().unwrap();
    assert_eq!((read.status, read.finished_at), (Status::Succeeded, Some(1_000)));
    assert_eq!(read.outcome.as_deref(), Some(&b"result"[..]));
    assert_eq!(conflict(store.append(Append::new(run, 1)).await), Conflict::Finished(run));
    let unfinished = store.unfinished(None, 10).await.unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].outcome.as_deref(), Some(&b"undecodable"[..]));
}

async fn children_belong_to_their_parent(store: Arc<dyn Store>) {
    let parent = admitted(&*store, new_run(0)).await;
    let children = vec![child("one"), child("two"), child("one")];
    let appended =
        store.append(Append { children, events: vec![event("1")], ..Append::new(parent, 1) }).await.unwrap();
    let [Admission::Inserted(one), Admission::Inserted(two), duplicate] = &appended.children[..] else {
        panic!()
    };
    let of = DuplicateOf::PublicId;
    assert_eq!(*duplicate, Admission::Duplicate { run: *one, public_id: "one".into(), of });
    let read = store.children(parent).await.unwrap();
    assert_eq!(read.iter().map(|run| run.id).collect::<Vec<_>>(), [*one, *two]);
    assert!(read.iter().all(|run| run.parent == Some(parent) && run.source.is_none()));
    assert_eq!(store.children(*one).await.unwrap(), []);
}

async fn reruns_are_found_by_what_they_run_again(store: Arc<dyn Store>) {
    admitted(&*store, new_run(0)).await;
    let rerun = |offset, of: &str| NewRun { rerun_of: Some(of.into()), ..new_run(offset) };
    for (offset, of) in [(1, "id-0"), (2, "id-1"), (3, "id-0"), (4, "forgotten")] {
        admitted(&*store, rerun(offset, of)).await;
    }
    let reruns = async |of: &str, limit| {
        let runs = store.reruns(of, limit).await.unwrap().into_iter();
        runs.map(|run| run.public_id).collect::<Vec<_>>()
    };
    assert_eq!(reruns("id-0", 10).await, ["id-3", "id-1"], "the newest first");
    assert_eq!(reruns("id-0", 1).await, ["id-3"]);
    assert_eq!(reruns("id-3", 10).await, Vec::<String>::new());
    assert_eq!(store.run("id-4").await.unwrap().unwrap().rerun_of.as_deref(), Some("forgotten"));
    assert_eq!(store.run("id-0").await.unwrap().unwrap().rerun_of, None);
}

async fn a_stream_is_read_after_any_row(store: Arc<dyn Store>) {
    let run = admitted(&*store, new_run(0)).await;
    let other = admitted(&*store, new_run(1)).await;
    let row = |attempt, seq| StreamRow { attempt, seq, value: vec![u8::try_from(attempt + seq).unwrap()] };
    store.append_stream(run, vec![row(1, 0), row(1, 1)]).await.unwrap();
    store.append_stream(other, vec![row(1, 0)]).await.unwrap();
    store.append_stream(run, vec![row(2, 0)]).await.unwrap();
    assert_eq!(store.stream(run, None, 10).await.unwrap(), [row(1, 0), row(1, 1), row(2, 0)]);
    assert_eq!(store.stream(run, None, 2).await.unwrap(), [row(1, 0), row(1, 1)]);
    assert_eq!(store.stream(run, Some((1, 0)), 10).await.unwrap(), [row(1, 1), row(2, 0)]);
    assert_eq!(store.stream(run, Some((1, 9)), 10).await.unwrap(), [row(2, 0)]);
    assert_eq!(store.stream(run, Some((2, 0)), 10).await.unwrap(), []);
    let refused = conflict(store.append_stream(run, vec![row(2, 1), row(1, 1)]).await);
    assert_eq!(refused, Conflict::StreamRow { run, attempt: 1, seq: 1 });
    assert_eq!(store.stream(run, Some((2, 0)), 10).await.unwrap(), []);
    let unknown = conflict(store.append_stream(RunId(99), vec![row(1, 0)]).await);
    assert_eq!(unknown, Conflict::UnknownRun(RunId(99)));
}

async fn large_payloads_are_kept(store: Arc<dyn Store>) {
    for (offset, size) in (0..).zip([32 * 1024, 32 * 1024 + 1, 2 << 20]) {
        let large = vec![u8::try_from(offset).unwrap(); size];
        let run = admitted(&*store, NewRun { started: large.clone(), ..new_run(offset) }).await;
        let append = Append {
            events: vec![event(large.clone())],
            records: vec![record("out", large.clone())],
            stream: vec![StreamRow { attempt: 1, seq: 0, value: large.clone() }],
            status: status(Status::Succeeded, Some(&large)),
            ..Append::new(run, 1)
        };
        store.append(append).await.unwrap();
        let events = store.events(run).await.unwrap();
        assert!(events.len() == 2 && events.iter().all(|event| event.payload == large));
        let records = store.records("out", 0, offset, 1, 0).await.unwrap();
        assert_eq!(records[0].value.as_deref(), Some(&*large));
        assert_eq!(store.stream(run, None, 1).await.unwrap()[0].value, large);
        assert_eq!(store.run(&format!("id-{offset}")).await.unwrap().unwrap().outcome, Some(large));
    }
}

async fn unfinished_runs_are_paged(store: Arc<dyn Store>) {
    let mut expected = Vec::new();
    for offset in 0..10 {
        let run = admitted(&*store, new_run(offset)).await;
        if offset % 3 == 0 {
            let append = Append { status: status(Status::Succeeded, None), ..Append::new(run, 1) };
            store.append(append).await.unwrap();
        } else {
            expected.push(run);
        }
    }
    let mut found = Vec::new();
    loop {
        let page = store.unfinished(found.last().copied(), 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|run| run.id));
    }
    assert_eq!(found, expected);
    let append = |run, status: Status| Append { status: self::status(status, None), ..Append::new(run, 1) };
    let parked = expected.remove(2);
    store.append(append(parked, Status::Parked)).await.unwrap();
    let first = store.ready(None, 2).await.unwrap();
    let rest = store.ready(first.last().map(|run| run.id), 100).await.unwrap();
    let ready: Vec<_> = first.into_iter().chain(rest).map(|run| run.id).collect();
    assert_eq!(ready, expected, "of those that are ready, the oldest first");
}

async fn the_newest_run_of_a_correlation_answers(store: Arc<dyn Store>) {
    let correlated = |offset, pathway: &str| NewRun {
        pathway: pathway.into(),
        correlation: Some("correlation".into()),
        ..new_run(offset)
    };
    for (offset, pathway) in (0..).zip(["one", "one", "two"]) {
        admitted(&*store, correlated(offset, pathway)).await;
    }
    let found = async |pathway| {
        store.run_by_correlation(pathway, "correlation").await.unwrap().map(|run| run.public_id)
    };
    assert_eq!(found(None).await.as_deref(), Some("id-2"));
    assert_eq!(found(Some("one")).await.as_deref(), Some("id-1"));
    assert_eq!(found(Some("three")).await, None);
}

async fn runs_are_listed_and_counted(store: Arc<dyn Store>) {
    let ends = [None, Some(Status::Parked), Some(Status::Succeeded), Some(Status::Failed), None];
    for (offset, end) in (0..).zip(ends) {
        let pathway = if offset < 4 { "early" } else { "late" };
        let run = admitted(&*store, NewRun { pathway: pathway.into(), ..new_run(offset) }).await;
        if let Some(end) = end {
            store.append(Append { status: status(end, None), ..Append::new(run, 1) }).await.unwrap();
        }
    }
    let any = Filter { status: None, pathway: None, before: None, limit: 3 };
    let list = async |filter: Filter| {
        let runs = store.runs(filter).await.unwrap();
        runs.into_iter().map(|run| run.source.unwrap().offset).collect::<Vec<_>>()
    };
    assert_eq!(list(any.clone()).await, [4, 3, 2]);
    let third = store.run("id-2").await.unwrap().unwrap().id;
    assert_eq!(list(Filter { before: Some(third), ..any.clone() }).await, [1, 0]);
    assert_eq!(list(Filter { status: Some(Status::Ready), ..any.clone() }).await, [4, 0]);
    assert_eq!(list(Filter { status: Some(Status::Failed), ..any.clone() }).await, [3]);
    let early = Some("early".to_owned());
    assert_eq!(list(Filter { status: Some(Status::Ready), pathway: early, ..any }).await, [0]);
    let expected = Counts { ready: 2, parked: 1, succeeded: 1, failed: 1, cancelled: 0 };
    assert_eq!(store.counts().await.unwrap(), expected);
    let Counts { ready, parked, .. } = expected;
    assert_eq!(store.unfinished_counts().await.unwrap(), Counts { ready, parked, ..Counts::default() });
}

//! What only a store on PostgreSQL has: one process holds it, a server that goes away and comes back,
//! and text that a database does not take.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::project::Secret;
use pathway_server::store::*;
use pathway_tests::postgres::Postgres;
use pathway_tests::soon;

use crate::support::*;

/// Ends all sessions of stores, as an operator does.
const END_ALL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pathway'";

/// Ready when a session waits for a lock of another.
const UNTIL_ONE_WAITS: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock') LOOP
        PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot();
    END LOOP; END $$";

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&Secret::new(url), PostgresOptions::default()).await
}

async fn prepared_at(url: &str) -> Arc<dyn Store> {
    with_definition(Arc::new(open(url).await.unwrap())).await
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let Some(postgres) = Postgres::shared().await else { return };
    let url = postgres.schema().await;
    let held = open(&url).await.unwrap();
    let error = open(&url).await.unwrap_err();
    assert!(matches!(&error, StoreError::Held { .. }), "{error:?}");
    let place = format!("postgres://127.0.0.1:{}/postgres", postgres.port());
    assert_eq!(error.to_string(), format!("the store in `{place}` is in use by another pathway process"));
    // Another schema is another store.
    let other = open(&postgres.schema().await).await.unwrap();
    assert_ne!(other.id(), held.id());
    drop(held);
    open(&url).await.unwrap();
}

#[tokio::test]
async fn processes_that_start_at_once_migrate_in_turn() {
    let Some(postgres) = Postgres::shared().await else { return };
    let url = postgres.schema().await;
    let (one, other) = tokio::join!(open(&url), open(&url));
    // One holds it; the other found the tables there, and waited for it in vain.
    let (held, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert!(held.is_ok(), "{held:?}");
    assert!(matches!(refused, Err(StoreError::Held { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let Some(postgres) = Postgres::shared().await else { return };
    let url = postgres.schema().await;
    drop(open(&url).await.unwrap());
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    postgres.run(&format!("UPDATE {schema}.meta SET value = 999 WHERE name = 'schema_version'")).await;
    for _ in 0..2 {
        let error = open(&url).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 999, known: 1..=998, .. }), "{error:?}");
        assert!(error.to_string().contains("use the newer version"), "{error}");
    }
}

#[tokio::test]
async fn what_is_compacted_leaves_no_blob_behind() {
    let Some(postgres) = Postgres::shared().await else { return };
    let url = postgres.schema().await;
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    let blobs = async |count: u32| {
        let wrong =
            format!("IF (SELECT count(*) FROM {schema}.blob) <> {count} THEN RAISE 'not {count}'; END IF;");
        postgres.run(&format!("DO $$ BEGIN {wrong} END $$")).await;
    };
    let store = prepared_at(&url).await;
    let run = admitted(&*store, new_run(0)).await;
    let append = |seq, payloads: &[u8], compacts| {
        let events = payloads.iter().map(|byte| event(vec![*byte; 100_000])).collect();
        store.append(Append { events, compacts, ..Append::new(run, seq) })
    };
    append(1, &[1, 2, 3], false).await.unwrap();
    blobs(3).await;
    append(4, &[4], true).await.unwrap();
    blobs(1).await;
    append(5, &[5, 6], true).await.unwrap();
    blobs(1).await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_without_the_password() {
    let Some(postgres) = Postgres::shared().await else { return };
    let port = postgres.port();
    for url in [
        format!("postgres://nobody:s3cret@127.0.0.1:{port}/nowhere?sslmode=disable"),
        // It has no TLS.
        format!("postgres://pathway:s3cret@127.0.0.1:{port}/postgres?sslmode=require"),
        "host=h password=s3cret".to_owned(),
    ] {
        let error = open(&url).await.unwrap_err();
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn any_text_is_kept() {
    let Some(place) = Place::postgres().await else { return };
    let store = with_definition(place.open(Outlet::Topics).await).await;
    // No `text` holds a zero, and no index takes so much that does not shrink.
    let long: String =
        (0..20_000_u32).map(|n| char::from(b'!' + u8::try_from(n * n % 89).unwrap())).collect();
    for (offset, odd) in (0..).zip(["\0", "a\0b", &long]) {
        let run = NewRun {
            subject: Some(odd.to_owned()),
            lane: Some(odd.to_owned()),
            correlation: Some(odd.to_owned()),
            dedupe_id: Some(odd.to_owned()),
            idempotency: Some(Idempotency { key: odd.to_owned(), input_hash: vec![0] }),
            ..new_run(offset)
        };
        let id = admitted(&*store, run.clone()).await;
        let found = store.run_by_correlation(None, odd).await.unwrap().unwrap();
        assert_eq!((found.id, found.lane.as_deref()), (id, Some(odd)));
        let found = store.run_by_idempotency("pathway", Some(odd), odd).await.unwrap().unwrap();
        assert_eq!((found.id, found.subject.as_deref()), (id, Some(odd)));
        let again = NewRun { public_id: "again".into(), ..run };
        let called = Append { children: vec![again], ..Append::new(id, 1) };
        let of = DuplicateOf::DedupeId;
        let duplicate = Admission::Duplicate { run: id, public_id: format!("id-{offset}"), of };
        assert_eq!(store.append(called).await.unwrap().children, [duplicate]);
    }
    assert_eq!(store.run("\0").await.unwrap(), None);
}

#[tokio::test]
async fn a_change_that_cannot_be_written_spoils_nothing_for_others() {
    let Some(place) = Place::postgres().await else { return };
    let store = with_definition(place.open(Outlet::Topics).await).await;
    let publish = |topic: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.publish(vec![record(topic, "x")]).await })
    };
    let tasks: Vec<_> = (0..30).map(|n| publish(if n % 3 == 1 { "no\0topic" } else { "topic" })).collect();
    let mut offsets = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(offset) => offsets.extend(offset),
            Err(error) => assert!(matches!(error, StoreError::Refused(_)) && n % 3 == 1, "{error:?}"),
        }
    }
    offsets.sort_unstable();
    assert_eq!(offsets, (0..20).collect::<Vec<_>>());
    assert_eq!(store.end_offset("topic", 0).await.unwrap(), 20);
}

#[tokio::test]
async fn lost_connections_are_made_again() {
    let Some(postgres) = Postgres::own().await else { return };
    let store = prepared_at(&postgres.schema().await).await;
    let run = admitted(&*store, new_run(0)).await;
    for seq in 1..=5 {
        postgres.run(END_ALL).await;
        store.append(Append { events: vec![event("1")], ..Append::new(run, seq) }).await.unwrap();
        assert_eq!(store.events(run).await.unwrap().len(), 1 + usize::try_from(seq).unwrap());
    }
}

#[tokio::test]
async fn a_change_under_way_when_its_connection_is_lost_is_made_once() {
    let Some(postgres) = Postgres::own().await else { return };
    let store = prepared_at(&postgres.schema().await).await;
    let (noted, mut notes) = tokio::sync::mpsc::unbounded_channel();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let (store, noted) = (Arc::clone(&store), noted.clone());
            tokio::spawn(async move {
                let topic = format!("topic-{n}");
                let mut offsets = Vec::new();
                for _ in 0..50 {
                    offsets.extend(store.publish(vec![record(&topic, "x")]).await.unwrap());
                    noted.send(()).unwrap();
                }
                (topic, offsets)
            })
        })
        .collect();
    drop(noted);
    let mut written = 0;
    while let Some(()) = notes.recv().await {
        written += 1;
        if written % 25 == 0 {
            postgres.run(END_ALL).await;
        }
    }
    for writer in writers {
        let (topic, offsets) = writer.await.unwrap();
        assert_eq!(offsets, (0..50).collect::<Vec<_>>());
        assert_eq!(store.end_offset(&topic, 0).await.unwrap(), 50);
    }
}

#[tokio::test]
async fn a_commit_that_was_lost_in_a_crash_of_the_server_is_made_again() {
    let Some(postgres) = Postgres::own().await else { return };
    let url = postgres.schema().await;
    let store = prepared_at(&url).await;
    let run = admitted(&*store, new_run(0)).await;
    // The commit is asked for, and waits for somebody else when the server crashes.
    let (other, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    other.batch_execute("BEGIN; LOCK TABLE event IN EXCLUSIVE MODE").await.unwrap();
    let appending = {
        let store = Arc::clone(&store);
        let append = Append { events: vec![event("1")], ..Append::new(run, 1) };
        tokio::spawn(async move { store.append(append).await })
    };
    soon("the commit to wait", postgres.run(UNTIL_ONE_WAITS)).await;
    postgres.kill().await;
    postgres.start().await;
    // What the server does not remember having given out it gives out again, to others.
    for _ in 0..5 {
        postgres.run("SELECT pg_current_xact_id()").await;
    }
    soon("the answer", appending).await.unwrap().unwrap();
    assert_eq!(store.events(run).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_comes_back_is_waited_for() {
    let Some(postgres) = Postgres::own().await else { return };
    let store = prepared_at(&postgres.schema().await).await;
    store.publish(vec![record("out", "1")]).await.unwrap();
    postgres.kill().await;
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            tokio::join!(store.publish(vec![record("out", "2")]), store.end_offset("out", 0))
        })
    };
    postgres.start().await;
    let (published, end) = soon("the answers", waiting).await.unwrap();
    assert_eq!(published.unwrap(), [1]);
    assert!((1..=2).contains(&end.unwrap()));
}

#[tokio::test]
async fn a_server_that_stays_away_fails_what_is_asked_and_works_later() {
    let Some(postgres) = Postgres::own().await else { return };
    let url = Secret::new(postgres.schema().await);
    let options = PostgresOptions { patience: Duration::ZERO, ..PostgresOptions::default() };
    let store = PostgresStore::open(&url, options).await.unwrap();
    store.publish(vec![record("out", "1")]).await.unwrap();
    postgres.kill().await;
    for _ in 0..2 {
        let error = store.publish(vec![record("out", "2")]).await.unwrap_err();
        assert!(matches!(error, StoreError::Away(_)), "{error:?}");
        let error = store.end_offset("out", 0).await.unwrap_err();
        assert!(matches!(error, StoreError::Read(_)), "{error:?}");
    }
    postgres.start().await;
    assert_eq!(store.publish(vec![record("out", "2")]).await.unwrap(), [1]);
    assert_eq!(store.end_offset("out", 0).await.unwrap(), 2);
}

#[tokio::test]
async fn a_store_that_was_taken_over_stops() {
    let Some(postgres) = Postgres::own().await else { return };
    let url = postgres.schema().await;
    let store = prepared_at(&url).await;
    let mut watch = store.watch_topic("out");
    postgres.run(END_ALL).await;
    let other = open(&url).await.unwrap();
    let error = store.publish(vec![record("out", "1")]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Stopped(reason) if reason.contains("taken")), "{error:?}");
    assert!(soon("the reason", store.stopped()).await.contains("taken"));
    assert!(matches!(watch.changed().await, Err(StoreError::Stopped(_))));
    assert_eq!(other.end_offset("out", 0).await.unwrap(), 0);
}

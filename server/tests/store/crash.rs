//! A process is killed while it writes: what it was told is there, nothing is there by half.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pathway_server::store::*;

use crate::support::*;

const CHILD: &str = "PATHWAY_TEST_CRASH_FOLDER";
const WRITERS: i64 = 16;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    for round in 1..=4 {
        write_until_killed(folder.path(), round * 150, &mut acknowledged);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(verify(folder.path(), &acknowledged));
    }
}

/// Lets a child write until it has said `enough` times that something is durable; notes what.
fn write_until_killed(folder: &Path, enough: usize, acknowledged: &mut HashMap<i64, u32>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut noted = 0;
    for line in lines.map_while(Result::ok) {
        if let Some((run, seq)) = line.strip_prefix("durable ").and_then(|rest| rest.split_once(' ')) {
            acknowledged.insert(run.parse().unwrap(), seq.parse().unwrap());
            noted += 1;
        }
        if noted == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(noted >= enough, "the writer ended by itself");
}

async fn verify(folder: &Path, acknowledged: &HashMap<i64, u32>) {
    let store = SqliteStore::open(folder).unwrap();
    let runs = store.unfinished(None, 1_000).await.unwrap();
    let mut changes = HashMap::new();
    for run in &runs {
        let events = store.events(run.id).await.unwrap();
        assert!(events.iter().zip(0..).all(|(event, seq)| event.seq == seq), "the journal has a gap");
        assert_eq!(events.len() % 2, 1, "half a change is there");
        let rows = store.stream(run.id, None, 100_000).await.unwrap();
        assert_eq!(rows.len(), events.len() / 2);
        changes.insert(run.id, rows.len());
    }
    for (&run, &last) in acknowledged {
        let durable = changes.get(&RunId(run)).copied().unwrap_or(0);
        assert!(durable * 2 >= last as usize, "run {run} was told of {last}, and has {durable} changes");
    }
    let records = store.records("out", 0, 0, u32::MAX, usize::MAX).await.unwrap();
    assert_eq!(records.len(), changes.values().sum::<usize>());
    assert!(records.iter().zip(0..).all(|(record, offset)| record.offset == offset));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that `what_was_acknowledged_survives_a_kill` kills"]
async fn writer() {
    let folder = std::env::var_os(CHILD).unwrap();
    let store = prepared(SqliteStore::open(Path::new(&folder)).unwrap()).await;
    let mut runs = store.unfinished(None, 1_000).await.unwrap();
    if runs.is_empty() {
        let new = (0..WRITERS).map(new_run).collect();
        store.admit(Admit { next_offset: WRITERS, ..admit(0, new) }).await.unwrap();
        runs = store.unfinished(None, 1_000).await.unwrap();
    }
    let mut writers = Vec::new();
    for run in runs {
        let next = u32::try_from(store.events(run.id).await.unwrap().len()).unwrap();
        writers.push(tokio::spawn(write(Arc::clone(&store), run.id, next)));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Two events, a record and a stream row in each change.
async fn write(store: Arc<dyn Store>, run: RunId, mut next: u32) {
    loop {
        let append = Append {
            events: vec![event(vec![1; 300]), event(vec![2; 300])],
            records: vec![record("out", vec![3; 300])],
            stream: vec![StreamRow { attempt: 1, seq: next, value: vec![4; 40_000] }],
            ..Append::new(run, next)
        };
        store.append(append).await.unwrap();
        // Not `println!`, which the test harness may keep to itself.
        writeln!(std::io::stdout(), "durable {run} {}", next + 1).unwrap();
        next += 2;
    }
}

//! Runs that wait for long sleep, and wake when what they wait for comes.

use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::journal::Signal;
use pathway_engine::vm::{Class, Failure};
use pathway_server::store::{Mark, MemoryStore, Most, Outlet, Run, SqliteStore, Status, Store};

use super::held::Held;
use super::{DEADLINE, Upstream, World, answer, program, project};

/// Waits until so many runs sleep, and none is awake: the store and the tasks tell nobody of it.
async fn asleep(world: &World<impl Store + 'static>, count: usize) {
    let wait = async {
        while (world.runner.asleep(), world.runner.active()) != (count, 0) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    let found = (world.runner.asleep(), world.runner.active());
    assert!(waited.is_ok(), "{count} are to sleep, and none to be awake: {found:?}");
}

/// Waits until so many runs have this status, observing nothing: observed runs do not sleep.
async fn ended(world: &World, status: Status, count: usize) -> Vec<Run> {
    let wait = async {
        loop {
            let runs = world.runs(Some(status)).await;
            if runs.len() >= count {
                return runs;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the runs did not get there in time")
}

fn go(n: i64) -> Signal {
    Signal { name: "go".into(), payload: Value::from_pairs([("n", n)]), from: None, key: None }
}

const APPROVAL: &str = r#"
pathway: p
on: { topic: t, key: "'all'" }
steps:
  before: { http: { service: api, get: /before } }
  approved: { needs: before, wait: { signal: go } }
  after: { needs: approved, http: { service: api, get: /after } }
return: "{{ steps.approved.n }}"
"#;

#[tokio::test]
async fn a_signal_wakes_a_run_which_repeats_nothing_and_keeps_its_lane() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project(&url), &[APPROVAL])).await;
    world.publish("t", "{}").await;
    world.publish("t", "{}").await;
    asleep(&world, 1).await;
    assert!(world.runner.slots().usage().iter().all(|usage| usage.in_use == 0));
    for n in 1..=2 {
        let runs = ended(&world, Status::Ready, 1).await;
        assert!(world.runner.signal(&runs.last().unwrap().public_id, go(n)).await.unwrap());
        ended(&world, Status::Succeeded, n as usize).await;
        asleep(&world, 2 - n as usize).await;
        assert_eq!((upstream.count("before"), upstream.count("after")), (2.min(n as usize + 1), n as usize));
    }
    let answers: Vec<_> = world.runs(Some(Status::Succeeded)).await.iter().map(answer).collect();
    assert_eq!(answers, ["2", "1"]);
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn it_sleeps_on_over_a_restart_and_hears_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let open = || SqliteStore::open(folder.path()).unwrap();
    let compiled = || program(&project(&url), &[APPROVAL]);
    let world = World::start(open(), compiled()).await;
    world.publish("t", "{}").await;
    asleep(&world, 1).await;
    world.runner.stop(DEADLINE).await;
    drop(world);

    let world = World::start(open(), compiled()).await;
    asleep(&world, 1).await;
    let run = world.runs(Some(Status::Ready)).await.remove(0).public_id;
    assert!(world.runner.signal(&run, go(7)).await.unwrap());
    assert_eq!(answer(&ended(&world, Status::Succeeded, 1).await[0]), "7");
    assert_eq!((upstream.count("before"), upstream.count("after")), (1, 1));
    assert!(world.store.inbox(None, Mark::START, Most::messages(10)).await.unwrap().messages.is_empty());
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn one_that_is_called_off_is_woken_for_it_and_so_is_what_it_called() {
    let child = "pathway: child\nsteps: { approved: { wait: { signal: go } } }\n";
    let parent = r#"
pathway: parent
on: { topic: t }
steps:
  ask: { call: { pathway: child, input: {} } }
"#;
    let alone = "pathway: alone\non: { topic: alone }\nsteps: { approved: { wait: { signal: go } } }\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[parent, child, alone])).await;
    world.publish("alone", "{}").await;
    asleep(&world, 1).await;
    let run = world.runs(Some(Status::Ready)).await.remove(0).public_id;
    let reason = || Failure::new(Class::Cancelled, "enough");
    assert!(world.runner.cancel(&run, reason()).await.unwrap());
    ended(&world, Status::Cancelled, 1).await;

    world.publish("t", "{}").await;
    let wait = async {
        while world.runner.asleep() < 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("what was called does not sleep");
    let runs = world.runs(Some(Status::Ready)).await;
    let parent = runs.iter().find(|run| run.pathway == "parent").unwrap();
    assert!(world.runner.cancel(&parent.public_id, reason()).await.unwrap());
    ended(&world, Status::Cancelled, 3).await;
    asleep(&world, 0).await;
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn a_time_that_comes_wakes_a_run_also_if_another_was_to_wake_before() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps: { pause: { wait: { for: "{{ input.seconds }}s" } } }
return: "{{ input.seconds }}"
"#;
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    for seconds in [3600, 8, 7] {
        world.publish("t", &format!(r#"{{"seconds": {seconds}}}"#)).await;
    }
    asleep(&world, 3).await;
    for woken in [vec!["7"], vec!["7", "8"]] {
        let mut answers: Vec<_> =
            ended(&world, Status::Succeeded, woken.len()).await.iter().map(answer).collect();
        answers.sort();
        assert_eq!(answers, woken);
    }
    assert_eq!(world.runner.asleep(), 1);
    world.runner.stop(Duration::ZERO).await;
}

/// They would otherwise fill the room that each topic has.
#[tokio::test]
async fn more_runs_may_wait_than_may_be_awake() {
    const RUNS: usize = 6_000;
    let pathway = "pathway: p\non: { topic: t }\nsteps: { approved: { wait: { signal: go } } }\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    for _ in 0..RUNS {
        world.publish("t", "{}").await;
    }
    asleep(&world, RUNS).await;
    world.runner.stop(DEADLINE).await;
}

#[tokio::test]
async fn all_that_are_signalled_at_once_wake_and_end() {
    const RUNS: usize = 500;
    let pathway = "pathway: p\non: { topic: t }\nsteps: { approved: { wait: { signal: go } } }\n\
                   return: \"{{ steps.approved.n }}\"\n";
    let world = World::start(SqliteStore::in_memory().unwrap(), program("{}", &[pathway])).await;
    for _ in 0..RUNS {
        world.publish("t", "{}").await;
    }
    asleep(&world, RUNS).await;
    for (n, run) in (0..).zip(world.runs(Some(Status::Ready)).await) {
        assert!(world.runner.signal(&run.public_id, go(n)).await.unwrap());
    }
    let mut answers: Vec<usize> =
        ended(&world, Status::Succeeded, RUNS).await.iter().map(|run| answer(run).parse().unwrap()).collect();
    answers.sort_unstable();
    assert_eq!(answers, (0..RUNS).collect::<Vec<_>>());
    asleep(&world, 0).await;
    world.runner.stop(DEADLINE).await;
}

/// However long it takes to tell each what it was woken for: none falls asleep meanwhile, to be woken again.
#[tokio::test(start_paused = true)]
async fn each_of_many_that_are_signalled_at_once_is_woken_once() {
    const RUNS: usize = 1_500;
    const PAUSE: Duration = Duration::from_millis(50);
    let pathway = "pathway: p\non: { topic: t }\nsteps: { approved: { wait: { signal: go } } }\n";
    let store = Held::slow(MemoryStore::new("memory", Outlet::Topics), PAUSE);
    let world = World::start(store, program("{}", &[pathway])).await;
    for _ in 0..RUNS {
        world.publish("t", "{}").await;
    }
    asleep(&world, RUNS).await;
    let runs = world.store.unfinished(None, RUNS as u32).await.unwrap();
    let before = world.store.journals();
    for run in &runs {
        assert!(world.runner.signal(&run.public_id, go(1)).await.unwrap());
    }
    let ended = async {
        let mut most = 0;
        while !world.store.unfinished(None, 1).await.unwrap().is_empty() {
            most = most.max(world.runner.active());
            tokio::time::sleep(PAUSE).await;
        }
        most
    };
    let most = tokio::time::timeout(10 * PAUSE * RUNS as u32, ended).await.expect("some were not told");
    assert_eq!((runs.len(), world.store.journals() - before), (RUNS, RUNS));
    assert!(most <= 1_001, "{most} were awake at once");
    world.runner.stop(DEADLINE).await;
}

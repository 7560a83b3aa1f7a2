//! What operators do to runs, from any process.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::journal::Signal;
use pathway_server::operations::{Again, Error, Operations};
use pathway_server::runner::Version;
use pathway_server::store::Status;
use tokio::time::sleep;

use crate::happening::Operation;
use crate::process::{Outside, Process, Running};
use crate::promises::AskedAgain;

/// Between two of their deeds at most.
const PAUSE: u64 = 6_000;
/// What they do.
const DEEDS: [Operation; 7] = [
    Operation::Signal,
    Operation::Cancel,
    Operation::Redrive,
    Operation::Redrive,
    Operation::Drop,
    Operation::Rerun,
    Operation::Rerun,
];
/// The signal that runs wait for.
const SIGNAL: &str = "approved";

/// Does what the seed chose.
pub(crate) async fn meddle(outside: &Outside, processes: &[Arc<Process>]) {
    let world = &outside.world;
    for n in 0..world.swarm.operations {
        sleep(Duration::from_millis(world.draw("operators", |random| random.range(0..PAUSE)))).await;
        let deed = world.draw("operators", |random| DEEDS[random.below(DEEDS.len())]);
        let can = |status: Status| match deed {
            Operation::Signal | Operation::Cancel => status == Status::Ready,
            Operation::Rerun => status != Status::Ready,
            _ => status == Status::Parked,
        };
        let runs: Vec<String> = {
            let promises = world.promises();
            let runs = promises.facts.runs().filter(|run| can(run.status));
            runs.map(|run| run.public_id.clone()).collect()
        };
        let run = world.draw("operators", |random| random.pick(&runs).cloned());
        let process = world.draw("operators", |random| random.pick(processes).cloned());
        if let (Some(run), Some(running)) = (run, process.and_then(|process| process.running())) {
            if running.runner.asleep() > 0 {
                world.did(Operation::Sleep);
            }
            let outside = outside.clone();
            tokio::spawn(async move { act(&outside, &running, deed, &run, n).await });
        }
    }
}

async fn act(outside: &Outside, running: &Running, deed: Operation, run: &str, n: usize) {
    let (world, life) = (&outside.world, &running.life);
    let operations = Operations::new(running.store.clone(), running.runner.clone());
    world.note(&life.name, format!("is asked to {deed} {run}"));
    let redrives = world.promises().facts.redrives(run);
    let doing = async {
        match deed {
            Operation::Signal => {
                let payload = Value::from_pairs([("by", n)]);
                let key = Some(n.to_string());
                operations.signal(run, Signal { name: SIGNAL.to_owned(), payload, from: None, key }).await
            }
            Operation::Cancel => operations.cancel(run).await,
            Operation::Redrive => operations.redrive(run, Version::Pinned).await,
            Operation::Rerun => {
                let rerun = operations.rerun(run, Again::default()).await?;
                let again = AskedAgain { id: rerun.id, of: run.to_owned(), redrives };
                world.promises().facts.asked_again.push(again);
                Ok(())
            }
            _ => operations.drop_parked(run).await,
        }
    };
    // Whoever asked one that dies hears nothing.
    let Ok(done) = life.until(doing).await else { return };
    match done {
        Ok(()) => {
            world.did(deed);
            world.note(&life.name, format!("will {deed} {run}"));
            if deed == Operation::Cancel {
                world.promises().facts.called_off.insert(run.to_owned());
            }
        }
        Err(Error::Store(_)) => {}
        Err(why) => world.note(&life.name, format!("will not {deed} {run}: {why}")),
    }
}

/// Lets runs go on that wait for somebody.
pub(crate) async fn release(outside: &Outside, processes: &[Arc<Process>]) {
    let waiting: Vec<String> = {
        let promises = outside.world.promises();
        let runs =
            promises.facts.runs().filter(|run| run.status == Status::Ready && run.pathway == "approval");
        runs.map(|run| run.public_id.clone()).collect()
    };
    for run in waiting {
        for process in processes {
            if let Some(running) = process.running() {
                act(outside, &running, Operation::Signal, &run, 1_000).await;
                break;
            }
        }
    }
}

//! Worlds that are played from a seed: real runners and gateways over a simulated store, bus, network and clock, in
//! which processes crash and nothing can be relied on. Whatever happens, what is promised must hold at
//! every step, and once nothing goes wrong any more, all that was begun must come to an end.
//!
//! A seed is played by one thread, in virtual time, and is the same whenever it is played:
//!
//! `PATHWAY_SEED=7 cargo test -p pathway-server --test simulation one_seed -- --nocapture`
#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bus;
mod happening;
mod life;
mod mutation;
mod network;
mod play;
mod process;
mod promises;
mod random;
mod scenario;
mod store;
mod swarm;
mod trace;
mod workload;
mod world;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use happening::Coverage;
use mutation::Mutation;
use play::{Played, play};

/// With so many seeds everything must have happened.
const ENOUGH: u64 = 1_000;
/// Within so many seeds a guard must be missed that is gone.
const MISSED: u64 = 400;

/// A number from the environment.
fn given(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// What is said of a seed in which a promise was broken.
fn told(played: &Played) -> Option<String> {
    let broken = played.broken.as_ref()?;
    let mut told = String::new();
    let Played { seed, swarm, lines, .. } = played;
    writeln!(told, "seed {seed} breaks: {}\n  {}\n\n{swarm:#?}\n\n{lines}\n", broken.promise, broken.why)
        .ok()?;
    writeln!(
        told,
        "PATHWAY_SEED={seed} cargo test -p pathway-server --test simulation one_seed -- --nocapture"
    )
    .ok()?;
    Some(told)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Plays seeds, one per processor at a time.
fn play_all(seeds: u64) -> (Coverage, Vec<String>) {
    let next = AtomicU64::new(0);
    let (coverage, broken) = (Mutex::new(Coverage::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || broken.lock().unwrap_or_else(PoisonError::into_inner).len() > 2 {
                        return;
                    }
                    let played = play(seed, None, false);
                    coverage.lock().unwrap().add(&played.coverage);
                    broken.lock().unwrap().extend(told(&played));
                }
            });
        }
    });
    (coverage.into_inner().unwrap(), broken.into_inner().unwrap())
}

#[test]
fn whatever_happens_promises_are_kept() {
    let seeds = given("PATHWAY_SEEDS").unwrap_or(1_000);
    let (coverage, broken) = play_all(seeds);
    println!("{coverage}");
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    let missing = coverage.missing();
    assert!(seeds < ENOUGH || missing.is_empty(), "in {seeds} seeds these never happened: {missing:?}");
}

#[test]
fn a_guard_that_is_gone_is_missed() {
    let next = AtomicU64::new(0);
    let missed = |mutation| (0..MISSED).find(|seed| play(*seed, Some(mutation), false).broken.is_some());
    let unmissed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                while let Some(mutation) = Mutation::ALL.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match missed(*mutation) {
                        Some(seed) => println!("{mutation:?} is missed by seed {seed}"),
                        None => unmissed.lock().unwrap().push(*mutation),
                    }
                }
            });
        }
    });
    let unmissed = unmissed.into_inner().unwrap();
    assert!(unmissed.is_empty(), "nobody misses {unmissed:?}");
}

#[test]
fn one_seed() {
    let Some(seed) = given("PATHWAY_SEED") else { return };
    let played = play(seed, None, true);
    println!("trace {:016x}", played.hash);
    if let Some(told) = told(&played) {
        panic!("{told}");
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..20 {
        let (one, other) = (play(seed, None, false), play(seed, None, false));
        assert_eq!(one.hash, other.hash, "seed {seed} is not the same twice");
    }
}

//! Time spent by the thread that measures, and rounds of several cases in turn.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Time spent, without the pauses between what was measured.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// As a clock on the wall shows it.
    pub(crate) wall: Duration,
    /// Of the processor, by this thread alone: what a machine that others use too disturbs less.
    pub(crate) cpu: Duration,
}

impl Spent {
    /// Measures `work`.
    pub(crate) fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (wall, cpu) = (Instant::now(), thread_time());
        let result = work();
        self.cpu += thread_time().saturating_sub(cpu);
        self.wall += wall.elapsed();
        result
    }

    /// How many of `count` were done in a second on the wall.
    pub(crate) fn per_second(self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How many of `count` were done in a second of the processor.
    pub(crate) fn per_cpu_second(self, count: u64) -> f64 {
        count as f64 / self.cpu.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Nanoseconds of the processor for each of `count`.
    pub(crate) fn nanos_each(self, count: u64) -> f64 {
        self.cpu.as_nanos() as f64 / count.max(1) as f64
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// One thing that is measured: does a round and tells what it took.
pub(crate) type Case<'a, T> = Box<dyn FnMut() -> Result<T, String> + 'a>;

/// Does one round of each case to warm up, then `count` rounds in which they take turns, so that
/// whatever disturbs the machine disturbs all of them. Answers what each took, by round.
pub(crate) fn rounds<T>(count: u32, mut cases: Vec<Case<'_, T>>) -> Result<Vec<Vec<T>>, String> {
    let mut taken: Vec<Vec<T>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 0..=count {
        for (case, taken) in cases.iter_mut().zip(&mut taken) {
            let took = case()?;
            if round > 0 {
                taken.push(took);
            }
        }
    }
    Ok(taken)
}

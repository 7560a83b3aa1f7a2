//! What the system tells of a process: the memory it takes and the time of the processor it took,
//! with whatever it has started itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A process that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    fn folder(self) -> PathBuf {
        Path::new("/proc").join(self.0.to_string())
    }

    /// The time of the processor that it and its children have taken, those that ended too.
    pub(crate) fn cpu(self) -> Result<Duration, String> {
        let stat = fs::read_to_string(self.folder().join("stat")).map_err(text)?;
        // The name, in brackets, may hold anything.
        let (_, after) = stat.rsplit_once(')').ok_or("no name of a process")?;
        let own: Vec<u64> =
            after.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse().ok()).collect();
        if own.len() < 4 {
            return Err("no times of a process".to_owned());
        }
        let ticks = own.iter().sum::<u64>() as f64 / rustix::param::clock_ticks_per_second() as f64;
        let own = Duration::from_secs_f64(ticks);
        self.children().into_iter().try_fold(own, |sum, child| Ok(sum + child.cpu()?))
    }

    /// The same, to the nanosecond, of those of its threads alone that are there.
    pub(crate) fn cpu_of_threads(self) -> Result<Duration, String> {
        let threads = fs::read_dir(self.folder().join("task")).map_err(text)?;
        let nanos = threads.map(|thread| {
            let spent = fs::read_to_string(thread.map_err(text)?.path().join("schedstat")).map_err(text)?;
            Ok::<_, String>(spent.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0))
        });
        nanos.sum::<Result<u64, _>>().map(Duration::from_nanos)
    }

    /// The memory that it takes, in MiB.
    pub(crate) fn resident_mib(self) -> Result<f64, String> {
        self.memory("VmRSS:")
    }

    /// The most memory that it has taken so far, in MiB.
    pub(crate) fn peak_mib(self) -> Result<f64, String> {
        self.memory("VmHWM:")
    }

    fn memory(self, name: &str) -> Result<f64, String> {
        let own = field(&self.folder().join("status"), name)? as f64 / 1024.0;
        self.children().into_iter().try_fold(own, |sum, child| Ok(sum + child.memory(name)?))
    }

    /// The bytes that it and its children have had written to disks.
    pub(crate) fn written(self) -> Result<u64, String> {
        let own = field(&self.folder().join("io"), "write_bytes:")?;
        self.children().into_iter().try_fold(own, |sum, child| Ok(sum + child.written()?))
    }

    /// How often its threads went to sleep, and so how often they were woken.
    pub(crate) fn wakes(self) -> Result<u64, String> {
        let threads = fs::read_dir(self.folder().join("task")).map_err(text)?;
        threads
            .map(|thread| field(&thread.map_err(text)?.path().join("status"), "voluntary_ctxt_switches:"))
            .sum()
    }

    fn children(self) -> Vec<Self> {
        let Ok(threads) = fs::read_dir(self.folder().join("task")) else { return Vec::new() };
        let of = |thread: PathBuf| fs::read_to_string(thread.join("children")).unwrap_or_default();
        let lists: Vec<String> = threads.flatten().map(|thread| of(thread.path())).collect();
        lists
            .iter()
            .flat_map(|list| list.split_whitespace())
            .filter_map(|id| id.parse().ok().map(Self))
            .collect()
    }
}

/// The number behind `name` in a file of lines.
fn field(file: &Path, name: &str) -> Result<u64, String> {
    let content = fs::read_to_string(file).map_err(text)?;
    let value = content.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("no `{name}` in {}", file.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! How large a run may become: the events of its journal and what it has streamed, as the store keeps
//! them. How it started is not counted, since that is bounded where it came in.
//!
//! All that a run has done is read and in memory whenever it goes on, so one that grows without end
//! would end the process at last, and be taken up again.

use pathway_engine::vm::{Class, Failure};

use super::actor::Actor;

/// Code of the failure of a run that has become too large.
const CODE: &str = "run_too_large";
/// How many times as large a run may become while it is undone.
const UNDOING: u64 = 2;

impl Actor {
    /// Counts what is kept of the run.
    pub(super) fn keeps(&mut self, bytes: usize) {
        if self.plan().has_journal() {
            self.run.kept = self.run.kept.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// How many bytes a run may have.
    pub(super) fn largest(&self) -> u64 {
        self.inner.current.borrow().loaded.project.max_run
    }

    /// Why the run is parked, if it has become too large.
    pub(super) fn too_large(&self) -> Option<Failure> {
        let largest = self.largest();
        // What it has done is undone first, as long as that keeps to what can be expected.
        let bound = largest.saturating_mul(if self.vm.is_undoing() { UNDOING } else { 1 });
        if self.run.kept <= bound {
            return None;
        }
        let message = format!(
            "the run has come to {}, and may have {} (`store.max_run`); keep large data elsewhere and pass on \
             where it is, or split the run into several, or raise the limit and redrive it",
            shown(self.run.kept),
            shown(largest),
        );
        Some(Failure { code: Some(CODE.to_owned()), ..Failure::new(Class::Bug, message) })
    }
}

/// A number of bytes, for people: in the unit that leaves few digits.
fn shown(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    let units = UNITS.into_iter().zip(1..).filter(|(_, power)| bytes >> (10 * power) > 0);
    match units.last() {
        None => format!("{bytes} bytes"),
        Some((unit, power)) => {
            let tenths = (u128::from(bytes) * 10) >> (10 * power);
            match (tenths / 10, tenths % 10) {
                (whole, 0) => format!("{whole} {unit}"),
                (whole, tenth) => format!("{whole}.{tenth} {unit}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn sizes_are_short() {
        let all = [0, 1023, 1024, 1536, 64 << 20, (64 << 20) + 1, 70_000_000, u64::MAX];
        let shown: Vec<_> = all.into_iter().map(shown).collect();
        let expected = [
            "0 bytes",
            "1023 bytes",
            "1 KiB",
            "1.5 KiB",
            "64 MiB",
            "64 MiB",
            "66.7 MiB",
            "17179869183.9 GiB",
        ];
        assert_eq!(shown, expected);
    }
}

//! What may go wrong in a world, and what is done in it: each has to happen in some seed, or the
//! simulation tests less than it says.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.name())
            }
        }
    };
}

names! {
    /// What goes wrong.
    Fault {
        /// A process ends at any moment.
        Crash = "crash",
        /// … when it was about to commit.
        CrashBeforeCommit = "crash before a commit",
        /// … when it had committed, and did not know yet.
        CrashAfterCommit = "crash after a commit",
        /// … when it had admitted, and not yet told the bus.
        CrashBeforeOffset = "crash before an offset is stored",
        /// … when a service had done what it was asked.
        CrashAfterCall = "crash after a call",
        /// … when the bus had taken a record.
        CrashAfterPublish = "crash after a record was taken",
        /// A process does nothing for a while, and does not know it.
        Suspension = "suspended process",
        /// Clocks of processes differ.
        Skew = "clock that is wrong",
        /// A commit takes seconds.
        SlowCommit = "slow commit",
        /// Whether a commit was made is not known.
        UnknownCommit = "unknown commit",
        /// The store cannot be reached.
        StoreAway = "store away",
        /// The store says late that something changed.
        LateNotice = "late notice",
        /// The bus takes nothing for a while.
        BusAway = "bus away",
        /// The bus has taken a record, and does not say so.
        UnknownPublish = "unknown publish",
        /// The bus will never take a record.
        RefusedRecord = "refused record",
        /// Offsets that no record has.
        Hole = "hole in a partition",
        /// The bus forgets to store an offset.
        LostOffset = "lost offset",
        /// Work is given to others without need.
        Rebalance = "rebalance",
        /// The bus gives a partition away from where it was a while ago.
        StalePosition = "stale position",
        /// A producer sends a record twice.
        SentTwice = "record sent twice",
        /// A service cannot be reached.
        Refused = "refused connection",
        /// A service does not answer.
        Hang = "hanging call",
        /// A service does what it is asked, and its answer is lost.
        LostAnswer = "lost answer",
        /// … in the middle of it.
        CutAnswer = "cut answer",
        /// A service answers 503.
        Unavailable = "answer 503",
        /// A service answers 429, and when to come back.
        TooMany = "answer 429",
        /// A service answers 400.
        Rejected = "answer 400",
        /// A service takes seconds.
        SlowAnswer = "slow answer",
        /// A service is away for a long while: it cannot be reached.
        AwayRefused = "service away, refused",
        /// … it answers 503.
        AwayUnavailable = "service away, answer 503",
        /// … it does not answer.
        AwaySilent = "service away, silent",
    }
}

names! {
    /// What is done.
    Operation {
        /// A record is published.
        Publish = "publish",
        /// One that cannot be read.
        PublishNonsense = "publish nonsense",
        /// One with an id that was there before.
        PublishAgain = "publish a known id",
        /// A caller asks, and waits for the answer.
        Ask = "ask",
        /// … with an `Idempotency-Key` that was used before.
        AskAgain = "ask again with a key",
        /// … and does not wait.
        AskLater = "ask for an answer later",
        /// … for something that is no input.
        AskNonsense = "ask nonsense",
        /// One is answered with what came of its run.
        Answer = "answer",
        /// One is told that its run goes on, and asked to come again.
        NotYet = "answer that it is not known yet",
        /// A schedule's time has come.
        Tick = "tick",
        /// A process is started again.
        Restart = "restart",
        /// … with other pathways than before.
        Deploy = "deploy",
        /// One is stopped in order.
        Stop = "stop",
        /// Runs sleep while an operator is at work.
        Sleep = "sleep",
        /// A run is sent a signal.
        Signal = "signal",
        /// One is called off.
        Cancel = "cancel",
        /// One that is parked is to go on.
        Redrive = "redrive",
        /// One that is parked is given up.
        Drop = "drop",
        /// One that is over or parked is run again.
        Rerun = "run again",
        /// A journal is compacted.
        Compact = "compact",
    }
}

impl Fault {
    /// Whether a process dies of it.
    pub(crate) fn is_crash(self) -> bool {
        matches!(
            self,
            Self::Crash
                | Self::CrashBeforeCommit
                | Self::CrashAfterCommit
                | Self::CrashBeforeOffset
                | Self::CrashAfterCall
                | Self::CrashAfterPublish
        )
    }
}

/// How often what happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coverage {
    faults: BTreeMap<Fault, u64>,
    operations: BTreeMap<Operation, u64>,
}

impl Coverage {
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub(crate) fn operation(&mut self, operation: Operation) {
        *self.operations.entry(operation).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (operation, count) in &other.operations {
            *self.operations.entry(*operation).or_default() += count;
        }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<String> {
        let faults = Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault));
        let operations = Operation::ALL.iter().filter(|done| !self.operations.contains_key(done));
        faults.map(ToString::to_string).chain(operations.map(ToString::to_string)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (fault, count) in &self.faults {
            writeln!(formatter, "{count:>8}  {fault}")?;
        }
        for (operation, count) in &self.operations {
            writeln!(formatter, "{count:>8}  {operation}")?;
        }
        Ok(())
    }
}

//! Changes that wait for their turn, and what they become.

use tokio::sync::oneshot;

use crate::store::{
    Admission, Admit, Append, Appended, Epoch, Home, NewMessage, NewRecord, NewRun, Offset, Proof, Prune,
    Pruned, RunId, Settle, StoreError, StreamRow, Tick,
};

/// A change.
#[derive(Debug)]
pub(super) enum Change {
    Admit(Admit),
    Append(Append),
    Stream { run: RunId, rows: Vec<StreamRow> },
    Publish(Vec<NewRecord>),
    Settle(Settle),
    Post(NewMessage),
    Discard(Vec<i64>),
    TakeOver(Home),
    SetAtWork { proof: Proof, at_work: bool },
    TakeUp(Vec<RunId>),
    PutDown(Vec<RunId>),
    Define { digest: String, text: String },
    Tick { pathway: String, schedule: String, tick: Tick },
    Prune(Prune),
}

/// What became of one.
#[derive(Debug)]
pub(super) enum Done {
    Nothing,
    Admitted(Vec<Admission>),
    Appended(Appended),
    Published(Vec<Offset>),
    Pruned(Pruned),
    TakenOver(Epoch),
    WasAtWork(bool),
    Counted(Vec<(RunId, u32)>),
}

/// A change with who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<Done, StoreError>>,
}

impl Change {
    /// Whether it is made apart from others: it is rare, and needs answers on its way.
    pub(super) const fn is_alone(&self) -> bool {
        matches!(
            self,
            Self::Define { .. }
                | Self::Tick { .. }
                | Self::SetAtWork { .. }
                | Self::TakeUp(_)
                | Self::PutDown(_)
                | Self::Prune(_)
                | Self::TakeOver(_)
        )
    }

    /// Bytes that it writes, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Admit(admit) => admit.runs.iter().map(of_run).sum(),
            Self::Append(append) => {
                let events: usize = append.events.iter().map(|event| event.payload.len()).sum();
                let children: usize = append.children.iter().map(of_run).sum();
                let outcome =
                    append.status.as_ref().and_then(|status| status.outcome.as_ref()).map_or(0, Vec::len);
                events + children + outcome + of_records(&append.records) + of_stream(&append.stream)
            }
            Self::Stream { rows, .. } => of_stream(rows),
            Self::Publish(records) => of_records(records),
            Self::Post(message) => message.payload.len(),
            Self::Settle(_)
            | Self::Discard(_)
            | Self::TakeOver(_)
            | Self::SetAtWork { .. }
            | Self::TakeUp(_)
            | Self::PutDown(_)
            | Self::Tick { .. }
            | Self::Prune(_) => 0,
            Self::Define { text, .. } => text.len(),
        }
    }
}

fn of_run(run: &NewRun) -> usize {
    let outcome = run.outcome.as_ref().map_or(0, Vec::len);
    run.started.len() + outcome + of_records(&run.records) + of_stream(&run.stream)
}

fn of_records(records: &[NewRecord]) -> usize {
    records.iter().map(NewRecord::size).sum()
}

fn of_stream(rows: &[StreamRow]) -> usize {
    rows.iter().map(|row| row.value.len()).sum()
}

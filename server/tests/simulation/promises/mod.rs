//! What is promised, checked at every step: at each commit, each call, each record and each offset.
//!
//! What the outside has seen is kept in [`Facts`], which believe nobody: they are made from the changes
//! that were committed and from what arrived at services and topics, not from what a store answers.

mod acknowledged;
mod admission;
mod calls;
mod facts;
mod journal;
mod lanes;

use pathway_server::store::{Admission, Admit, Append, Appended, NewRecord, Offset, Run, Status};

use self::calls::Calls;
pub(crate) use self::facts::{Facts, Known, Place};

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// Which.
    pub(crate) promise: &'static str,
    /// What was seen.
    pub(crate) why: String,
    /// What to look for in the trace: runs, topics, keys.
    pub(crate) about: Vec<String>,
}

pub(crate) type Kept = Result<(), Broken>;

/// See above.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) facts: Facts,
    calls: Calls,
}

impl Promises {
    /// A record is on a topic that is worked on.
    pub(crate) fn arrived(&mut self, place: Place, record: &NewRecord) -> Kept {
        self.facts.records.insert(place, record.clone());
        Ok(())
    }

    /// Records were turned into runs.
    pub(crate) fn admitted(&mut self, change: &Admit, answers: &[Admission]) -> Kept {
        admission::goes_on_where_it_was(&self.facts, change)?;
        admission::leaves_nothing_out(&self.facts, change)?;
        for (run, answer) in change.runs.iter().zip(answers) {
            let Admission::Inserted(id) = answer else { continue };
            admission::is_the_first(&self.facts, change, run)?;
            let known = Known::admitted(*id, run, change);
            let (is_over, public_id) = (known.status != Status::Ready, known.public_id.clone());
            self.facts.add(known);
            if is_over {
                lanes::may_begin(&mut self.facts, &public_id)?;
            }
        }
        self.facts.next.insert((change.topic.clone(), change.partition), change.next_offset);
        Ok(())
    }

    /// A run went on.
    pub(crate) fn appended(&mut self, change: &Append, appended: &Appended) -> Kept {
        journal::is_dense(&self.facts, change)?;
        journal::has_one_end(&self.facts, change)?;
        journal::finishes_each_step_once(&self.facts, change)?;
        self.facts.append(change, appended);
        let id = self.facts.run(change.run).map(|run| run.public_id.clone());
        match id.filter(|_| journal::is_work(change)) {
            Some(id) => lanes::may_begin(&mut self.facts, &id),
            None => Ok(()),
        }
    }

    /// A service was called.
    pub(crate) fn called(&mut self, who: &str, path: &str, key: &str) -> Kept {
        self.calls.arrives(&self.facts, who, path, key)?;
        match calls::run_of(path) {
            Some(run) => lanes::may_begin(&mut self.facts, run),
            None => Ok(()),
        }
    }

    /// The bus keeps how far a topic was read.
    pub(crate) fn offset_stored(&mut self, topic: &str, partition: i32, offset: Offset) -> Kept {
        admission::is_durable(&self.facts, topic, partition, offset)
    }

    /// A run as the store has it, after a restart or in the end.
    pub(crate) fn found(&self, run: &Run, events: usize) -> Kept {
        acknowledged::is_there(&self.facts, run, events)
    }
}

/// A promise that was broken, with what it is about.
pub(crate) fn broken<T>(
    promise: &'static str,
    why: String,
    about: impl IntoIterator<Item = impl Into<String>>,
) -> Result<T, Broken> {
    Err(Broken { promise, why, about: about.into_iter().map(Into::into).collect() })
}

//! What is promised, checked at every step: at each commit, each call, each record and each offset.
//!
//! What the outside has seen is kept in [`Facts`], which believe nobody: they are made from the changes
//! that were committed and from what arrived at services and topics, not from what a store answers.

mod acknowledged;
mod admission;
mod answers;
mod calls;
mod claims;
mod compacted;
mod endings;
mod facts;
mod fold;
mod journal;
mod lanes;
mod outages;
mod ownership;
mod records;
mod rest;
mod takeups;
mod ticks;
mod timers;

use pathway_server::store::{
    Admission, Admit, Append, Appended, Epoch, Home, MemoryStore, NewRecord, Offset, RunId, Settle, Status,
};

use self::answers::Answers;
pub(crate) use self::answers::{Answer, Asked};
use self::calls::Calls;
use self::claims::Claims;
pub(crate) use self::facts::{AskedAgain, Facts, Known, Place};
pub(crate) use self::fold::Fold;
use self::outages::Outages;
use self::records::Records;
pub(crate) use self::ticks::SCHEDULED;

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
    answers: Answers,
    calls: Calls,
    pub(crate) claims: Claims,
    outages: Outages,
    records: Records,
}

impl Promises {
    /// A record is on a topic that is worked on.
    pub(crate) fn arrived(&mut self, place: Place, record: &NewRecord) -> Kept {
        self.facts.records.insert(place, record.clone());
        Ok(())
    }

    /// A partition's runs have another owner.
    pub(crate) fn taken_over(&mut self, who: &str, home: &Home, epoch: Epoch) -> Kept {
        ownership::rises(&self.facts, home, epoch)?;
        self.facts.owners.insert(home.clone(), (epoch, who.to_owned()));
        Ok(())
    }

    /// Runs were taken up after a crash.
    pub(crate) fn taken_up(&mut self, runs: &[RunId]) -> Kept {
        takeups::taken_up(&mut self.facts, runs);
        Ok(())
    }

    /// They wait, which does not count.
    pub(crate) fn put_down(&mut self, runs: &[RunId]) -> Kept {
        takeups::put_down(&mut self.facts, runs);
        Ok(())
    }

    /// Records were turned into runs.
    pub(crate) fn admitted(&mut self, who: &str, change: &Admit, answers: &[Admission]) -> Kept {
        let place = (change.topic.clone(), change.partition);
        if self.facts.unkept.contains(&change.topic) {
            return self.offset_stored(&place.0, place.1, change.next_offset);
        }
        ownership::is_proven(&self.facts, who, change.proof.as_deref(), &change.topic)?;
        admission::goes_on_where_it_was(&self.facts, change)?;
        admission::leaves_nothing_out(&self.facts, change)?;
        for (run, answer) in change.runs.iter().zip(answers) {
            let Admission::Inserted(id) = answer else { continue };
            admission::is_the_first(&self.facts, change, run)?;
            let known = Known::admitted(*id, run, change).at_home_of(self.facts.ran_before(run));
            self.records.sent(&known, &run.records)?;
            journal::streams_without_gaps(&known.public_id, 0, &run.stream)?;
            let (is_over, public_id) = (known.status != Status::Ready, known.public_id.clone());
            self.facts.add(known);
            if is_over {
                lanes::may_begin(&mut self.facts, &public_id)?;
            }
        }
        self.facts.next.insert(place, change.next_offset);
        Ok(())
    }

    /// A run went on.
    pub(crate) fn appended(&mut self, who: &str, change: &Append, appended: &Appended) -> Kept {
        journal::is_dense(&self.facts, change)?;
        takeups::is_parked_for_a_reason(&self.facts, change)?;
        journal::has_one_end(&self.facts, change)?;
        journal::finishes_each_step_once(&self.facts, change)?;
        let Some(run) = self.facts.run(change.run) else { return Ok(()) };
        ownership::is_proven(&self.facts, who, change.proof.as_deref(), &run.home.topic)?;
        ownership::is_of_the_run(run, change.proof.as_deref())?;
        journal::streams_without_gaps(&run.public_id, run.rows, &change.stream)?;
        self.records.sent(run, &change.records)?;
        self.outages.appended(run, change)?;
        let public_id = run.public_id.clone();
        self.claims.appended(change, appended)?;
        self.facts.append(change, appended);
        compacted::stands_for_all(&self.facts, change)?;
        if journal::is_work(change) {
            lanes::may_begin(&mut self.facts, &public_id)?;
        }
        Ok(())
    }

    /// A service was called.
    pub(crate) fn called(&mut self, who: &str, path: &str, key: &str) -> Kept {
        self.calls.arrives(&self.facts, who, path, key)?;
        match calls::run_of(path) {
            Some(run) if ownership::is_owner(&self.facts, who, run) => lanes::may_begin(&mut self.facts, run),
            _ => Ok(()),
        }
    }

    /// A call failed that is made again without being an attempt, if its service is out.
    pub(crate) fn excuse(&mut self, key: &str) {
        self.calls.excuse(key);
    }

    /// A caller was answered.
    pub(crate) fn answered(&mut self, asked: &Asked, answer: &Answer) -> Kept {
        self.answers.given(&self.facts, asked, answer)
    }

    /// The bus has taken a record of a process.
    pub(crate) fn published(&mut self, record: &NewRecord) -> Kept {
        if self.facts.is_unkept(record) {
            self.facts.passed_on(record);
            return Ok(());
        }
        self.records.published(record)
    }

    /// It is noted what became of records.
    pub(crate) fn settled(&mut self, change: &Settle) -> Kept {
        self.records.settled(change)
    }

    /// The bus keeps how far a topic was read.
    pub(crate) fn offset_stored(&mut self, topic: &str, partition: i32, offset: Offset) -> Kept {
        match self.facts.unkept.contains(topic) {
            true => admission::is_worked_off(&mut self.facts, topic, partition, offset),
            false => admission::is_durable(&self.facts, topic, partition, offset),
        }
    }

    /// A process has died: what was committed is there.
    pub(crate) fn survived(&self, store: &MemoryStore) -> Kept {
        self.facts.runs().try_for_each(|run| acknowledged::is_there(run, store))
    }

    /// Nothing more is going to happen.
    pub(crate) fn ended(&self, store: &MemoryStore) -> Kept {
        self.survived(store)?;
        for run in self.facts.runs() {
            let fold = Fold::of(run)?;
            endings::is_as_its_journal_says(run, &fold)?;
            compacted::leads_on(run)?;
            timers::are_never_early(run)?;
            self.calls.were_asked_for(run, &fold)?;
            self.records.has_its_dead_letter(&self.facts, run)?;
        }
        claims::are_done_once(&self.facts)?;
        self.answers.were_kept(&self.facts)?;
        ticks::are_all_there(&self.facts)?;
        self.records.were_all_sent()
    }

    /// Whether records are on their topics with the commit that sends them.
    pub(crate) fn keep_inside(&mut self, are_inside: bool) {
        self.records.are_inside = are_inside;
    }

    /// Whether all that was sent has arrived.
    pub(crate) fn is_all_sent(&self) -> bool {
        self.records.were_all_sent().is_ok()
    }

    /// What is still to happen, if nothing comes from outside; none: the world is at rest.
    pub(crate) fn unrest(&self) -> Option<String> {
        rest::unrest(&self.facts)
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

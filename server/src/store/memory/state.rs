//! All that the store knows.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::Claims;
use super::inbox::Inbox;
use super::run::{Kept, Origin, expect_different};
use super::topics::Topics;
use crate::store::watch::Subject;
use crate::store::{
    Admission, Admit, Append, Appended, Claim, Claimed, Conflict, Counts, Filter, Home, NewMessage, NewRun,
    Outlet, Prune, Pruned, Run, RunId, Status, StoreError, StreamRow, Take, Taken, Tenure, Tick,
};

/// See above.
#[derive(Debug)]
pub(super) struct State {
    runs: BTreeMap<RunId, Kept>,
    claims: Claims,
    pub(super) topics: Topics,
    pub(super) inbox: Inbox,
    /// Where a process is at work that has not said that it ends; none: with the whole store.
    at_work: BTreeSet<Option<Home>>,
    /// Digest to text.
    pub(super) definitions: BTreeMap<String, String>,
    /// Of each pathway and schedule.
    pub(super) ticks: BTreeMap<(String, String), Tick>,
}

impl State {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self {
            runs: BTreeMap::new(),
            claims: Claims::default(),
            topics: Topics::new(outlet),
            inbox: Inbox::default(),
            at_work: BTreeSet::new(),
            definitions: BTreeMap::new(),
            ticks: BTreeMap::new(),
        }
    }

    pub(super) fn run(&self, id: RunId) -> Option<&Kept> {
        self.runs.get(&id)
    }

    fn expect_run(&mut self, id: RunId) -> Result<&mut Kept, StoreError> {
        let run = self.runs.get_mut(&id).ok_or(Conflict::UnknownRun(id))?;
        run.expect_unfinished()?;
        Ok(run)
    }

    /// The number of the next run. The newest run is never pruned, so it tells.
    fn next_id(&self) -> RunId {
        RunId(self.runs.last_key_value().map_or(1, |(last, _)| last.0 + 1))
    }

    /// Whether all of these can be inserted, or are there.
    fn expect_insertable(&self, runs: &[NewRun]) -> Result<(), StoreError> {
        for run in runs {
            if !self.definitions.contains_key(&run.digest) {
                return Err(Conflict::UnknownDefinition(run.digest.clone()).into());
            }
            expect_different(self.next_id(), &run.stream)?;
        }
        Ok(())
    }

    fn insert(&mut self, mut new: NewRun, origin: &Origin, changed: &mut Vec<Subject>) -> Admission {
        changed.push(Subject::Run(new.public_id.clone()));
        changed.extend(new.correlation.clone().map(Subject::Run));
        let same = |kept: &Kept| kept.same_as(&new, origin).map(|of| (kept.run.clone(), of));
        if let Some((run, of)) = self.runs.values().find_map(same) {
            return Admission::Duplicate { run: run.id, public_id: run.public_id, of };
        }
        let id = self.next_id();
        let records = std::mem::take(&mut new.records);
        self.topics.send(records, origin.home_of(&new).as_ref(), changed);
        self.runs.insert(id, Kept::new(id, new, origin));
        Admission::Inserted(id)
    }

    pub(super) fn admit(
        &mut self,
        change: Admit,
        changed: &mut Vec<Subject>,
    ) -> Result<Vec<Admission>, StoreError> {
        let Admit { topic, partition, proof, from_offset, next_offset, received, runs } = change;
        self.topics.expect_owner(proof.as_deref())?;
        if let Some(found) = self.topics.next(&topic, partition)
            && found != from_offset
        {
            return Err(Conflict::Offset { topic, partition, expected: from_offset, found }.into());
        }
        self.expect_insertable(&runs)?;
        self.topics.move_to(&topic, partition, next_offset);
        self.inbox.discard(&received);
        let owned = proof.map(|tenure| tenure.home.clone());
        let origin = Origin::Source { home: Home { topic, partition }, owned };
        Ok(runs.into_iter().map(|run| self.insert(run, &origin, changed)).collect())
    }

    pub(super) fn append(
        &mut self,
        change: Append,
        changed: &mut Vec<Subject>,
    ) -> Result<Appended, StoreError> {
        let Append {
            run: id,
            proof,
            expected_seq,
            events,
            compacts,
            records,
            children,
            stream,
            received,
            released,
            taken,
            status,
            definition,
        } = change;
        self.topics.expect_owner(proof.as_deref())?;
        let run = self.expect_run(id)?;
        run.expect_next(expected_seq)?;
        run.expect_new_rows(&stream)?;
        self.expect_insertable(&children)?;
        if let Some(digest) = definition.as_ref().filter(|digest| !self.definitions.contains_key(*digest)) {
            return Err(Conflict::UnknownDefinition(digest.clone()).into());
        }
        let run = self.expect_run(id)?;
        if status.is_some() || !stream.is_empty() {
            changed.push(Subject::Run(run.run.public_id.clone()));
        }
        let home = run.run.home.clone();
        if let Some(digest) = definition {
            run.run.digest = digest;
        }
        run.append(events);
        if compacts {
            run.compact();
        }
        run.add_rows(stream);
        released.into_iter().for_each(|release| self.claims.release(id, release, changed));
        let taken = taken.into_iter().map(|take| self.take(id, take)).collect();
        if let Some(status) = status {
            if status.status != Status::Ready {
                self.claims.release_all(id, changed);
            }
            self.expect_run(id)?.change_status(status);
        }
        self.inbox.discard(&received);
        let offsets = self.topics.send(records, home.as_ref(), changed);
        let origin = Origin::Parent(id, home);
        let children = children.into_iter().map(|run| self.insert(run, &origin, changed)).collect();
        Ok(Appended { offsets, children, taken })
    }

    fn take(&mut self, run: RunId, take: Take) -> Taken {
        match self.claims.take(run, take) {
            None => Taken::Granted,
            Some(kept) if kept.done_until.is_none() => Taken::Held,
            Some(kept) => {
                Taken::Done { run: self.runs.get(&kept.run).map(|kept| kept.run.public_id.clone()) }
            }
        }
    }

    pub(super) fn claimed(&self, claim: &Claim) -> Option<Claimed> {
        let kept = self.claims.get(claim)?;
        let run = self.run(kept.run).map(|kept| kept.run.public_id.clone());
        Some(Claimed { run, instance: kept.instance.clone(), done_until: kept.done_until })
    }

    pub(super) fn append_stream(
        &mut self,
        id: RunId,
        rows: Vec<StreamRow>,
        changed: &mut Vec<Subject>,
    ) -> Result<(), StoreError> {
        let run = self.expect_run(id)?;
        run.expect_new_rows(&rows)?;
        changed.push(Subject::Run(run.run.public_id.clone()));
        run.add_rows(rows);
        Ok(())
    }

    pub(super) fn post(&mut self, message: NewMessage, changed: &mut Vec<Subject>) -> Result<(), StoreError> {
        let kept = self.run(message.run).ok_or(Conflict::UnknownRun(message.run))?;
        if !message.even_if_finished {
            kept.expect_unfinished()?;
        }
        let run = kept.run.clone();
        self.inbox.post(&run, message.at, message.payload);
        changed.push(Subject::Inbox);
        Ok(())
    }

    /// Notes whether a process is at work; tells what was noted before.
    pub(super) fn set_at_work(&mut self, proof: Option<&Tenure>, at_work: bool) -> bool {
        let place = proof.map(|tenure| tenure.home.clone());
        match at_work {
            _ if self.topics.expect_owner(proof).is_err() => false,
            true => !self.at_work.insert(place),
            false => self.at_work.remove(&place),
        }
    }

    pub(super) fn take_up(&mut self, runs: Vec<RunId>) -> Vec<(RunId, u32)> {
        let counted = runs.into_iter().filter_map(|id| Some((id, self.runs.get_mut(&id)?.take_up())));
        counted.collect()
    }

    pub(super) fn put_down(&mut self, runs: Vec<RunId>) {
        for run in runs {
            if let Some(kept) = self.runs.get_mut(&run) {
                kept.put_down();
            }
        }
    }

    /// Forgets what is finished and old, but for the newest run.
    pub(super) fn prune(&mut self, change: &Prune) -> Pruned {
        let newest = self.runs.last_key_value().map(|(id, _)| *id);
        let before = self.runs.len();
        let all = self.all();
        let unfinished: BTreeSet<_> = all.filter(|run| !run.status.is_final()).map(|run| run.id).collect();
        self.runs.retain(|id, kept| {
            let Run { pathway, status, finished_at, .. } = &kept.run;
            // Who has called it may not have heard yet how it ended.
            let is_wanted = kept.run.parent.is_some_and(|caller| unfinished.contains(&caller));
            let is_wanted = is_wanted || self.inbox.is_for(*id);
            Some(*id) == newest || is_wanted || !change.runs_before.of(pathway).is_past(*status, *finished_at)
        });
        let runs = u64::try_from(before - self.runs.len()).unwrap_or(u64::MAX);
        Pruned {
            runs,
            records: self.topics.prune(change.records_before),
            claims: self.claims.prune(change.claims_before),
        }
    }

    /// The newest run of which something holds.
    pub(super) fn newest(&self, holds: impl Fn(&Kept) -> bool) -> Option<Run> {
        self.runs.values().rev().find(|kept| holds(kept)).map(|kept| kept.run.clone())
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs.values().map(|kept| &kept.run)
    }

    pub(super) fn unfinished(&self, after: Option<RunId>, limit: usize) -> Vec<Run> {
        let later = self.all().filter(|run| after.is_none_or(|after| run.id > after));
        later.filter(|run| !run.status.is_final()).take(limit).cloned().collect()
    }

    pub(super) fn ready(&self, after: Option<RunId>, limit: usize) -> Vec<Run> {
        let later = self.all().filter(|run| after.is_none_or(|after| run.id > after));
        later.filter(|run| run.status == Status::Ready).take(limit).cloned().collect()
    }

    pub(super) fn unfinished_of(&self, home: &Home, after: Option<RunId>, limit: usize) -> Vec<Run> {
        let theirs = self.all().filter(|run| run.home.as_ref() == Some(home));
        let later = theirs.filter(|run| after.is_none_or(|after| run.id > after));
        later.filter(|run| !run.status.is_final()).take(limit).cloned().collect()
    }

    pub(super) fn unfinished_topics(&self) -> Vec<String> {
        let unfinished = self.all().filter(|run| !run.status.is_final());
        let topics: BTreeSet<_> = unfinished.filter_map(|run| Some(run.home.clone()?.topic)).collect();
        topics.into_iter().collect()
    }

    pub(super) fn children(&self, parent: RunId) -> Vec<Run> {
        self.all().filter(|run| run.parent == Some(parent)).cloned().collect()
    }

    pub(super) fn reruns(&self, public_id: &str, limit: usize) -> Vec<Run> {
        let reruns = self.all().rev().filter(|run| run.rerun_of.as_deref() == Some(public_id));
        reruns.take(limit).cloned().collect()
    }

    pub(super) fn list(&self, filter: &Filter) -> Vec<Run> {
        let wanted = |run: &&Run| {
            filter.before.is_none_or(|before| run.id < before)
                && filter.status.is_none_or(|status| run.status == status)
                && filter.pathway.as_ref().is_none_or(|pathway| run.pathway == *pathway)
        };
        self.all().rev().filter(wanted).take(filter.limit as usize).cloned().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for run in self.all() {
            *match run.status {
                Status::Ready => &mut counts.ready,
                Status::Parked => &mut counts.parked,
                Status::Succeeded => &mut counts.succeeded,
                Status::Failed => &mut counts.failed,
                Status::Cancelled => &mut counts.cancelled,
            } += 1;
        }
        counts
    }
}

//! Of what a change tells those who watch.

use pathway_server::store::{Admit, Append, NewRecord, NewRun, Outlet, Subject};

/// What an admission changes.
pub(crate) fn of_admission(change: &Admit, outlet: Outlet) -> Vec<Subject> {
    change.runs.iter().flat_map(|run| of_run(run, outlet)).collect()
}

/// What a change of the run called `public_id` changes.
pub(crate) fn of_append(change: &Append, public_id: &str, outlet: Outlet) -> Vec<Subject> {
    let is_seen = change.status.is_some() || !change.stream.is_empty();
    let own = is_seen.then(|| Subject::Run(public_id.to_owned()));
    let children = change.children.iter().flat_map(|run| of_run(run, outlet));
    own.into_iter().chain(of_records(&change.records, outlet)).chain(children).collect()
}

fn of_run(run: &NewRun, outlet: Outlet) -> Vec<Subject> {
    let own = Subject::Run(run.public_id.clone());
    let asked = run.correlation.clone().map(Subject::Run);
    std::iter::once(own).chain(asked).chain(of_records(&run.records, outlet)).collect()
}

/// What records change that runs send.
pub(crate) fn of_records(records: &[NewRecord], outlet: Outlet) -> Vec<Subject> {
    let subject = |record: &NewRecord| match outlet {
        Outlet::Topics => Subject::Topic(record.topic.clone()),
        Outlet::Outbox => Subject::Outbox,
    };
    let mut subjects: Vec<_> = records.iter().map(subject).collect();
    subjects.dedup();
    subjects
}

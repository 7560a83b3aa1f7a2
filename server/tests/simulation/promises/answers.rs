//! What callers are answered: each what came of their own request, once, and nothing that could be lost.

use std::collections::BTreeMap;
use std::time::Duration;

use pathway_engine::journal::Outcome;
use pathway_engine::value::to_serde;
use pathway_server::store::Status;
use serde_json::Value as Json;

use super::facts::{Facts, Known, id_in};
use super::{Kept, broken};

/// How long a caller waits at most, whatever goes wrong meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What it is known by, which its answer has in it.
    pub(crate) id: String,
    /// The topic behind the door.
    pub(crate) topic: &'static str,
    /// The caller's `Idempotency-Key`.
    pub(crate) key: Option<String>,
    /// Whether it is an input at all.
    pub(crate) is_valid: bool,
}

/// What it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The run that it names.
    pub(crate) run: Option<String>,
    pub(crate) body: Json,
    /// How long it took.
    pub(crate) after: Duration,
}

/// What was answered so far.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// What has to be there in the end: requests that were taken, by their topics.
    taken: BTreeMap<String, &'static str>,
    /// With what requests were answered for good.
    final_: BTreeMap<String, Json>,
}

impl Answers {
    /// A request was answered.
    pub(super) fn given(&mut self, facts: &Facts, asked: &Asked, answer: &Answer) -> Kept {
        let about = || [asked.id.clone()].into_iter().chain(answer.run.clone());
        if answer.after > LONGEST {
            let why = format!("{} was answered after {:?}", asked.id, answer.after);
            return broken("every request is answered in time", why, about());
        }
        if !asked.is_valid {
            if !(400..=422).contains(&answer.status) {
                let why = format!("{} is no input, and was answered {}", asked.id, answer.status);
                return broken("nothing comes of what is no input", why, about());
            }
            return Ok(());
        }
        if let Some(run) = answer.run.as_deref().and_then(|run| facts.called(run)) {
            let of = source(facts, run);
            if of.as_ref() != Some(&asked.id) {
                let why = format!("{} was told of {}, which came of {of:?}", asked.id, run.public_id);
                return broken("an answer is to its asker", why, about());
            }
        }
        match answer.status {
            200 => {
                let run = answer.run.as_deref().and_then(|run| facts.called(run));
                let kept = run.filter(|run| run.status == Status::Succeeded).and_then(returned);
                if kept.as_ref() != Some(&answer.body)
                    || answer.body.get("id") != Some(&asked.id.as_str().into())
                {
                    let why = format!("{} was answered {}, and kept is {kept:?}", asked.id, answer.body);
                    return broken("what is answered is kept, and the asker's", why, about());
                }
                let first = self.final_.entry(asked.id.clone()).or_insert_with(|| answer.body.clone());
                if *first != answer.body {
                    let why = format!("{} was answered {first} and {}", asked.id, answer.body);
                    return broken("asked twice with a key, answered alike", why, about());
                }
            }
            202 => drop(self.taken.insert(asked.id.clone(), asked.topic)),
            _ => {}
        }
        Ok(())
    }

    /// Nothing more is going to happen.
    pub(super) fn were_kept(&self, facts: &Facts) -> Kept {
        let mut made: BTreeMap<String, Vec<&Known>> = BTreeMap::new();
        let is_asked = |run: &&Known| run.pathway == "ask" || run.pathway == "echo";
        for run in facts.runs().filter(|run| is_asked(run) && run.rerun_of.is_none()) {
            match source(facts, run) {
                Some(id) => made.entry(id).or_default().push(run),
                None => {
                    let why = format!("{} came of something without an id", run.public_id);
                    return broken("nothing comes of what is no input", why, [run.public_id.clone()]);
                }
            }
        }
        for (id, runs) in &made {
            if let [one, other, ..] = runs.as_slice() {
                let why = format!("{id} made {} and {}", one.public_id, other.public_id);
                return broken("one request, one run", why, [one.public_id.clone(), other.public_id.clone()]);
            }
        }
        match self.taken.iter().find(|(id, _)| !made.contains_key(*id)) {
            None => Ok(()),
            Some((id, topic)) => {
                let why = format!("{id} was taken for {topic}, and nothing came of it");
                broken("what was accepted is done", why, [id.clone()])
            }
        }
    }
}

/// The id of the request that a run came of.
fn source(facts: &Facts, run: &Known) -> Option<String> {
    facts.records.get(run.source.as_ref()?).and_then(id_in)
}

fn returned(run: &Known) -> Option<Json> {
    match serde_json::from_slice(run.outcome.as_deref()?).unwrap() {
        Outcome::Answer(value) => Some(to_serde(&value)),
        Outcome::Failure(_) => None,
    }
}

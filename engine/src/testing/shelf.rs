//! The mocks that a case is played with, and how often each has answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::Answer;
use super::key::Key;
use super::mock::{Answers, Mock};
use crate::journal::Kept;
use crate::source::Span;
use crate::vm::HttpRequest;

/// Mocks of a case, its own before those of its file.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    own: &'a [Mock],
    shared: &'a [Mock],
    /// How often each answered, in that order.
    counts: Vec<usize>,
}

/// What a mock says.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Answer(&'a Answer),
    /// It has said all that it has to say.
    Exhausted {
        mock: &'a Mock,
        answers: usize,
    },
}

impl<'a> Shelf<'a> {
    /// Mocks of the file count unless the case has one of that name.
    pub(super) fn new(own: &'a [Mock], shared: &'a [Mock]) -> Self {
        Self { own, shared, counts: vec![0; own.len() + shared.len()] }
    }

    /// What answers an execution of the step of that path.
    pub(super) fn take(
        &mut self,
        execution: &str,
        path: &str,
        request: Option<&HttpRequest>,
    ) -> Option<Found<'a>> {
        let shared =
            || best(self.shared, execution, path, request).map(|(n, mock)| (self.own.len() + n, mock));
        let (n, mock) = best(self.own, execution, path, request).or_else(shared)?;
        let count = self.counts.get_mut(n)?;
        let found = match &mock.answers {
            Answers::Output { .. } => return None,
            Answers::Always(answer) => Found::Answer(answer),
            Answers::OneByOne(answers) => match answers.get(*count) {
                Some(answer) => Found::Answer(answer),
                None => Found::Exhausted { mock, answers: answers.len() },
            },
        };
        *count += 1;
        Some(found)
    }

    /// What steps put out that do not run, by the rest of their names, of those whose names begin so.
    pub(super) fn kept(&self, prefix: &str) -> BTreeMap<Arc<str>, Kept> {
        // The case's own come last, and hold.
        kept(self.shared.iter().chain(self.own), prefix)
    }

    /// The step of that name did not run, as its mock says.
    pub(super) fn was_kept(&mut self, name: &str) {
        let all = self.own.iter().chain(self.shared).zip(&mut self.counts);
        for (_, count) in all.filter(|(mock, _)| is_output(mock) && mock.name.value == name) {
            *count += 1;
        }
    }

    /// The case's own mocks that have something left to say: name, place, and how many answers.
    pub(super) fn unused(&self) -> Vec<(&'a Mock, Span, usize)> {
        let own = self.own.iter().zip(&self.counts);
        own.filter_map(|(mock, count)| mock.unused(*count).map(|(span, left)| (mock, span, left))).collect()
    }

    /// Which mocks of the file have answered.
    pub(super) fn shared_used(&self) -> Vec<usize> {
        let shared = self.counts.iter().skip(self.own.len()).enumerate();
        shared.filter(|(_, count)| **count > 0).map(|(n, _)| n).collect()
    }
}

/// Which of these answers an execution of the step of that path, and its place: the one that says most of it.
pub(super) fn best<'a>(
    mocks: &'a [Mock],
    execution: &str,
    path: &str,
    request: Option<&HttpRequest>,
) -> Option<(usize, &'a Mock)> {
    let answers = mocks.iter().enumerate().filter(|(_, mock)| !is_output(mock));
    let fits = answers.filter_map(|(n, mock)| Some((mock.key.fit(execution, path, request)?, n, mock)));
    // Of paths that are left open the longer says more.
    let best = fits.min_by_key(|(fit, _, mock)| (*fit, std::cmp::Reverse(mock.name.value.len())));
    best.map(|(_, n, mock)| (n, mock))
}

/// What steps put out that do not run, by the rest of their names, of those whose names begin so; what
/// comes last holds.
pub(super) fn kept<'a>(mocks: impl Iterator<Item = &'a Mock>, prefix: &str) -> BTreeMap<Arc<str>, Kept> {
    let mut kept = BTreeMap::new();
    for mock in mocks {
        if let (Key::Step(name), Answers::Output { value, .. }) = (&mock.key, &mock.answers)
            && let Some(rest) = name.strip_prefix(prefix).filter(|rest| !rest.contains('/'))
        {
            kept.insert(Arc::from(rest), Kept::Output(value.clone()));
        }
    }
    kept
}

fn is_output(mock: &Mock) -> bool {
    matches!(mock.answers, Answers::Output { .. })
}

//! Checks a feed: what its expressions read is there, and nobody reads what is another's by
//! asking for it.

use indexmap::IndexMap;

use super::check::{Checker, World};
use super::scope::Names;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Auth, Feed};
use crate::expression::{Expression, Segment};
use crate::schema::Shape;
use crate::steps::{Place, Visitor};

const CALLERS_CHOICE: Code = Code("PW0520");

/// What is said of a record sees that record alone, so that it is the same for all its readers.
const RECORD: &[&str] = &["record"];
/// What is said of a caller.
const CALLER: &[&str] = &["query", "auth"];

/// Checks and binds everything in `feed`.
pub(super) fn check(feed: &mut Feed, world: &World<'_>, diagnostics: &mut Diagnostics) {
    let names = Names {
        input: Shape::Any,
        vars: IndexMap::new(),
        var_count: 0,
        constants: IndexMap::new(),
        levels: Vec::new(),
        locals: Vec::new(),
        query: feed.query.as_ref().map_or(Shape::Any, |schema| schema.shape().clone()),
        only: None,
    };
    let checker = &mut Checker::new(world, names, diagnostics);
    checker.topic(&feed.topic);
    if let Some(query) = feed.query.as_deref() {
        checker.no_credentials(query, &feed.path);
    }
    checker.seeing(CALLER, |checker| {
        for expression in feed.require.iter_mut().chain([&mut feed.reader]) {
            checker.expression(expression, Place::Condition);
        }
    });
    checker.seeing(RECORD, |checker| {
        for expression in [&mut feed.key].into_iter().chain(&mut feed.until) {
            checker.expression(expression, Place::Condition);
        }
        if let Some(data) = &mut feed.data {
            checker.tree(data, Place::Open("an event of a feed"));
        }
    });
    diagnostics.extend(callers_choice(feed));
}

/// A feed for users in which each chooses whose records to get.
fn callers_choice(feed: &Feed) -> Diagnostics {
    let mut found = Diagnostics::new();
    let knows_users = matches!(feed.auth, Auth::User | Auth::Optional);
    let asks_who = feed.require.iter().chain([&feed.reader]).any(|expression| reads(expression, "auth"));
    if knows_users && !asks_who && reads(&feed.reader, "query") {
        found.push(
            Diagnostic::warning(CALLERS_CHOICE, "every user can choose whose records to read")
                .at(feed.reader.span(), "chosen by the caller")
                .help("compare it with `auth.sub` in `require`, or say that all may: `require: auth.sub`"),
        );
    }
    found
}

fn reads(expression: &Expression, name: &str) -> bool {
    let is_name = |segment: &Segment| matches!(segment, Segment::Key(key) if key == name);
    expression.reads().iter().any(|read| read.path.first().is_some_and(is_name))
}

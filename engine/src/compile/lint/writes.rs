//! Two calls that change the same thing, of which either may come first.

use std::collections::VecDeque;

use super::survey::Survey;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Span;
use crate::vm::Method;

const NO_ORDER: Code = Code("PW0806");

/// Writes of a pathway that are compared with each other.
const MAX_WRITES: usize = 200;

pub(super) fn check(survey: &Survey, text: &str, found: &mut Diagnostics) {
    let calls = survey.steps.iter().enumerate().filter_map(|(n, seen)| Some((n, seen, seen.call.as_ref()?)));
    let writes: Vec<_> = calls.filter(|(_, _, call)| call.method != Method::Get).take(MAX_WRITES).collect();
    for (i, (b, later, second)) in writes.iter().enumerate() {
        for (a, earlier, first) in writes.iter().take(i) {
            // Two that make something new do not meet.
            let both_make = first.method == Method::Post && second.method == Method::Post;
            let is_same = earlier.service == later.service
                && same(text, first.path, second.path)
                && same_query(text, first.query.as_deref(), second.query.as_deref());
            if both_make || !is_same || !may_meet(survey, *a, *b) {
                continue;
            }
            let message = format!(
                "nothing says which of `{}` and `{}` comes first",
                earlier.name.value, later.name.value
            );
            found.push(
                Diagnostic::warning(NO_ORDER, message)
                    .at(later.name.span, "changes the same")
                    .at(earlier.name.span, "and so does this, at the same time")
                    .help(format!("let one wait for the other: `needs: {}`", earlier.name.value)),
            );
        }
    }
}

fn same(text: &str, a: Span, b: Span) -> bool {
    let of = |span: Span| text.get(span.start as usize..span.end as usize);
    a == b || (a.file == b.file && of(a) == of(b))
}

fn same_query(text: &str, a: Option<&[(String, Span)]>, b: Option<&[(String, Span)]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    let is_same =
        |((x, at), (y, there)): (&(String, Span), &(String, Span))| x == y && same(text, *at, *there);
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

/// Whether both may run, and neither waits for the other.
fn may_meet(survey: &Survey, a: usize, b: usize) -> bool {
    let (outer_a, outer_b): (Vec<_>, Vec<_>) = (survey.around(a).collect(), survey.around(b).collect());
    let block = |n: &usize| survey.steps.get(*n).map(|seen| seen.block);
    // The outermost ones that differ stand in one block, or exclude each other.
    let pair = outer_a.iter().rev().zip(outer_b.iter().rev()).find(|(a, b)| a != b);
    let Some((top_a, top_b)) = pair.filter(|(a, b)| block(a) == block(b)) else { return false };
    let is_tested = |outer: &[usize], top: usize| {
        let up_to = outer.iter().position(|n| *n == top).map_or(0, |n| n + 1);
        outer.iter().take(up_to).any(|n| survey.steps.get(*n).is_some_and(|seen| seen.has_when))
    };
    let both_tested = is_tested(&outer_a, *top_a) && is_tested(&outer_b, *top_b);
    !both_tested && !leads(survey, *top_a, *top_b) && !leads(survey, *top_b, *top_a)
}

/// Whether `to` waits for `from`, be it through others.
fn leads(survey: &Survey, from: usize, to: usize) -> bool {
    let (Some(from), Some(to)) = (survey.steps.get(from), survey.steps.get(to)) else { return false };
    let Some(block) = survey.blocks.get(from.block) else { return false };
    let mut seen = vec![false; block.steps.len()];
    let mut next = VecDeque::from([from.nth]);
    while let Some(n) = next.pop_front() {
        if n == to.nth {
            return true;
        }
        match seen.get_mut(n) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        next.extend(block.wakes.get(n).into_iter().flatten().map(|n| *n as usize));
    }
    false
}

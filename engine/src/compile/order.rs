//! Which step of a block waits for which, and in what order they can be checked.
//!
//! A step waits for the steps that anything in it reads, for `needs`, and for the guards around
//! it. Cycles are shown as a path.

use std::collections::HashMap;

use super::plan::{Edge, Reason};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Block, OnError, Step};
use crate::expression::{Expression, Segment, Tree};
use crate::schema::Shape;
use crate::source::{Span, Spanned};
use crate::steps::{Place, Visitor};

const CYCLE: Code = Code("PW0501");
const UNKNOWN_NEED: Code = Code("PW0502");

/// Who waits for whom in a block, by index.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// How many steps each waits for.
    pub(super) waits: Vec<u32>,
    /// Which steps wait for each.
    pub(super) wakes: Vec<Vec<u32>>,
    /// All steps, each after those it waits for.
    pub(super) sorted: Vec<u32>,
    /// Who waits for whom, and why; by who waits.
    pub(super) edges: Vec<Edge>,
}

/// Why a step waits for another.
#[derive(Debug, Clone, Copy)]
enum Why {
    /// An expression at this place reads it.
    Reads(Span),
    /// `needs` at this place names it.
    Needs(Span),
    /// One of them is a guard.
    Guard,
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        match why {
            Why::Reads(_) => Self::Reads,
            Why::Needs(_) => Self::Needs,
            Why::Guard => Self::Guard,
        }
    }
}

type Edges = Vec<Vec<(u32, Why)>>;

/// Orders the steps of a block; a cycle is reported, and the block then has no order.
pub(super) fn order(block: &mut Block, diagnostics: &mut Diagnostics) -> Option<Order> {
    let names: HashMap<String, u32> =
        block.steps.iter().zip(0..).map(|(step, n)| (step.name.value.clone(), n)).collect();
    let mut edges: Edges = Vec::with_capacity(block.steps.len());
    for step in &mut block.steps {
        let mut to = Vec::new();
        for (name, span) in reads_of(step) {
            if let Some(n) = names.get(&name) {
                to.push((*n, Why::Reads(span)));
            }
        }
        for need in &step.needs {
            match names.get(&need.value) {
                Some(n) => to.push((*n, Why::Needs(need.span))),
                None => diagnostics.push(unknown_need(need, &step.name, names.keys())),
            }
        }
        edges.push(to);
    }
    add_guards(block, &mut edges);
    for to in &mut edges {
        to.sort_by_key(|(n, _)| *n);
        to.dedup_by_key(|(n, _)| *n);
    }
    match sort(&edges) {
        Ok(order) => Some(order),
        Err(left) => {
            diagnostics.push(cycle(block, &find_cycle(&edges, &left)));
            None
        }
    }
}

/// A guard waits for all before it, back to the guard before; all after it wait for it.
fn add_guards(block: &Block, edges: &mut Edges) {
    let mut guard: Option<u32> = None;
    let mut since: Vec<u32> = Vec::new();
    for (step, n) in block.steps.iter().zip(0_u32..) {
        let Some(to) = edges.get_mut(n as usize) else { continue };
        to.extend(guard.map(|guard| (guard, Why::Guard)));
        if step.action.is_guard() {
            to.extend(since.drain(..).map(|before| (before, Why::Guard)));
            guard = Some(n);
        } else {
            since.push(n);
        }
    }
}

/// Kahn's algorithm; ties are broken by the order written. Where there is a cycle: how many
/// steps each still waits for.
fn sort(edges: &Edges) -> Result<Order, Vec<u32>> {
    let mut waits = Vec::with_capacity(edges.len());
    let mut wakes = vec![Vec::new(); edges.len()];
    for (to, n) in edges.iter().zip(0_u32..) {
        waits.push(u32::try_from(to.len()).unwrap_or(u32::MAX));
        for (before, _) in to {
            if let Some(list) = wakes.get_mut(*before as usize) {
                list.push(n);
            }
        }
    }
    let mut left = waits.clone();
    let mut ready: std::collections::VecDeque<u32> =
        waits.iter().zip(0..).filter(|(waits, _)| **waits == 0).map(|(_, n)| n).collect();
    let mut sorted = Vec::with_capacity(edges.len());
    while let Some(n) = ready.pop_front() {
        sorted.push(n);
        for waker in wakes.get(n as usize).into_iter().flatten() {
            if let Some(left) = left.get_mut(*waker as usize) {
                *left -= 1;
                if *left == 0 {
                    ready.push_back(*waker);
                }
            }
        }
    }
    if sorted.len() < edges.len() {
        return Err(left);
    }
    let edges = edges.iter().zip(0..).flat_map(|(befores, after)| {
        befores.iter().map(move |&(before, why)| Edge { before, after, reason: why.into() })
    });
    Ok(Order { waits, wakes, sorted, edges: edges.collect() })
}

/// Describes a cycle: steps, each with why it waits for the next.
fn cycle(block: &Block, path: &[(u32, Why)]) -> Diagnostic {
    let name = |n: u32| block.steps.get(n as usize).map_or("", |step| step.name.value.as_str());
    let place = |n: u32| block.steps.get(n as usize).map(|step| step.name.span);
    let mut names: Vec<_> = path.iter().map(|(n, _)| format!("`{}`", name(*n))).collect();
    let message = match path {
        [(only, _)] => format!("step `{}` waits for itself", name(*only)),
        _ => {
            names.extend(names.first().cloned());
            format!("these steps wait for each other: {}", names.join(" → "))
        }
    };
    let mut diagnostic = Diagnostic::error(CYCLE, message);
    for (k, (n, why)) in path.iter().enumerate() {
        let next = path.get((k + 1) % path.len()).map_or("", |(n, _)| name(*n));
        let (span, text) = match why {
            Why::Reads(span) => (Some(*span), format!("`{}` reads `{next}`", name(*n))),
            Why::Needs(span) => (Some(*span), format!("`{}` needs `{next}`", name(*n))),
            Why::Guard => (place(*n), format!("`{}` waits for `{next}`, because one is a guard", name(*n))),
        };
        if let Some(span) = span {
            diagnostic = diagnostic.at(span, text);
        }
    }
    diagnostic.help("let one of them do without the other")
}

/// Walks from a step that never becomes ready to one that it waits for, until one comes again.
fn find_cycle(edges: &Edges, left: &[u32]) -> Vec<(u32, Why)> {
    let stuck = |n: u32| left.get(n as usize).is_some_and(|count| *count > 0);
    let mut walk: Vec<(u32, Why)> = Vec::new();
    let mut seen = HashMap::new();
    let mut at = (0_u32..).take(edges.len()).find(|n| stuck(*n));
    while let Some(n) = at {
        if let Some(first) = seen.insert(n, walk.len()) {
            return walk.split_off(first);
        }
        let next = edges.get(n as usize).and_then(|to| to.iter().find(|(n, _)| stuck(*n)));
        walk.extend(next.map(|(_, why)| (n, *why)));
        at = next.map(|(n, _)| *n);
    }
    Vec::new()
}

fn unknown_need<'a>(
    need: &Spanned<String>,
    step: &Spanned<String>,
    names: impl Iterator<Item = &'a String>,
) -> Diagnostic {
    Diagnostic::error(
        UNKNOWN_NEED,
        format!("step `{}` needs `{}`, and there is no such step beside it", step.value, need.value),
    )
    .at(need.span, "unknown step")
    .suggest(&need.value, names.map(String::as_str))
}

/// The steps that anything in `step` reads, its nested blocks included, with the places.
fn reads_of(step: &mut Step) -> Vec<(String, Span)> {
    let mut collector = Collector { reads: Vec::new() };
    collector.step(step);
    collector.reads
}

/// Collects what is read as `steps.NAME`.
struct Collector {
    reads: Vec<(String, Span)>,
}

impl Collector {
    fn step(&mut self, step: &mut Step) {
        if let Some(when) = &step.when {
            self.read(when);
        }
        if let Some(each) = &step.each {
            self.read(&each.list);
            if let Some(filter) = &each.filter {
                self.read(filter);
            }
        }
        if let Some(once) = &step.once {
            self.read(once);
        }
        step.action.check(self);
        if let Some(repeat) = &step.repeat {
            self.read(&repeat.test);
        }
        if let Some(OnError::Block(block)) = &mut step.on_error {
            self.block(block);
        }
        if let Some(compensate) = &mut step.compensate {
            let before = self.reads.len();
            self.block(&mut compensate.block);
            // Its own output is there by then.
            let undone = self.reads.split_off(before);
            self.reads.extend(undone.into_iter().filter(|(name, _)| *name != step.name.value));
        }
    }

    fn read(&mut self, expression: &Expression) {
        for read in expression.reads() {
            if let [Segment::Key(root), Segment::Key(name), ..] = read.path.as_slice()
                && root == "steps"
            {
                self.reads.push((name.clone(), read.span));
            }
        }
    }
}

impl Visitor for Collector {
    fn expression(&mut self, expression: &mut Expression, _: Place) -> Shape {
        self.read(expression);
        Shape::Any
    }

    fn tree(&mut self, tree: &mut Tree, _: Place) -> Shape {
        for expression in tree.expressions() {
            self.read(expression);
        }
        Shape::Any
    }

    fn local(&mut self, _: &Spanned<String>, _: Shape) {}

    fn block(&mut self, block: &mut Block) -> Shape {
        for step in &mut block.steps {
            self.step(step);
        }
        if let Some(returns) = &mut block.returns {
            self.tree(returns, Place::Value);
        }
        Shape::Any
    }

    fn service(&mut self, _: &Spanned<String>) {}

    fn topic(&mut self, _: &Spanned<String>) {}

    fn pathway(&mut self, _: &Spanned<String>) -> Shape {
        Shape::Any
    }
}

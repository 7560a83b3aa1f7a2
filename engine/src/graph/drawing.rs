//! What is drawn, before it is written in a language: nodes, clusters of them, edges.

use std::sync::Arc;

use crate::compile::{Block, BlockId, Edge, OnError, Plan, Reason, Step};
use crate::expression::Segment;

/// A block: its steps, its return and the edges between them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) items: Vec<Item>,
    /// Between items, by index.
    pub(super) edges: Vec<Line>,
}

/// An edge, from what is awaited to what waits.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) reason: Reason,
}

/// A step or a return.
#[derive(Debug)]
pub(super) struct Item {
    /// Unique in the drawing.
    pub(super) id: String,
    /// Path of the step, if it is one.
    pub(super) path: Option<Arc<str>>,
    /// Lines.
    pub(super) label: Vec<String>,
    pub(super) shape: Shape,
    /// Whether it does something beside what is in its blocks.
    pub(super) acts: bool,
    /// Blocks inside it, each with its title, if it has one.
    pub(super) parts: Vec<(Option<String>, Group)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Step,
    Guard,
    Return,
}

/// The steps of a plan, and those of its `on_error`.
pub(super) fn draw(plan: &Plan) -> (Group, Option<Group>) {
    let body = group(plan, plan.root, "");
    (body, plan.on_error.map(|block| group(plan, block, "on_error ")))
}

fn group(plan: &Plan, id: BlockId, prefix: &str) -> Group {
    let Some(block) = plan.block(id) else { return Group { items: Vec::new(), edges: Vec::new() } };
    let mut items: Vec<Item> = block.steps.iter().map(|step| item(plan, step, prefix)).collect();
    let mut edges: Vec<Line> = shown(block)
        .map(|edge| Line { from: edge.before as usize, to: edge.after as usize, reason: edge.reason })
        .collect();
    if block.returns.is_some() || items.is_empty() {
        let end = items.len();
        edges.extend(read_at_end(block).map(|from| Line { from, to: end, reason: Reason::Reads }));
        items.push(Item {
            // No step can be called so: a name has no space.
            id: format!("{prefix}the return"),
            path: None,
            label: vec!["return".to_owned()],
            shape: Shape::Return,
            acts: false,
            parts: Vec::new(),
        });
    }
    Group { items, edges }
}

/// `prefix` begins its id; paths would not do, for the blocks of a `switch` share them.
fn item(plan: &Plan, step: &Step, prefix: &str) -> Item {
    let id = format!("{prefix}{}", step.name);
    let mut parts: Vec<(Option<String>, Group)> = Vec::new();
    let inner = format!("{id}.");
    let choices = step.action.choices();
    for (n, block) in step.blocks.iter().enumerate() {
        let title = choices.get(n).cloned();
        let prefix = if title.is_some() { format!("{inner}{n} ") } else { inner.clone() };
        parts.push((title, group(plan, *block, &prefix)));
    }
    if let Some(OnError::Block(block)) = step.on_error {
        parts.push((Some("on_error".to_owned()), group(plan, block, &format!("{inner}on_error "))));
    }
    let shape = if step.action.is_guard() { Shape::Guard } else { Shape::Step };
    let path = Some(step.path.clone());
    Item { id, path, label: label(plan, step), shape, acts: step.blocks.is_empty(), parts }
}

/// Name; verb and what it names; modifiers.
fn label(plan: &Plan, step: &Step) -> Vec<String> {
    let mut marks = Vec::new();
    if step.when.is_some() {
        marks.push("when".to_owned());
    }
    if let Some(each) = &step.each {
        marks.push(format!("each, {} at once", each.max_parallel));
    }
    if step.once.is_some() {
        marks.push("once".to_owned());
    }
    if let Some(OnError::Continue) = step.on_error {
        marks.push("on_error: continue".to_owned());
    }
    if let Some(repeat) = &step.repeat {
        marks.push(format!("while, at most {} times", repeat.limit));
    }
    if let Some(retry) = step.retry.as_ref().filter(|retry| step.binds_error && retry.attempts > 1) {
        marks.push(format!("retry, {} attempts", retry.attempts));
    }
    let undo = step.compensate.as_ref().and_then(|compensate| plan.step(compensate.block, 0));
    if let Some(undo) = undo {
        marks.push(format!("compensate: {}", action(undo)));
    }
    let mut label = vec![step.name.to_string(), action(step)];
    if !marks.is_empty() {
        label.push(marks.join(" · "));
    }
    label
}

/// Verb and what it names.
fn action(step: &Step) -> String {
    match step.action.target() {
        Some(target) => format!("{} {target}", step.verb),
        None => step.verb.to_owned(),
    }
}

/// The edges of a block without those of guards that others imply.
///
/// Guards cut a block into stretches, and a guard waits for all of the stretch before it: that
/// it does is drawn from those only which nothing else in their stretch waits for. Likewise after.
fn shown(block: &Block) -> impl Iterator<Item = &Edge> {
    let stretches = Stretches::of(block);
    block.edges.iter().filter(move |edge| edge.reason != Reason::Guard || !stretches.imply(edge))
}

/// Where the steps of a block stand between its guards.
struct Stretches {
    /// By step; guards stand in none.
    of: Vec<Option<usize>>,
    /// Whether another step of its stretch waits for a step.
    followed: Vec<bool>,
    /// Whether a step waits for another of its stretch.
    preceded: Vec<bool>,
}

impl Stretches {
    fn of(block: &Block) -> Self {
        let mut guards = 0;
        let mut of = Vec::with_capacity(block.steps.len());
        for step in &block.steps {
            let is_guard = step.action.is_guard();
            of.push((!is_guard).then_some(guards));
            guards += usize::from(is_guard);
        }
        let none = vec![false; of.len()];
        let mut stretches = Self { of, followed: none.clone(), preceded: none };
        for edge in &block.edges {
            let (before, after) = (edge.before as usize, edge.after as usize);
            if stretches.number(before).is_some() && stretches.number(before) == stretches.number(after) {
                stretches.followed.get_mut(before).into_iter().for_each(|it| *it = true);
                stretches.preceded.get_mut(after).into_iter().for_each(|it| *it = true);
            }
        }
        stretches
    }

    fn number(&self, step: usize) -> Option<usize> {
        self.of.get(step).copied().flatten()
    }

    /// Whether other edges say what this one of a guard does.
    fn imply(&self, edge: &Edge) -> bool {
        let (before, after) = (edge.before as usize, edge.after as usize);
        match (self.number(before), self.number(after)) {
            // Guards follow each other at once, or a stretch between them does.
            (None, None) => before + 1 < after,
            (None, Some(_)) => self.preceded.get(after).copied().unwrap_or(false),
            _ => self.followed.get(before).copied().unwrap_or(false),
        }
    }
}

/// The steps of a block that its return reads.
fn read_at_end(block: &Block) -> impl Iterator<Item = usize> {
    let mut read: Vec<usize> = Vec::new();
    for expression in block.returns.iter().flat_map(|tree| tree.expressions()) {
        for path in expression.reads() {
            if let [Segment::Key(root), Segment::Key(name), ..] = path.path.as_slice()
                && root == "steps"
            {
                read.extend(block.steps.iter().position(|step| *step.name == **name));
            }
        }
    }
    read.sort_unstable();
    read.dedup();
    read.into_iter()
}

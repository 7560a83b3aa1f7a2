//! Checks steps, each after those it waits for.

use super::super::guards::Guards;
use super::super::order;
use super::super::scope::{Binds, ErrorBind, Level};
use super::{Checker, SHADOWS};
use crate::diagnostic::Diagnostic;
use crate::document::{Block, OnError, Step};
use crate::schema::Shape;
use crate::source::Span;
use crate::steps::{Place, Visitor};

impl Checker<'_> {
    /// Checks the steps of a block, each after those it waits for; tells what the block returns.
    pub(super) fn check_block(&mut self, block: &mut Block) -> Option<Shape> {
        self.check_names(block);
        block.order = order::order(block, self.diagnostics)?;
        let count = block.steps.len();
        let names = block.steps.iter().zip(0..).map(|(step, n)| (step.name.value.clone(), n)).collect();
        self.names.levels.push(Level {
            names,
            outputs: vec![None; count],
            skipped_by: vec![None; count],
            binds: Binds::default(),
        });
        let facts = self.facts.len();
        let mut returned = Vec::new();
        self.guards.push(Guards::of(block));
        for n in block.order.sorted.clone() {
            let Some(step) = block.steps.get_mut(n as usize) else { continue };
            self.facts.truncate(facts);
            self.guards_before(n);
            let shape = self.check_step(step, n);
            if step.action.returns() {
                returned.push(shape.clone());
            }
            if let Some(level) = self.names.levels.last_mut() {
                if let Some(output) = level.outputs.get_mut(n as usize) {
                    *output = Some(shape.bounded());
                }
                if let Some(skipped) = level.skipped_by.get_mut(n as usize) {
                    *skipped = left_out(step);
                }
            }
        }
        self.facts.truncate(facts);
        self.guards_before(u32::MAX);
        let end = block.returns.as_mut().map(|tree| self.tree(tree, Place::Open("a return")));
        self.guards.pop();
        let level = self.names.levels.pop().unwrap_or_default();
        let outputs = block.steps.iter().map(|step| step.name.span).zip(level.outputs);
        self.outputs.extend(outputs.filter_map(|(span, shape)| Some((span, shape?))));
        let never_falls_through = end.is_some() || ends_always(block);
        if block.has_broken_return {
            return Some(Shape::Any);
        }
        let union = returned.into_iter().chain(end).reduce(Shape::or);
        Some(match union {
            None if never_falls_through => Shape::Any,
            None => Shape::Scalar.optional(),
            Some(shape) if never_falls_through => shape,
            Some(shape) => shape.optional(),
        })
    }

    fn check_names(&mut self, block: &Block) {
        for step in &block.steps {
            let name = &step.name;
            let outer = self.names.levels.iter().any(|level| level.names.contains_key(&name.value));
            if outer {
                self.diagnostics.push(
                    Diagnostic::error(
                        SHADOWS,
                        format!("a step around this block is called `{}` too", name.value),
                    )
                    .at(name.span, "would hide it")
                    .help("give it another name"),
                );
            }
        }
    }

    /// Checks step `n` of the innermost block.
    fn check_step(&mut self, step: &mut Step, n: u32) -> Shape {
        if let Some(when) = &mut step.when {
            self.expression(when, Place::Condition);
            self.facts.extend(when.proves(true));
        }
        let mut binds = Binds {
            last: step.repeat.is_some(),
            error: step.retry.as_ref().map(|_| ErrorBind::Retry),
            item: None,
        };
        if let Some(each) = &mut step.each {
            let list = self.expression(&mut each.list, Place::Value);
            let item = match list.bare() {
                Shape::List(item) => (**item).clone(),
                _ => Shape::Any,
            };
            let item = if list.is_secret() { item.secret() } else { item };
            self.keeps_secret |= item.holds_secret();
            if self.names.is_taken(&each.alias.value) {
                self.diagnostics.push(
                    Diagnostic::error(
                        SHADOWS,
                        format!("`{}` already stands for something here", each.alias.value),
                    )
                    .at(each.alias.span, "would hide it")
                    .help("give the item another name with `as`"),
                );
            }
            binds.item = Some((each.alias.value.clone(), item));
        }
        if let Some(level) = self.names.levels.last_mut() {
            level.binds = binds;
        }
        if let Some(filter) = step.each.as_mut().and_then(|each| each.filter.as_mut()) {
            self.expression(filter, Place::Condition);
            self.facts.extend(filter.proves(true));
        }
        if let Some(once) = &mut step.once {
            self.once(once);
        }
        let mut shape = step.action.check(self);
        self.names.locals.clear();
        if let Some(repeat) = &mut step.repeat {
            self.expression(&mut repeat.test, Place::Condition);
        }
        if let Some(level) = self.names.levels.last_mut() {
            level.binds.error = Some(ErrorBind::Handler);
        }
        if let Some(compensate) = &mut step.compensate {
            let output = if step.secret { shape.clone().secret() } else { shape.clone() };
            self.compensate(compensate, n, output);
        }
        match &mut step.on_error {
            Some(OnError::Continue) => shape = shape.optional(),
            Some(OnError::Block(block)) => {
                let handled = self.block(block);
                if !fails_always(block) {
                    shape = shape.or(handled);
                }
            }
            None => {}
        }
        if let Some(level) = self.names.levels.last_mut() {
            let item = std::mem::take(&mut level.binds).item;
            self.items.extend(item.map(|item| (step.name.span, item)));
        }
        if step.once.is_some() {
            shape = shape.optional();
        }
        if let Some(each) = &step.each {
            let item = if each.keep_going { shape.optional() } else { shape };
            shape = Shape::List(Box::new(item));
        }
        // What came from outside is as it was, whatever secrets are by now.
        self.keeps_secret |= shape.holds_secret();
        if step.secret {
            shape = shape.secret();
        }
        if step.when.is_some() && !step.action.is_guard() { shape.optional() } else { shape }
    }
}

/// Whether a guard without a condition ends the block.
fn ends_always(block: &Block) -> bool {
    block.steps.iter().any(|step| step.action.is_guard() && step.when.is_none())
}

/// Whether the block ends in an error, whatever happens.
fn fails_always(block: &Block) -> bool {
    ends_always(block) && !block.steps.iter().any(|step| step.action.returns())
}

/// Where a step has what may leave it without an output.
fn left_out(step: &Step) -> Option<Span> {
    match (&step.when, &step.once, &step.on_error) {
        (Some(when), ..) if !step.action.is_guard() => Some(when.span()),
        (_, Some(once), _) => Some(once.span()),
        (.., Some(OnError::Continue)) => Some(step.name.span),
        _ => None,
    }
}

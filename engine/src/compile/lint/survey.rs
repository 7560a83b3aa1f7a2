//! A pathway as lints see it: its steps in one list, each with what it reads and whence that comes.

use std::collections::HashMap;
use std::sync::Arc;

use super::output;
use crate::diagnostic::Diagnostics;
use crate::document::{Block, OnError, Pathway, Step};
use crate::expression::{Expression, Read, Segment, Tree};
use crate::schema::{Schema, Shape};
use crate::source::{Span, Spanned};
use crate::steps::{Call, Place, Visitor};

/// All of a pathway.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) steps: Vec<Seen>,
    pub(super) blocks: Vec<Beside>,
    pub(super) vars: Vec<Variable>,
    /// What is read outside of steps: by doors, and by the return of the pathway.
    pub(super) loose: Vec<Use>,
    /// Topics and pathways that its steps name.
    pub(super) topics: Vec<String>,
}

/// A step.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) name: Spanned<String>,
    pub(super) verb: &'static str,
    /// The block that it stands in, and which of its steps it is.
    pub(super) block: usize,
    pub(super) nth: usize,
    /// Blocks inside of it.
    pub(super) blocks: Vec<usize>,
    /// All of it in its file.
    pub(super) span: Span,
    pub(super) allow: Vec<Spanned<String>>,
    pub(super) needs: Vec<String>,
    pub(super) uses: Vec<Use>,
    pub(super) is_guard: bool,
    pub(super) has_when: bool,
    pub(super) emits: bool,
    /// Whether something undoes it.
    pub(super) is_undone: bool,
    /// Whether it says itself that it is done once.
    pub(super) is_once: bool,
    /// Whether it runs again until its `while`, which reads it, is content.
    pub(super) repeats: bool,
    /// Whether it is attempted again by a `retry` of its own.
    pub(super) retries: bool,
    /// The list of its `each`, where that is nothing but a path.
    pub(super) list: Option<(Source, Read)>,
    pub(super) service: Option<String>,
    pub(super) call: Option<Call>,
}

/// A block.
#[derive(Debug)]
pub(super) struct Beside {
    /// The step that it belongs to; none: the pathway.
    pub(super) owner: Option<usize>,
    /// Whether it runs after that step, as its `on_error` or its `compensate`.
    pub(super) comes_after: bool,
    pub(super) steps: Vec<usize>,
    /// Which of them wait for each.
    pub(super) wakes: Vec<Vec<u32>>,
}

/// A variable of the pathway.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Spanned<String>,
    pub(super) uses: Vec<Use>,
}

/// Something that is read.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) source: Source,
    pub(super) part: Part,
    pub(super) path: Vec<Segment>,
}

/// Where what is read comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Step(usize),
    /// A variable of the pathway.
    Var(usize),
    /// A variable of the project.
    Constant(String),
    Input,
    Auth,
    Error,
    /// An item of the `each` of that step.
    Item(usize),
    Other,
}

/// In what of a step it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    When,
    Each,
    /// The verb and all other modifiers.
    Rest,
}

impl Survey {
    pub(super) fn of(pathway: &mut Pathway, found: &mut Diagnostics) -> Self {
        let mut walk = Walk {
            survey: Self::default(),
            at: Vec::new(),
            names: Vec::new(),
            items: Vec::new(),
            part: Part::Rest,
            comes_after: false,
            var: None,
            output: pathway.output.clone(),
            found,
        };
        for (name, _) in &pathway.vars {
            walk.survey.vars.push(Variable { name: name.clone(), uses: Vec::new() });
        }
        for (n, (_, tree)) in pathway.vars.iter().enumerate() {
            walk.var = Some(n);
            tree.iter().flat_map(Tree::expressions).for_each(|expression| walk.reads(expression));
        }
        walk.var = None;
        let door = &pathway.door;
        let per = pathway.max_runs.per.as_ref().map(|per| &per.key);
        let of_door = [&door.key, &door.id, &door.subject].into_iter().flatten();
        of_door.chain(per).for_each(|it| walk.reads(it));
        walk.block(&mut pathway.body);
        walk.output = None;
        pathway.on_error.iter_mut().for_each(|block| drop(walk.block(block)));
        walk.survey
    }

    /// The step around another.
    pub(super) fn parent(&self, step: usize) -> Option<usize> {
        self.blocks.get(self.steps.get(step)?.block)?.owner
    }

    /// That step and those around it, the innermost first.
    pub(super) fn around(&self, step: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(step), |step| self.parent(*step))
    }

    /// The steps inside of one.
    pub(super) fn inside(&self, step: usize) -> Vec<&Seen> {
        let mut found = Vec::new();
        let mut next = vec![step];
        while let Some(seen) = next.pop().and_then(|n| self.steps.get(n)) {
            let blocks = seen.blocks.iter().filter_map(|block| self.blocks.get(*block));
            let inner: Vec<_> = blocks.flat_map(|block| &block.steps).copied().collect();
            found.extend(inner.iter().filter_map(|n| self.steps.get(*n)));
            next.extend(inner);
        }
        found
    }
}

/// Fills a survey.
struct Walk<'a> {
    survey: Survey,
    /// Steps around this place.
    at: Vec<usize>,
    /// The steps of each block around it, by name.
    names: Vec<HashMap<String, usize>>,
    /// Names of items, with the step that binds each.
    items: Vec<(String, usize)>,
    part: Part,
    /// Whether the next block runs after the step that it belongs to.
    comes_after: bool,
    /// The variable that is being read.
    var: Option<usize>,
    /// What the pathway must return.
    output: Option<Arc<Schema>>,
    found: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn step(&mut self, step: &mut Step, index: usize) {
        let bound = self.items.len();
        self.at.push(index);
        self.part = Part::When;
        step.when.iter().for_each(|when| self.reads(when));
        self.part = Part::Each;
        if let Some(each) = &step.each {
            self.reads(&each.list);
            let list = each.list.as_path().map(|read| (self.source(&read.path), read.clone()));
            if let Some(seen) = self.survey.steps.get_mut(index) {
                seen.list = list;
            }
            self.items.push((each.alias.value.clone(), index));
            each.filter.iter().for_each(|filter| self.reads(filter));
        }
        self.part = Part::Rest;
        step.once.iter().for_each(|once| self.reads(once));
        step.action.check(self);
        step.repeat.iter().for_each(|repeat| self.reads(&repeat.test));
        if let Some(OnError::Block(block)) = &mut step.on_error {
            self.comes_after = true;
            self.block(block);
        }
        if let Some(compensate) = &mut step.compensate {
            self.comes_after = true;
            self.block(&mut compensate.block);
        }
        self.at.pop();
        self.items.truncate(bound);
    }

    fn reads(&mut self, expression: &Expression) {
        for read in expression.reads() {
            let read = Use { source: self.source(&read.path), part: self.part, path: read.path.clone() };
            let uses = match (self.var, self.at.last()) {
                (Some(n), _) => self.survey.vars.get_mut(n).map(|var| &mut var.uses),
                (None, Some(n)) => self.survey.steps.get_mut(*n).map(|seen| &mut seen.uses),
                (None, None) => Some(&mut self.survey.loose),
            };
            uses.into_iter().for_each(|uses| uses.push(read.clone()));
        }
    }

    fn source(&self, path: &[Segment]) -> Source {
        let key = |n: usize| match path.get(n) {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        match key(0) {
            "input" => Source::Input,
            "auth" => Source::Auth,
            "error" => Source::Error,
            "steps" => self.step_called(key(1)).map_or(Source::Other, Source::Step),
            "vars" => match self.survey.vars.iter().position(|var| var.name.value == key(1)) {
                Some(n) => Source::Var(n),
                None => Source::Constant(key(1).to_owned()),
            },
            name => {
                let item = self.items.iter().rev().find(|(item, _)| item == name);
                item.map_or(Source::Other, |(_, step)| Source::Item(*step))
            }
        }
    }

    fn step_called(&self, name: &str) -> Option<usize> {
        self.names.iter().rev().find_map(|names| names.get(name)).copied()
    }
}

impl Seen {
    fn of(step: &Step, block: usize, nth: usize) -> Self {
        Self {
            name: step.name.clone(),
            verb: step.verb,
            block,
            nth,
            blocks: Vec::new(),
            span: step.span,
            allow: step.allow.clone(),
            needs: step.needs.iter().map(|need| need.value.clone()).collect(),
            uses: Vec::new(),
            is_guard: step.action.is_guard(),
            has_when: step.when.is_some(),
            emits: step.action.emits(),
            is_undone: step.compensate.is_some(),
            is_once: step.once.is_some() || step.at_most_once,
            repeats: step.repeat.is_some(),
            retries: step.retry.as_ref().is_some_and(|retry| retry.attempts > 1),
            list: None,
            service: step.action.service().map(str::to_owned),
            call: step.action.call(),
        }
    }
}

impl Visitor for Walk<'_> {
    fn expression(&mut self, expression: &mut Expression, _: Place) -> Shape {
        self.reads(expression);
        Shape::Any
    }

    fn tree(&mut self, tree: &mut Tree, _: Place) -> Shape {
        tree.expressions().into_iter().for_each(|expression| self.reads(expression));
        let is_reply = match self.at.as_slice() {
            [] => true,
            [only] => self.survey.steps.get(*only).is_some_and(|seen| seen.verb == "return"),
            _ => false,
        };
        if let Some(output) = self.output.as_ref().filter(|_| is_reply) {
            output::check(tree, output, self.found);
        }
        Shape::Any
    }

    fn local(&mut self, _: &Spanned<String>, _: Shape) {}

    fn block(&mut self, block: &mut Block) -> Shape {
        let id = self.survey.blocks.len();
        let comes_after = std::mem::take(&mut self.comes_after);
        let first = self.survey.steps.len();
        let steps = block.steps.iter().enumerate().map(|(nth, step)| Seen::of(step, id, nth));
        self.survey.steps.extend(steps);
        let indexes: Vec<_> = (first..self.survey.steps.len()).collect();
        self.survey.blocks.push(Beside {
            owner: self.at.last().copied(),
            comes_after,
            steps: indexes.clone(),
            wakes: block.order.wakes.clone(),
        });
        if let Some(owner) = self.at.last().and_then(|n| self.survey.steps.get_mut(*n)) {
            owner.blocks.push(id);
        }
        let names = block.steps.iter().map(|step| step.name.value.clone());
        self.names.push(names.zip(indexes.iter().copied()).collect());
        for (step, index) in block.steps.iter_mut().zip(indexes) {
            self.step(step, index);
        }
        self.part = Part::Rest;
        if let Some(returns) = &mut block.returns {
            self.tree(returns, Place::Value);
        }
        self.names.pop();
        Shape::Any
    }

    fn service(&mut self, _: &Spanned<String>) {}

    fn topic(&mut self, name: &Spanned<String>) {
        self.survey.topics.push(name.value.clone());
    }

    fn pathway(&mut self, _: &Spanned<String>) -> Shape {
        Shape::Any
    }
}

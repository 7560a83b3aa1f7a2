//! Checks a pathway and binds its names: what each expression reads exists, is there when it is
//! read, and is not a secret where it would get out.

use std::collections::HashMap;
use std::sync::Arc;

use super::compensate::Keeping;
use super::complaint::{missing, no_such_property};
use super::guards::Guards;
use super::notes::Notes;
use super::order;
use super::scope::{Binds, ErrorBind, Level, Names};
use super::ticks;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Block, Form, HttpDoor, OnError, Pathway, Step};
use crate::expression::{Bound, Expression, Read, Segment, Slot, Tree};
use crate::project::Project;
use crate::schema::{Lookup, Schema, Shape};
use crate::source::{Span, Spanned};
use crate::steps::{Place, Visitor};

const SHADOWS: Code = Code("PW0508");
const UNKNOWN_SERVICE: Code = Code("PW0513");
const UNKNOWN_TOPIC: Code = Code("PW0514");
const UNKNOWN_PATHWAY: Code = Code("PW0515");
const CREDENTIALS: Code = Code("PW0240");
const SECRET_OUT: Code = Code("PW0701");
const SECRET_PART: Code = Code("PW0803");
const TOKEN: Code = Code("PW0702");

/// What a pathway may refer to outside of itself.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) project: &'a Project,
    /// All pathways and what they return.
    pub(super) pathways: HashMap<String, Option<Arc<Schema>>>,
}

/// Checks and binds everything in `pathway`; tells what its values look like.
pub(super) fn check(pathway: &mut Pathway, world: &World<'_>, diagnostics: &mut Diagnostics) -> Notes {
    let input = pathway.input.as_ref().map_or(Shape::Any, |schema| schema.shape().clone());
    let constants = world.project.vars.iter().map(|(name, var)| {
        let shape = Shape::of(&var.value);
        (name.clone(), if var.secret { shape.secret() } else { shape })
    });
    let names = Names {
        input,
        vars: indexmap::IndexMap::new(),
        var_count: u32::try_from(pathway.vars.len()).unwrap_or(u32::MAX),
        constants: constants.collect(),
        levels: Vec::new(),
        locals: Vec::new(),
        query: Shape::Any,
        only: None,
    };
    let mut checker = Checker::new(world, names, diagnostics);
    for (name, tree) in &mut pathway.vars {
        let shape = tree.as_mut().map_or(Shape::Any, |tree| checker.tree(tree, Place::Value));
        checker.names.vars.insert(name.value.clone(), shape);
    }
    checker.door(pathway);
    checker.block(&mut pathway.body);
    if let Some(block) = &mut pathway.on_error {
        checker.names.levels.push(Level {
            binds: Binds { error: Some(ErrorBind::Handler), ..Binds::default() },
            ..Level::default()
        });
        checker.block(block);
        checker.names.levels.pop();
    }
    let Checker { names, outputs, items, .. } = checker;
    Notes { file: pathway.name.span.file, input: names.input, vars: names.vars, outputs, items }
}

/// Checks one file.
pub(super) struct Checker<'a> {
    world: &'a World<'a>,
    pub(super) names: Names,
    /// Paths that are certainly there, because conditions around this place say so.
    facts: Vec<Vec<Segment>>,
    /// Those that the guards of the blocks around this place prove.
    guards: Vec<Guards>,
    /// Of the compensation that is being checked: what it reads from around it.
    pub(super) keeping: Option<Keeping>,
    /// For [`Notes`].
    outputs: HashMap<Span, Shape>,
    items: HashMap<Span, (String, Shape)>,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Checker<'a> {
    pub(super) fn new(world: &'a World<'a>, names: Names, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            world,
            names,
            facts: Vec::new(),
            guards: Vec::new(),
            keeping: None,
            outputs: HashMap::new(),
            items: HashMap::new(),
            diagnostics,
        }
    }

    /// Checks something that sees these names only.
    pub(super) fn seeing<T>(
        &mut self,
        only: &'static [&'static str],
        check: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.names.only.replace(only);
        let checked = check(self);
        self.names.only = before;
        checked
    }

    fn door(&mut self, pathway: &mut Pathway) {
        let door = &mut pathway.door;
        // These are computed before there is a run.
        self.seeing(&["input", "auth"], |checker| {
            if let Some(key) = &mut door.key {
                checker.expression(key, Place::Open("the key of a lane"));
            }
            if let Some(per) = &mut pathway.max_runs.per {
                checker.expression(&mut per.key, Place::Open("the key of a limit"));
            }
            for expression in [&mut door.id, &mut door.subject].into_iter().flatten() {
                checker.expression(expression, Place::Condition);
            }
        });
        if let Some(topic) = &door.topic {
            self.topic(topic);
        }
        if let Some(reply) = &mut door.reply {
            self.topic(&reply.topic);
            self.form(&mut reply.form);
        }
        if let Some(http) = &mut door.http {
            self.form(&mut http.form);
            if let Some(input) = pathway.input.as_deref().filter(|_| http.takes_credentials()) {
                self.no_credentials(input, &http.path);
            }
        }
        for schedule in &mut door.schedules {
            if let Some(tree) = &mut schedule.input {
                self.seeing(&["scheduled_at"], |checker| checker.tree(tree, Place::Open("a record")));
            }
            ticks::check(schedule, pathway.input.as_deref(), self.diagnostics);
        }
    }

    /// The gateway takes these parameters for itself, so that none is kept with a run.
    pub(super) fn no_credentials(&mut self, input: &Schema, path: &Spanned<String>) {
        for name in HttpDoor::CREDENTIALS {
            if input.json().get("properties").is_some_and(|properties| properties.get(name).is_some()) {
                self.diagnostics.push(
                    Diagnostic::error(CREDENTIALS, format!("`{name}` cannot be an input of this stream"))
                        .at(path.span, "here it tells the gateway who calls")
                        .help("choose another name, or another method than `get`"),
                );
            }
        }
    }

    fn form(&mut self, form: &mut Form) {
        let parts: [(&[_], _); 3] =
            [(&["emitted"], &mut form.emit), (&[], &mut form.done), (&["error"], &mut form.error)];
        for (only, tree) in parts {
            if let Some(tree) = tree {
                self.seeing(only, |checker| checker.tree(tree, Place::Open("a reply")));
            }
        }
    }

    /// Checks the steps of a block, each after those it waits for; tells what the block returns.
    fn check_block(&mut self, block: &mut Block) -> Option<Shape> {
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
        if step.secret {
            shape = shape.secret();
        }
        if step.when.is_some() && !step.action.is_guard() { shape.optional() } else { shape }
    }

    /// Binds a path; tells what it yields, or reports why it yields nothing.
    fn read(&mut self, read: &Read, tolerated: bool) -> Option<(Bound, Shape)> {
        let found = match self.names.find(read) {
            Ok(found) => found,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return None;
            }
        };
        if let Some(keeping) = &mut self.keeping {
            keeping.note(found.bound.slot, self.names.levels.len());
        }
        let mut shape = found.shape;
        let mut known = found.bound.consumed;
        let is_token = matches!(found.bound.slot, Slot::Auth)
            && matches!(read.path.get(1), Some(Segment::Key(key)) if key == "token");
        if is_token {
            self.diagnostics.push(
                Diagnostic::error(TOKEN, "`auth.token` may stand in the headers of a service only")
                    .at(read.span, "not here")
                    .help("declare a service whose headers carry it, and call that"),
            );
            return None;
        }
        loop {
            let is_last = known == read.path.len();
            if shape.is_optional() {
                if self.is_proven(read.path.get(..known)?) {
                    shape = shape.present();
                } else if !tolerated {
                    self.diagnostics.push(missing(read, known, is_last, found.skipped_by));
                    return Some((found.bound, Shape::Any));
                }
            }
            let Some(segment) = read.path.get(known) else { break };
            match shape.look_up(segment) {
                Lookup::Found(inner) => shape = inner,
                problem => {
                    self.diagnostics.push(no_such_property(read, known, &problem));
                    return Some((found.bound, Shape::Any));
                }
            }
            known += 1;
        }
        Some((found.bound, shape))
    }

    /// From here on the guards written before step `n` of the innermost block count.
    fn guards_before(&mut self, n: u32) {
        if let Some(guards) = self.guards.last_mut() {
            guards.before = n;
        }
    }

    fn is_proven(&self, path: &[Segment]) -> bool {
        self.facts.iter().any(|fact| fact.starts_with(path))
            || self.guards.iter().any(|guards| guards.prove(path))
    }
}

impl Visitor for Checker<'_> {
    fn expression(&mut self, expression: &mut Expression, place: Place) -> Shape {
        if place == Place::Pick {
            return self.seeing(&["chunk"], |checker| checker.expression(expression, Place::Condition));
        }
        let tolerant = place == Place::Condition;
        let reads: HashMap<Span, bool> =
            expression.reads().iter().map(|read| (read.span, read.flows)).collect();
        let single = expression.as_path().map(|read| read.span);
        let mut secret = expression.has_secret().then(|| expression.span());
        let (mut shape, mut carries) = (Shape::Any, None);
        expression.bind(&mut |read: &Read| {
            let (bound, found) = self.read(read, tolerant || read.tolerated || read.conditional)?;
            if found.is_secret() && reads.get(&read.span).copied().unwrap_or(true) {
                secret.get_or_insert(read.span);
            }
            if let (true, Place::Open(place)) = (single == Some(read.span) && found.holds_secret(), place) {
                carries.get_or_insert((read.span, place));
            }
            if single == Some(read.span) {
                shape = found;
            }
            Some(bound)
        });
        if let (Some(span), Place::Open(place)) = (secret, place) {
            self.diagnostics.push(secret_out(span, place));
        } else if let Some((span, place)) = carries {
            self.diagnostics.push(secret_part_out(span, place));
        }
        if secret.is_some() { shape.secret() } else { shape }
    }

    fn tree(&mut self, tree: &mut Tree, place: Place) -> Shape {
        let mut shapes = Vec::new();
        tree.visit_mut(&mut |expression| shapes.push(self.expression(expression, place)));
        shape_of(tree, &mut shapes.into_iter()).bounded()
    }

    fn local(&mut self, name: &Spanned<String>, shape: Shape) {
        if self.names.is_taken(&name.value) {
            self.diagnostics.push(
                Diagnostic::error(SHADOWS, format!("`{}` already stands for something here", name.value))
                    .at(name.span, "would hide it")
                    .help("give it another name"),
            );
        }
        self.names.locals.push((name.value.clone(), shape));
    }

    fn block(&mut self, block: &mut Block) -> Shape {
        self.check_block(block).unwrap_or(Shape::Any)
    }

    fn service(&mut self, name: &Spanned<String>) {
        let services = &self.world.project.services;
        if !services.contains_key(&name.value) {
            self.diagnostics.push(
                Diagnostic::error(UNKNOWN_SERVICE, format!("the project has no service `{}`", name.value))
                    .at(name.span, "unknown service")
                    .help("declare it under `services` in pathway.yaml")
                    .suggest(&name.value, services.keys().map(String::as_str)),
            );
        }
    }

    fn topic(&mut self, name: &Spanned<String>) {
        let topics = &self.world.project.topics;
        let implicit = name.value.strip_prefix("pathway.").unwrap_or(&name.value);
        if !topics.admits(&name.value) && !self.world.pathways.contains_key(implicit) {
            self.diagnostics.push(
                Diagnostic::error(UNKNOWN_TOPIC, format!("the project has no topic `{}`", name.value))
                    .at(name.span, "unknown topic")
                    .help("list it under `topics` in pathway.yaml")
                    .suggest(&name.value, topics.listed()),
            );
        }
    }

    fn pathway(&mut self, name: &Spanned<String>) -> Shape {
        match self.world.pathways.get(&name.value) {
            Some(output) => output.as_ref().map_or(Shape::Any, |schema| schema.shape().clone()),
            None => {
                self.diagnostics.push(
                    Diagnostic::error(UNKNOWN_PATHWAY, format!("there is no pathway `{}`", name.value))
                        .at(name.span, "unknown pathway")
                        .suggest(&name.value, self.world.pathways.keys().map(String::as_str)),
                );
                Shape::Any
            }
        }
    }
}

/// A secret would get out at that place.
pub(super) fn secret_out(span: Span, place: &str) -> Diagnostic {
    Diagnostic::error(SECRET_OUT, format!("a secret would become part of {place}"))
        .at(span, "secret")
        .help("leave it out, or say that it may be seen: `reveal(…)`")
}

/// Something of which a part is secret would get out at that place.
fn secret_part_out(span: Span, place: &str) -> Diagnostic {
    Diagnostic::warning(SECRET_PART, format!("something secret may become part of {place}"))
        .at(span, "has properties that are secret")
        .help("leave them out: `… | omit('NAME')`, or say that they may be seen: `reveal(…)`")
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

/// What a tree yields, given what its templates yield in the order written.
fn shape_of(tree: &Tree, shapes: &mut impl Iterator<Item = Shape>) -> Shape {
    if tree.as_expression().is_some() {
        return shapes.next().unwrap_or(Shape::Any);
    }
    if let Some(entries) = tree.as_map() {
        return Shape::object(
            entries.iter().map(|(name, tree)| (name.as_str(), shape_of(tree, shapes))).collect::<Vec<_>>(),
        );
    }
    if let Some(items) = tree.as_list() {
        let items: Vec<_> = items.iter().map(|item| shape_of(item, shapes)).collect();
        return Shape::List(Box::new(items.into_iter().reduce(Shape::or).unwrap_or(Shape::Any)));
    }
    tree.as_constant().map_or(Shape::Any, Shape::of)
}

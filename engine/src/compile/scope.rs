//! Names: what each stands for at a place, and what its value looks like.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Bound, Read, Segment, Slot};
use crate::schema::Shape;
use crate::source::Span;

const UNKNOWN_NAME: Code = Code("PW0503");
const UNKNOWN_STEP: Code = Code("PW0504");
const UNKNOWN_VAR: Code = Code("PW0505");
const WHOLE_STEPS: Code = Code("PW0506");
const NOT_HERE: Code = Code("PW0507");

/// A block while its steps are checked.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// Steps by name.
    pub(super) names: HashMap<String, u32>,
    /// What the output of each looks like; known of those that were checked.
    pub(super) outputs: Vec<Option<Shape>>,
    /// Where a step has what may leave it out.
    pub(super) skipped_by: Vec<Option<Span>>,
    /// What the step that is being checked binds for what is inside of it.
    pub(super) binds: Binds,
}

/// Names that a step binds.
#[derive(Debug, Default)]
pub(super) struct Binds {
    /// What an item of its `each` is called, and what it looks like.
    pub(super) item: Option<(String, Shape)>,
    /// `last`
    pub(super) last: bool,
    /// `error`
    pub(super) error: Option<ErrorBind>,
}

/// What binds `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorBind {
    /// A `retry`: it is none until an attempt has failed.
    Retry,
    /// An `on_error`.
    Handler,
}

/// All that can be named at a place.
#[derive(Debug)]
pub(super) struct Names {
    /// What `input` looks like.
    pub(super) input: Shape,
    /// The pathway's variables, as far as they are above this place.
    pub(super) vars: IndexMap<String, Shape>,
    /// How many it has in all.
    pub(super) var_count: u32,
    /// The project's variables.
    pub(super) constants: IndexMap<String, Shape>,
    /// Blocks, outermost first.
    pub(super) levels: Vec<Level>,
    /// Bare names of the `set` that is being checked.
    pub(super) locals: Vec<(String, Shape)>,
    /// What `query` of a feed looks like.
    pub(super) query: Shape,
    /// Where all else is out of sight: the names that are not.
    pub(super) only: Option<&'static [&'static str]>,
}

/// A name, found.
pub(super) struct Found {
    pub(super) bound: Bound,
    pub(super) shape: Shape,
    /// Where the step that it is may be left out.
    pub(super) skipped_by: Option<Span>,
}

impl Found {
    fn new(slot: Slot, shape: Shape) -> Self {
        Self { bound: Bound { slot, consumed: 1 }, shape, skipped_by: None }
    }
}

impl Names {
    /// What the name that `read` begins with stands for.
    pub(super) fn find(&self, read: &Read) -> Result<Found, Box<Diagnostic>> {
        let Some(Segment::Key(root)) = read.path.first() else {
            return Err(Box::new(Diagnostic::error(UNKNOWN_NAME, "a name is missing").at(read.span, "")));
        };
        if let Some(only) = self.only {
            return self.find_only(only, root, read.span);
        }
        if let Some((n, (_, shape))) = (0..).zip(&self.locals).find(|(_, (name, _))| name == root) {
            return Ok(Found::new(Slot::Local(n), shape.clone()));
        }
        match root.as_str() {
            "input" => Ok(Found::new(Slot::Input, self.input.clone())),
            "auth" => Ok(Found::new(Slot::Auth, auth())),
            "run" => Ok(Found::new(Slot::Run, run())),
            "steps" => self.find_step(read),
            "vars" => self.find_var(read),
            name => self.find_bound(name).ok_or_else(|| Box::new(self.unknown(name, read.span))),
        }
    }

    fn find_only(
        &self,
        only: &'static [&'static str],
        root: &str,
        span: Span,
    ) -> Result<Found, Box<Diagnostic>> {
        if !only.contains(&root) {
            let what = match only.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>() {
                names if names.is_empty() => "no name".to_owned(),
                names => format!("only {}", names.join(" and ")),
            };
            return Err(Box::new(
                Diagnostic::error(NOT_HERE, format!("`{root}` is not known here: this sees {what}"))
                    .at(span, "out of sight")
                    .suggest(root, only.iter().copied()),
            ));
        }
        Ok(match root {
            "chunk" => Found::new(Slot::Chunk, Shape::Any),
            "emitted" => Found::new(Slot::Emitted, Shape::Any),
            "scheduled_at" => Found::new(Slot::ScheduledAt, Shape::Scalar),
            "record" => Found::new(Slot::Record, record()),
            "query" => Found::new(Slot::Query, self.query.clone()),
            "auth" => Found::new(Slot::Auth, auth()),
            "input" => Found::new(Slot::Input, self.input.clone()),
            _ => Found::new(Slot::Error { up: 0 }, error()),
        })
    }

    fn find_step(&self, read: &Read) -> Result<Found, Box<Diagnostic>> {
        let Some(Segment::Key(name)) = read.path.get(1) else {
            return Err(Box::new(
                Diagnostic::error(WHOLE_STEPS, "`steps` must be followed by the name of a step")
                    .at(read.span, "which step is not known before the run")
                    .help("write `steps.NAME`"),
            ));
        };
        for (up, level) in (0_u32..).zip(self.levels.iter().rev()) {
            if let Some(index) = level.names.get(name) {
                let n = *index as usize;
                // A step without a shape is being checked itself, or could not be: said elsewhere.
                let shape = level.outputs.get(n).cloned().flatten().unwrap_or(Shape::Any);
                return Ok(Found {
                    bound: Bound { slot: Slot::Step { up, index: *index }, consumed: 2 },
                    shape,
                    skipped_by: level.skipped_by.get(n).copied().flatten(),
                });
            }
        }
        let visible = self.levels.iter().flat_map(|level| level.names.keys()).map(String::as_str);
        Err(Box::new(
            Diagnostic::error(UNKNOWN_STEP, format!("there is no step `{name}` in sight"))
                .at(read.span, "unknown step")
                .help("a block sees its own steps and those of the blocks around it")
                .suggest(name, visible),
        ))
    }

    fn find_var(&self, read: &Read) -> Result<Found, Box<Diagnostic>> {
        let name = match read.path.get(1) {
            Some(Segment::Key(name)) => name,
            _ => "",
        };
        let own = self.vars.get_full(name).map(|(n, _, shape)| (0, n, shape));
        let found = own.or_else(|| {
            let (n, _, shape) = self.constants.get_full(name)?;
            Some((self.var_count, n, shape))
        });
        match found {
            Some((first, n, shape)) => {
                let slot = Slot::Var(u32::try_from(n).unwrap_or(u32::MAX).saturating_add(first));
                Ok(Found { bound: Bound { slot, consumed: 2 }, shape: shape.clone(), skipped_by: None })
            }
            None => Err(Box::new(
                Diagnostic::error(UNKNOWN_VAR, format!("there is no variable `{name}`"))
                    .at(read.span, "unknown variable")
                    .help(
                        "variables are those under `vars`, of this file (above this one) and of the project",
                    )
                    .suggest(name, self.vars.keys().chain(self.constants.keys()).map(String::as_str)),
            )),
        }
    }

    /// A name that a step around this place binds.
    fn find_bound(&self, name: &str) -> Option<Found> {
        for (up, level) in (0_u32..).zip(self.levels.iter().rev()) {
            let binds = &level.binds;
            match (name, &binds.item) {
                (name, Some((item, shape))) if name == item => {
                    return Some(Found::new(Slot::Item { up }, shape.clone()));
                }
                ("index", Some(_)) => return Some(Found::new(Slot::Index { up }, Shape::Scalar)),
                ("last", _) if binds.last => return Some(Found::new(Slot::Last { up }, Shape::Any)),
                ("error", _) => match binds.error {
                    Some(ErrorBind::Retry) => {
                        // Before it has failed, it is what is handled around it.
                        let handled = |level: &Level| level.binds.error == Some(ErrorBind::Handler);
                        let shape = match self.levels.iter().any(handled) {
                            true => error(),
                            false => error().optional(),
                        };
                        return Some(Found::new(Slot::Error { up }, shape));
                    }
                    Some(ErrorBind::Handler) => return Some(Found::new(Slot::Error { up }, error())),
                    None => {}
                },
                _ => {}
            }
        }
        None
    }

    fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(UNKNOWN_NAME, format!("there is no name `{name}` here"))
            .at(span, "unknown name");
        let alias = self.levels.iter().rev().find_map(|level| level.binds.item.as_ref());
        if let ("item", Some((alias, _))) = (name, alias) {
            return diagnostic.help(format!("the item is called `{alias}` here"));
        }
        match name {
            "item" | "index" => return diagnostic.help(format!("`{name}` is bound by `each`")),
            "last" => return diagnostic.help("`last` is bound by `while`"),
            "error" => {
                return diagnostic
                    .help("`error` is bound by `on_error`, and by a `retry` on the step or around it");
            }
            "chunk" => return diagnostic.help("`chunk` is bound in `pick`"),
            "emitted" => return diagnostic.help("`emitted` is bound in `emit` of a reply or a stream"),
            "scheduled_at" => return diagnostic.help("`scheduled_at` is bound in `input` of a schedule"),
            "record" | "query" => return diagnostic.help(format!("`{name}` is bound in feeds")),
            _ => {}
        }
        let is_step = self.levels.iter().any(|level| level.names.contains_key(name));
        if is_step {
            return diagnostic.help(format!("write `steps.{name}` to read the step of that name"));
        }
        if self.vars.contains_key(name) || self.constants.contains_key(name) {
            return diagnostic.help(format!("write `vars.{name}` to read the variable of that name"));
        }
        if let Shape::Object { properties, .. } = &self.input
            && properties.contains_key(name)
        {
            return diagnostic.help(format!("write `input.{name}` to read the property of the input"));
        }
        let roots = ["input", "steps", "vars", "auth", "run"];
        let locals = self.locals.iter().map(|(name, _)| name.as_str());
        diagnostic.suggest(name, roots.into_iter().chain(locals))
    }

    /// Whether `name` already stands for something at this place.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        matches!(name, "input" | "steps" | "vars" | "auth" | "run") || self.find_bound(name).is_some()
    }
}

fn auth() -> Shape {
    Shape::object([
        ("sub", Shape::Scalar),
        ("role", Shape::Scalar),
        ("claims", Shape::Any),
        ("has_token", Shape::Scalar),
    ])
}

fn run() -> Shape {
    Shape::object(["id", "pathway", "started_at", "attempt"].map(|name| (name, Shape::Scalar)))
}

fn record() -> Shape {
    let scalars = ["key", "topic", "partition", "offset", "time"].map(|name| (name, Shape::Scalar));
    let others = [("value", Shape::Any), ("headers", Shape::Any)];
    Shape::object(scalars.into_iter().chain(others))
}

fn error() -> Shape {
    let scalars =
        ["class", "message", "code", "status", "step", "attempts"].map(|name| (name, Shape::Scalar));
    let list = |of| Shape::List(Box::new(of));
    let not_undone = Shape::object(["step", "class", "message"].map(|name| (name, Shape::Scalar)));
    let compensation = Shape::object([("undone", list(Shape::Scalar)), ("not_undone", list(not_undone))]);
    let others = [
        ("details", Shape::Any),
        ("pointers", list(Shape::Scalar)),
        ("compensation", compensation.optional()),
    ];
    Shape::object(scalars.into_iter().chain(others))
}

//! Checks a pathway and binds its names: what each expression reads exists, is there when it is
//! read, and is not a secret where it would get out.

mod block;
mod read;
mod visit;

use std::collections::HashMap;
use std::sync::Arc;

pub(super) use self::visit::secret_out;
use super::compensate::Keeping;
use super::guards::Guards;
use super::notes::Notes;
use super::scope::{Binds, ErrorBind, Level, Names};
use super::ticks;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Form, HttpDoor, Pathway};
use crate::expression::Segment;
use crate::project::Project;
use crate::schema::{Schema, Shape};
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
    let Checker { names, outputs, items, keeps_secret, .. } = checker;
    let file = pathway.name.span.file;
    Notes { file, input: names.input, vars: names.vars, outputs, items, keeps_secret }
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
    keeps_secret: bool,
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
            keeps_secret: false,
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
}

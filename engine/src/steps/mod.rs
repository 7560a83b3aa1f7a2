//! The verbs: what a step does.
//!
//! Each verb is one file with its [`Spec`] and an [`Action`]: read from the document, checked by
//! the compiler, begun and completed by the VM. A new verb is a new file and its line in
//! [`VERBS`].

mod block;
mod call;
mod emit;
mod fail;
mod http;
mod page;
mod publish;
mod returns;
mod set;
mod switch;
mod validate;
mod wait;

use std::fmt::Debug;
use std::sync::Arc;

use crate::Value;
use crate::document::{Block, Reader};
use crate::expression::{EvalError, Expression, Now, Scope, Tree};
use crate::reference::{Field, Object, Rule, Takes};
use crate::schema::Shape;
use crate::source::{Node, Span, Spanned};
use crate::vm::{Class, Failure, HttpRequest, Method};

/// All verbs, in the order in which help lists them.
pub static VERBS: &[&Spec] = &[
    &http::SPEC,
    &set::SPEC,
    &validate::SPEC,
    &publish::SPEC,
    &emit::SPEC,
    &call::SPEC,
    &block::SPEC,
    &switch::SPEC,
    &returns::SPEC,
    &wait::SPEC,
    &fail::SPEC,
];

/// The verb called `name`.
#[must_use]
pub fn verb(name: &str) -> Option<&'static Spec> {
    VERBS.iter().copied().find(|spec| spec.name == name)
}

/// What a verb is, for authors and for the reader of documents.
#[derive(Debug)]
pub struct Spec {
    /// The key under which a step has it.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What a step's output is.
    pub output: &'static str,
    /// What stands under it.
    pub takes: Takes,
    /// What may stand beside it and belongs to it.
    pub beside: &'static [Field],
    /// A fragment of a pathway, with what it is given and what comes of it: a test runs it.
    pub example: &'static str,
    /// Reads the verb of a step, given the whole step and what messages call it.
    pub parse: fn(&Node, &str, &mut Reader<'_>) -> Option<Box<dyn Action>>,
}

impl Spec {
    /// Its fields; none where the value itself is what the verb takes.
    #[must_use]
    pub fn fields(&self) -> &'static [Field] {
        self.object().map_or(&[], |object| object.fields)
    }

    /// What of its fields goes together.
    #[must_use]
    pub fn rules(&self) -> &'static [Rule] {
        self.object().map_or(&[], |object| object.rules)
    }

    fn object(&self) -> Option<&'static Object> {
        match self.takes {
            Takes::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What it does and puts out, as Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        format!("**`{}`** {}.\n\nOutput: {}.", self.name, self.summary, self.output)
    }
}

/// A verb with its fields, of one step.
pub trait Action: Debug + Send + Sync {
    /// Shows the compiler everything that it reads and names, in the order in which it is
    /// evaluated, and tells what its output looks like.
    fn check(&mut self, visitor: &mut dyn Visitor) -> Shape;

    /// Begins an attempt.
    ///
    /// # Errors
    /// Whatever an expression or a check of the verb complains about.
    fn begin(&self, scope: &dyn Scope) -> Result<Begun, Failure>;

    /// Makes the output of what the request was answered with.
    ///
    /// # Errors
    /// Whatever an expression or a check of the verb complains about.
    fn complete(&self, answer: Value) -> Result<Value, Failure> {
        Ok(answer)
    }

    /// How it takes part in a run.
    fn kind(&self) -> Kind {
        Kind::Pure
    }

    /// Gives its blocks to the plan; [`Begun::Enter`] names them by their place in this list.
    fn take_blocks(&mut self) -> Vec<Block> {
        Vec::new()
    }

    /// The service that it calls.
    fn service(&self) -> Option<&str> {
        None
    }

    /// What lints need to know of the call that it makes.
    fn call(&self) -> Option<Call> {
        None
    }

    /// The service, topic or pathway that it names, for people.
    fn target(&self) -> Option<&str> {
        self.service()
    }

    /// When each of its blocks is chosen, for people; empty where there is no choice.
    fn choices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether its block then returns what [`Action::check`] says its shape is.
    fn returns(&self) -> bool {
        false
    }

    /// Whether it may pass something on to whoever listens to the run.
    fn emits(&self) -> bool {
        false
    }

    /// Whether it ends its block, so that it waits for all before it and all after waits for it.
    fn is_guard(&self) -> bool {
        matches!(self.kind(), Kind::Guard)
    }
}

/// A call of a service, as it is written.
#[derive(Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Where its path stands.
    pub path: Span,
    /// Its parameters and where the value of each stands; none: they are computed.
    pub query: Option<Vec<(String, Span)>>,
    /// Names of its headers.
    pub headers: Vec<String>,
    /// Whether its answer is read as a stream.
    pub is_stream: bool,
}

/// How a verb takes part in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Computed at once.
    Pure,
    /// Ends its block: `return` and `fail`.
    Guard,
    /// Runs a block.
    Block,
    /// Asks the outside and holds one of the run's `max_parallel` slots meanwhile.
    Effect,
    /// Asks the outside and holds no slot meanwhile: `call` and `wait`.
    Suspend,
}

/// What came of beginning a step.
#[derive(Debug)]
pub enum Begun {
    /// It is finished, with this output.
    Done(Value),
    /// The outside is asked.
    Ask(Request),
    /// Its `n`th block runs.
    Enter(usize),
    /// Its block ends with this value.
    Return(Value),
}

/// What a step asks of the outside.
#[derive(Debug)]
pub enum Request {
    /// Call a service.
    Http(HttpRequest),
    /// Put a record on a topic.
    Publish {
        /// Logical topic.
        topic: Arc<str>,
        /// Record key.
        key: Option<String>,
        /// Record value.
        value: Value,
        /// Record headers.
        headers: Vec<(String, String)>,
    },
    /// Tell whoever listens to the run.
    Emit(Value),
    /// Run another pathway.
    Child {
        /// Its name.
        pathway: Arc<str>,
        /// Its input.
        input: Value,
    },
    /// Go on at a time.
    Sleep {
        /// When.
        at: Now,
        /// From when on time is to pass until then; none: it is a time of the calendar.
        since: Option<Now>,
    },
    /// Go on when a signal comes.
    Await {
        /// Its name.
        name: String,
        /// Who may send it.
        from: Option<String>,
        /// How long to wait.
        timeout: Option<std::time::Duration>,
    },
}

/// Where an expression stands, which decides what it may read and yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its value becomes part of an output or of what is sent to a service.
    Value,
    /// It leaves the run or becomes part of an address: no secrets. The text names the place.
    Open(&'static str),
    /// A condition, which accepts undefined.
    Condition,
    /// `pick`, which sees only `chunk`.
    Pick,
}

/// The compiler, as a verb sees it.
pub trait Visitor {
    /// An expression; tells what it yields.
    fn expression(&mut self, expression: &mut Expression, place: Place) -> Shape;
    /// A value templated in depth; tells what it yields.
    fn tree(&mut self, tree: &mut Tree, place: Place) -> Shape;
    /// From here on `name` stands for the value before, of that shape.
    fn local(&mut self, name: &Spanned<String>, shape: Shape);
    /// One of its blocks, which runs after all expressions shown before were evaluated; tells
    /// what it returns.
    fn block(&mut self, block: &mut Block) -> Shape;
    /// The service that it calls.
    fn service(&mut self, name: &Spanned<String>);
    /// A topic that it publishes to.
    fn topic(&mut self, name: &Spanned<String>);
    /// A pathway that it calls; tells what that returns.
    fn pathway(&mut self, name: &Spanned<String>) -> Shape;
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self::new(Class::Expression, error.message).at(error.span)
    }
}

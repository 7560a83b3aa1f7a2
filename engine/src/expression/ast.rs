//! The tree that is evaluated: what the author wrote, with names resolved to locals or reads,
//! constants folded and the place of every node that can fail.

use std::fmt;

use crate::Value;
use crate::source::Span;

/// What an expression or a template was parsed to.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// One expression, whose value keeps its type.
    Value(Ast),
    /// Text with statements between.
    Template(Block),
}

pub(super) type Block = Vec<Stmt>;

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Ast {
    Const(Value),
    Path(Box<Path>),
    Not(Box<Ast>),
    And(Box<(Ast, Ast)>),
    Or(Box<(Ast, Ast)>),
    Negate(Box<(Ast, Span)>),
    Binary(Box<Binary>),
    Compare(Box<Comparison>),
    If(Box<If>),
    Default(Box<DefaultFilter>),
    Filter(Box<Filter>),
    Test(Box<Test>),
    Call(Box<Call>),
    Slice(Box<Slice>),
    List(Box<(Vec<Ast>, Span)>),
    Map(Box<(Vec<(Ast, Ast)>, Span)>),
}

/// A value and the way into it.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub root: Root,
    pub steps: Vec<Step>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum Root {
    /// A name from outside: an index into the expression's reads.
    Read(usize, String),
    /// A name that the template itself binds.
    Local(usize, String),
    Value(Ast),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Key(String),
    Index(i64),
    Computed(Ast),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

impl Op {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "**",
            Self::Concat => "~",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub op: Op,
    pub left: Ast,
    pub right: Ast,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

impl Relation {
    /// Whether it accepts undefined, which equals none.
    pub(super) fn accepts_undefined(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::In | Self::NotIn)
    }
}

/// `first op a op b …`; all but a chain have one operator.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub first: Ast,
    pub rest: Vec<(Relation, Ast)>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(super) struct If {
    pub test: Ast,
    pub then: Ast,
    pub otherwise: Option<Ast>,
}

/// `input | default(other, falsy)`
#[derive(Debug, Clone)]
pub(super) struct DefaultFilter {
    pub input: Ast,
    pub other: Ast,
    pub falsy: Option<Ast>,
}

#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub function: Function,
    pub input: Ast,
    pub arguments: Arguments,
    pub span: Span,
}

/// What a filter's name stands for.
#[derive(Clone)]
pub(super) enum Function {
    /// One of the language's own.
    Own(&'static super::filters::Definition),
    /// One of minijinja's, and what its result may hold.
    Native(String, Yields),
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Function {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Own(definition) => definition.name,
            Self::Native(name, _) => name,
        }
    }
}

/// What minijinja's filters do to undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Yields {
    /// No undefined value inside, if none went in.
    Defined,
    /// Perhaps undefined items, which are refused.
    Items,
    /// Perhaps undefined items, which the filter that reads them accepts.
    AcceptedItems,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Arguments {
    pub positional: Vec<Ast>,
    pub named: Vec<(String, Ast)>,
}

impl Arguments {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Ast> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.named.is_empty()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Test {
    pub kind: TestKind,
    pub input: Ast,
    pub arguments: Arguments,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TestKind {
    Defined,
    Undefined,
    None,
    Native(String),
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub callee: Callee,
    pub arguments: Arguments,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    Now,
    Uuid,
    Reveal,
    Range,
    Dict,
}

#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub input: Ast,
    pub start: Option<Ast>,
    pub stop: Option<Ast>,
    pub step: Option<Ast>,
    pub span: Span,
}

/// A piece of a template.
#[derive(Debug, Clone)]
pub(super) enum Stmt {
    Text(String),
    Emit(Ast, Span),
    If(Vec<(Ast, Block)>, Block),
    For(Box<For>),
    Set(Target, Ast, Span),
    SetBlock(Target, Block, Vec<BlockFilter>, Span),
    /// Assignments and the body that sees them.
    With(Vec<(Target, Ast, Span)>, Block),
    Filter(Vec<BlockFilter>, Block),
    Discard(Ast),
    Break,
    Continue,
}

/// A filter applied to the text of a block.
#[derive(Debug, Clone)]
pub(super) struct BlockFilter {
    pub function: Function,
    pub arguments: Arguments,
    pub span: Span,
}

/// What a value is assigned to.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Local(usize),
    Unpack(Vec<Target>),
}

#[derive(Debug, Clone)]
pub(super) struct For {
    pub target: Target,
    pub items: Ast,
    pub filter: Option<Ast>,
    pub body: Block,
    pub otherwise: Block,
    /// The local that holds `loop`, where the body reads it.
    pub info: Option<usize>,
    /// Locals that the body binds; they begin each turn unbound.
    pub locals: std::ops::Range<usize>,
    pub span: Span,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(self, self.steps.len(), f)
    }
}

/// A path cut to its first `steps` steps.
pub(super) struct Prefix<'a>(pub &'a Path, pub usize);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_path(self.0, self.1, f)
    }
}

fn write_path(path: &Path, steps: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &path.root {
        Root::Read(_, name) | Root::Local(_, name) => f.write_str(name)?,
        Root::Value(Ast::Filter(filter)) => write!(f, "({} | {})", filter.input, filter.function.name())?,
        Root::Value(value) => write!(f, "{value}")?,
    }
    for step in path.steps.iter().take(steps) {
        match step {
            Step::Key(name) if is_name(name) => write!(f, ".{name}")?,
            Step::Key(name) => write!(f, "['{name}']")?,
            Step::Index(index) => write!(f, "[{index}]")?,
            Step::Computed(Ast::Path(path)) => write!(f, "[{path}]")?,
            Step::Computed(_) => f.write_str("[…]")?,
        }
    }
    Ok(())
}

/// How a message names what an expression yields: paths in full, the rest in outline.
impl fmt::Display for Ast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Filter(filter) => write!(f, "{} | {}", filter.input, filter.function.name()),
            Self::Default(filter) => write!(f, "{} | default", filter.input),
            Self::Slice(slice) => write!(f, "{}[:]", slice.input),
            Self::Binary(it) => write!(f, "{} {} {}", it.left, it.op.symbol(), it.right),
            Self::Call(call) => f.write_str(match call.callee {
                Callee::Now => "now()",
                Callee::Uuid => "uuid()",
                Callee::Reveal => "reveal(…)",
                Callee::Range => "range(…)",
                Callee::Dict => "dict(…)",
            }),
            Self::Const(value) if value.as_str().is_none_or(|text| text.len() < 30) => write!(f, "{value:?}"),
            Self::If(_) => f.write_str("… if …"),
            Self::List(_) => f.write_str("[…]"),
            Self::Map(_) => f.write_str("{…}"),
            _ => f.write_str("…"),
        }
    }
}

/// Whether `text` can stand after a dot.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

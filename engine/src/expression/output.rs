//! Templates: statements that write text.

use super::ast::{Ast, Block, BlockFilter, For, Stmt, Target};
use super::eval::{Eval, Result, fail, noun};
use super::text;
use crate::Value;
use crate::source::Span;

/// What is done to the text that expressions yield, such as percent-encoding.
pub type Escape<'a> = &'a dyn Fn(&str) -> std::result::Result<String, String>;

/// Where the text goes, and how.
pub(super) struct Output<'a> {
    pub text: String,
    /// Whether none, lists and maps are refused.
    pub strict: bool,
    pub escape: Option<Escape<'a>>,
}

/// Bytes that a value in a text is likely to need.
const LIKELY: usize = 24;

impl<'a> Output<'a> {
    /// For the text of `block`, with room for what it is likely to become.
    pub(super) fn of(block: &[Stmt], strict: bool, escape: Option<Escape<'a>>) -> Self {
        let room = block.iter().map(|statement| match statement {
            Stmt::Text(text) => text.len(),
            Stmt::Emit(..) => LIKELY,
            _ => 0,
        });
        Self { text: String::with_capacity(room.sum()), strict, escape }
    }
}

/// How a block ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Break,
    Continue,
}

impl Eval<'_> {
    pub(super) fn block(&mut self, block: &Block, out: &mut Output<'_>) -> Result<Flow> {
        for statement in block {
            match statement {
                Stmt::Text(text) => out.text.push_str(text),
                Stmt::Emit(ast, span) => {
                    let value = self.strict(ast)?;
                    self.emit(&value, ast, *span, out)?;
                }
                Stmt::If(branches, otherwise) => {
                    let mut chosen = otherwise;
                    for (test, body) in branches {
                        if self.test(test)? {
                            chosen = body;
                            break;
                        }
                    }
                    match self.block(chosen, out)? {
                        Flow::On => {}
                        flow => return Ok(flow),
                    }
                }
                Stmt::For(each) => match self.each(each, out)? {
                    Flow::On => {}
                    flow => return Ok(flow),
                },
                Stmt::Set(target, ast, span) => {
                    let value = self.strict(ast)?;
                    self.assign(target, value, *span)?;
                }
                Stmt::SetBlock(target, body, filters, span) => {
                    let (value, _) = self.captured(body, filters)?;
                    self.assign(target, value, *span)?;
                }
                Stmt::With(assignments, body) => {
                    for (target, ast, span) in assignments {
                        let value = self.strict(ast)?;
                        self.assign(target, value, *span)?;
                    }
                    match self.block(body, out)? {
                        Flow::On => {}
                        flow => return Ok(flow),
                    }
                }
                Stmt::Filter(filters, body) => {
                    let (value, flow) = self.captured(body, filters)?;
                    if let Some(span) = filters.first().map(|filter| filter.span) {
                        self.emit(&value, &Ast::Const(Value::from(())), span, out)?;
                    }
                    if flow != Flow::On {
                        return Ok(flow);
                    }
                }
                Stmt::Discard(ast) => {
                    self.eval(ast)?;
                }
                Stmt::Break => return Ok(Flow::Break),
                Stmt::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::On)
    }

    /// Writes what an expression yielded.
    pub(super) fn emit(&mut self, value: &Value, ast: &Ast, span: Span, out: &mut Output<'_>) -> Result<()> {
        if out.strict && (value.is_none() || value.as_object().is_some()) {
            let name = match ast {
                Ast::Const(_) => String::new(),
                ast => format!("`{ast}` is {}, which ", noun(value)),
            };
            let said = format!("{name}cannot be part of this text");
            return fail(if name.is_empty() { format!("{} {said}", noun(value)) } else { said }, span);
        }
        let before = out.text.len();
        match out.escape {
            None => text::write(&mut out.text, value).or_else(|said| fail(said, span))?,
            Some(escape) => {
                let plain = text::of(value).or_else(|said| fail(said, span))?;
                out.text.push_str(&escape(&plain).or_else(|said| fail(said, span))?);
            }
        }
        if out.text.len() > text::MAX_TEXT {
            return fail("the text is longer than 16 MiB", span);
        }
        self.spend((out.text.len() - before) / 16, span)
    }

    /// The text of a block, through `filters`.
    fn captured(&mut self, body: &Block, filters: &[BlockFilter]) -> Result<(Value, Flow)> {
        let mut inner = Output::of(body, self.strict_text, None);
        let flow = self.block(body, &mut inner)?;
        let mut value = Value::from(inner.text);
        for filter in filters {
            value = self.apply(&filter.function, value, &filter.arguments, filter.span)?;
            if value.is_undefined() {
                return fail(format!("`… | {}` is undefined", filter.function.name()), filter.span);
            }
        }
        Ok((value, flow))
    }

    fn assign(&mut self, target: &Target, value: Value, span: Span) -> Result<()> {
        match target {
            Target::Local(local) => {
                if let Some(place) = self.locals.get_mut(*local) {
                    *place = value;
                }
                Ok(())
            }
            Target::Unpack(targets) => {
                let Ok(items) = value.try_iter() else {
                    return fail(format!("{} cannot be unpacked", noun(&value)), span);
                };
                let items: Vec<Value> = items.take(targets.len() + 1).collect();
                if items.len() != targets.len() {
                    return fail(format!("{} names stand for a list of other length", targets.len()), span);
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(target, item, span))
            }
        }
    }

    /// Its flow is that of its `else`, which stands in the loop around it.
    fn each(&mut self, each: &For, out: &mut Output<'_>) -> Result<Flow> {
        let value = self.strict(&each.items)?;
        let Ok(items) = value.try_iter() else {
            return fail(format!("{} cannot be looped over", noun(&value)), each.span);
        };
        let mut items: Vec<Value> = items.collect();
        self.spend(items.len(), each.span)?;
        if let Some(filter) = &each.filter {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                self.assign(&each.target, item.clone(), each.span)?;
                if self.test(filter)? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.block(&each.otherwise, out);
        }
        for (n, item) in items.iter().enumerate() {
            self.spend(1, each.span)?;
            for local in each.locals.clone() {
                if let Some(place) = self.locals.get_mut(local) {
                    *place = Value::UNDEFINED;
                }
            }
            self.assign(&each.target, item.clone(), each.span)?;
            if let Some(place) = each.info.and_then(|info| self.locals.get_mut(info)) {
                *place = info(n, &items);
            }
            if self.block(&each.body, out)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }
}

/// The value of `loop` at item `n`.
fn info(n: usize, items: &[Value]) -> Value {
    let mut info = indexmap::IndexMap::with_capacity(12);
    let mut set = |name: &str, value: Value| info.insert(Value::from(name), value);
    set("index0", Value::from(n));
    set("index", Value::from(n + 1));
    set("revindex", Value::from(items.len() - n));
    set("revindex0", Value::from(items.len() - n - 1));
    set("first", Value::from(n == 0));
    set("last", Value::from(n + 1 == items.len()));
    set("length", Value::from(items.len()));
    if let Some(item) = n.checked_sub(1).and_then(|n| items.get(n)) {
        set("previtem", item.clone());
    }
    if let Some(item) = items.get(n + 1) {
        set("nextitem", item.clone());
    }
    Value::from(info)
}

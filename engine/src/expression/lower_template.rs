//! Statements of a template.

use minijinja::machinery::ast::{self as jinja, Expr};

use super::ast::{Ast, Block, BlockFilter, For, Stmt, Target};
use super::lower::{Lower, Place, Tolerance};
use super::substitution::Literal;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Where a template prints.
const PRINTED: Place = Place { tolerance: Tolerance::No, flows: true, conditional: false };

/// The attributes of `loop`.
const LOOP: &[&str] =
    &["index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"];

impl Lower<'_> {
    pub(super) fn template(&mut self, children: &[jinja::Stmt<'_>], literals: &[Literal]) -> Block {
        self.block(children, literals, PRINTED)
    }

    fn block(&mut self, statements: &[jinja::Stmt<'_>], literals: &[Literal], place: Place) -> Block {
        let mut block = Vec::with_capacity(statements.len());
        for statement in statements {
            match statement {
                jinja::Stmt::Template(template) => {
                    block.extend(self.block(&template.children, literals, place));
                }
                jinja::Stmt::EmitRaw(raw) => {
                    let text = self.unmask(raw.raw, raw.span().start_offset as usize, literals);
                    if !text.is_empty() {
                        block.push(Stmt::Text(text));
                    }
                }
                jinja::Stmt::EmitExpr(emit) => {
                    let span = self.span(&emit.expr);
                    block.push(Stmt::Emit(self.expr(&emit.expr, place), span));
                }
                jinja::Stmt::IfCond(condition) => {
                    let lowered = self.condition(condition, literals, place);
                    block.push(lowered);
                }
                jinja::Stmt::ForLoop(each) => {
                    let lowered = self.each(each, literals, place);
                    block.extend(lowered);
                }
                jinja::Stmt::WithBlock(with) => {
                    let lowered = self.with(with, literals, place);
                    block.push(lowered);
                }
                jinja::Stmt::Set(set) => {
                    let span = self.span(&set.expr);
                    let value = self.expr(&set.expr, place.strict());
                    block.extend(self.target(&set.target).map(|target| Stmt::Set(target, value, span)));
                }
                jinja::Stmt::SetBlock(set) => {
                    let body = self.block(&set.body, literals, place);
                    let filters =
                        set.filter.as_ref().map_or_else(Vec::new, |filter| self.chain(filter, place));
                    let span = self.span_of(set.span());
                    let target = self.target(&set.target);
                    block.extend(target.map(|target| Stmt::SetBlock(target, body, filters, span)));
                }
                jinja::Stmt::FilterBlock(filter) => {
                    let filters = self.chain(&filter.filter, place);
                    block.push(Stmt::Filter(filters, self.block(&filter.body, literals, place)));
                }
                jinja::Stmt::Do(it) => {
                    let span = self.span_of(it.call.span());
                    block.push(Stmt::Discard(self.call(&it.call, span, Place { flows: false, ..place })));
                }
                jinja::Stmt::Continue(_) => block.push(Stmt::Continue),
                jinja::Stmt::Break(_) => block.push(Stmt::Break),
                jinja::Stmt::AutoEscape(it) => {
                    let span = self.span_of(it.span());
                    let help = "write `x | escape` where HTML needs it";
                    self.unsupported(span, "there is no `autoescape`", help);
                }
                #[expect(
                    unreachable_patterns,
                    reason = "other statements exist if another crate turns on more of minijinja"
                )]
                _ => {
                    let (span, help) = (self.text.span, "call another pathway instead");
                    self.unsupported(span, "this statement is not supported", help);
                }
            }
        }
        block
    }

    fn condition(&mut self, first: &jinja::IfCond<'_>, literals: &[Literal], place: Place) -> Stmt {
        let mut branches = Vec::new();
        let mut condition = first;
        loop {
            let test = self.expr(&condition.expr, place.tested());
            let body = self.block(&condition.true_body, literals, place.conditional());
            branches.push((test, body));
            match condition.false_body.as_slice() {
                [jinja::Stmt::IfCond(next)] => condition = next,
                otherwise => return Stmt::If(branches, self.block(otherwise, literals, place.conditional())),
            }
        }
    }

    fn each(&mut self, each: &jinja::ForLoop<'_>, literals: &[Literal], place: Place) -> Option<Stmt> {
        let span = self.span(&each.iter);
        if each.recursive {
            self.unsupported(span, "a loop cannot be `recursive`", "leave `recursive` out");
        }
        let items = self.expr(&each.iter, place.strict());
        self.scopes.push(Vec::new());
        let first = self.locals;
        let target = self.target(&each.target);
        let filter = each.filter_expr.as_ref().map(|filter| self.expr(filter, place.tested()));
        let info = self.bind("loop");
        let before = self.locals;
        let body = self.block(&each.body, literals, place);
        self.scopes.pop();
        let otherwise = self.block(&each.else_body, literals, place);
        let info = uses(&body, info).then_some(info);
        let locals = before.max(first)..self.locals;
        Some(Stmt::For(Box::new(For { target: target?, items, filter, body, otherwise, info, locals, span })))
    }

    fn with(&mut self, with: &jinja::WithBlock<'_>, literals: &[Literal], place: Place) -> Stmt {
        self.scopes.push(Vec::new());
        let mut assignments = Vec::new();
        for (target, value) in &with.assignments {
            let span = self.span(value);
            let value = self.expr(value, place.strict());
            assignments.extend(self.target(target).map(|target| (target, value, span)));
        }
        let body = self.block(&with.body, literals, place);
        self.scopes.pop();
        Stmt::With(assignments, body)
    }

    /// Binds `name` in the innermost scope.
    fn bind(&mut self, name: &str) -> usize {
        let known =
            |scope: &Vec<(String, usize)>| scope.iter().find(|(bound, _)| bound == name).map(|it| it.1);
        if let Some(local) = self.scopes.last().and_then(known) {
            return local;
        }
        let local = self.locals;
        self.locals += 1;
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((name.to_owned(), local));
        }
        local
    }

    fn target(&mut self, target: &Expr<'_>) -> Option<Target> {
        match target {
            Expr::Var(var) => Some(Target::Local(self.bind(var.id))),
            Expr::List(list) => {
                let targets: Vec<_> = list.items.iter().filter_map(|item| self.target(item)).collect();
                Some(Target::Unpack(targets))
            }
            other => {
                let span = self.span(other);
                self.unsupported(span, "only a plain name can be set", "set a name without a dot");
                None
            }
        }
    }

    /// The filters of `{% filter a | b %}`, in the order they are applied.
    fn chain(&mut self, filter: &Expr<'_>, place: Place) -> Vec<BlockFilter> {
        let mut chain = Vec::new();
        let mut next = Some(filter);
        while let Some(Expr::Filter(filter)) = next {
            let span = self.span_of(filter.span());
            let arguments = self.arguments(&filter.args, place.strict());
            if let Some(function) = self.function(filter.name, &arguments, span) {
                chain.push(BlockFilter { function, arguments, span });
            }
            next = filter.expr.as_ref();
        }
        chain.reverse();
        chain
    }

    /// `raw`, which begins at byte `start` of the masked text, with its literals put in.
    fn unmask(&mut self, raw: &str, start: usize, literals: &[Literal]) -> String {
        let end = start + raw.len();
        let first = literals.partition_point(|literal| literal.start < start);
        let mut text = String::with_capacity(raw.len());
        let mut at = start;
        for literal in literals.iter().skip(first).take_while(|literal| literal.end <= end) {
            text.push_str(raw.get(at - start..literal.start - start).unwrap_or(""));
            text.push_str(&literal.value);
            at = literal.end;
            self.unmasked += 1;
        }
        text.push_str(raw.get(at - start..).unwrap_or(""));
        text
    }

    /// Reports attributes of `loop` that it does not have.
    pub(super) fn check_loop(&mut self, attribute: Option<&str>, span: Span) {
        let Some(attribute) = attribute.filter(|name| !LOOP.contains(name)) else { return };
        let diagnostic = Diagnostic::error(super::lower::UNSUPPORTED, format!("`loop` has no `{attribute}`"));
        self.report(diagnostic.at(span, "").suggest(attribute, LOOP.iter().copied()));
    }
}

/// Whether `block` reads `local`.
fn uses(block: &Block, local: usize) -> bool {
    let mut found = false;
    super::walk::block(block, &mut |ast| {
        if let Ast::Path(path) = ast {
            found |= matches!(path.root, super::ast::Root::Local(root, _) if root == local);
        }
    });
    found
}

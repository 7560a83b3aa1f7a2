//! Text → minijinja's syntax tree, within limits that keep every later walk off the end of the
//! stack.

use std::sync::OnceLock;

use minijinja::machinery::{Token, ast, parse, parse_expr, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Text;

/// A text that is not an expression or a template.
const SYNTAX: Code = Code("PW0301");
/// An expression or a template that is too long or too deep.
const TOO_MUCH: Code = Code("PW0306");
/// `{{ }}` around a field that is an expression already.
const BRACES: Code = Code("PW0311");

/// Operators, brackets and dots on one way from the root of an expression to a leaf.
const MAX_DEPTH: usize = 400;
const MAX_ELIFS: usize = 100;
const MAX_BYTES: usize = 1 << 20;

/// Parses a bare expression.
pub(super) fn expression<'a>(text: &'a Text, diagnostics: &mut Diagnostics) -> Option<ast::Expr<'a>> {
    if text.value.trim_start().starts_with("{{") {
        diagnostics.push(
            Diagnostic::error(BRACES, "this field is an expression and takes no `{{ }}`")
                .at(text.span, "")
                .help("leave the braces out"),
        );
        return None;
    }
    if text.value.trim().is_empty() {
        diagnostics.push(Diagnostic::error(SYNTAX, "an expression is missing").at(text.span, ""));
        return None;
    }
    check(text, &text.value, true, diagnostics)?;
    parse_expr(&text.value).map_err(|error| diagnostics.push(diagnose(text, &error))).ok()
}

/// Parses `masked`, the template of `text` with its `${}` masked.
pub(super) fn template<'a>(
    text: &Text,
    masked: &'a str,
    diagnostics: &mut Diagnostics,
) -> Option<ast::Stmt<'a>> {
    check(text, masked, false, diagnostics)?;
    parse(masked, "", config()).map_err(|error| diagnostics.push(diagnose(text, &error))).ok()
}

fn config() -> SyntaxConfig {
    static CONFIG: OnceLock<SyntaxConfig> = OnceLock::new();
    let build = || SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default();
    CONFIG.get_or_init(build).clone()
}

/// Refuses what minijinja's parser, which recurses, would need too much stack for.
fn check(text: &Text, source: &str, bare: bool, diagnostics: &mut Diagnostics) -> Option<()> {
    if source.len() > MAX_BYTES {
        diagnostics.push(Diagnostic::error(TOO_MUCH, "this text is longer than 1 MiB").at(text.span, ""));
        return None;
    }
    // For every open bracket, the longest element so far and the present one.
    let mut open: Vec<(usize, usize)> = vec![(0, 0)];
    let mut elifs = 0;
    for token in tokenize(source, bare, config()) {
        // The parser will say it better.
        let Ok((token, span)) = token else { return Some(()) };
        match token {
            Token::VariableStart | Token::BlockStart => open = vec![(0, 0)],
            Token::Comma | Token::Colon => {
                if let Some((longest, present)) = open.last_mut() {
                    *longest = (*longest).max(*present);
                    *present = 0;
                }
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                if let Some((_, present)) = open.last_mut() {
                    *present += 1;
                }
                open.push((0, 0));
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                if open.len() > 1
                    && let Some((longest, present)) = open.pop()
                    && let Some((_, around)) = open.last_mut()
                {
                    *around += longest.max(present);
                }
            }
            Token::Ident("elif") => elifs += 1,
            Token::Ident(name) if !matches!(name, "if" | "else" | "and" | "or" | "not" | "is" | "in") => {}
            Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Assign => {}
            _ => {
                if let Some((_, present)) = open.last_mut() {
                    *present += 1;
                }
            }
        }
        let depth: usize = open.iter().map(|(_, present)| present).sum();
        if depth > MAX_DEPTH || elifs > MAX_ELIFS {
            let at = text.span_of(span.start_offset as usize, span.end_offset as usize);
            diagnostics.push(
                Diagnostic::error(TOO_MUCH, "this expression is too deep")
                    .at(at, "here it has too many operators and brackets")
                    .help("compute parts of it in a `set` step or under `vars`"),
            );
            return None;
        }
    }
    Some(())
}

fn diagnose(text: &Text, error: &minijinja::Error) -> Diagnostic {
    let range = error.range().unwrap_or(0..0);
    let start = range.start.min(text.value.len());
    let end = range.end.clamp(start, text.value.len());
    let said = match error.detail() {
        Some(detail) if detail.contains("recursion") => "it is nested too deeply",
        Some(detail) => detail,
        None => "it cannot be read",
    };
    let diagnostic = Diagnostic::error(SYNTAX, format!("this is not a valid expression: {said}"))
        .at(text.span_of(start, end), "");
    match hint(text.value.get(start..).unwrap_or(""), &text.value) {
        Some(hint) => diagnostic.help(hint),
        None => diagnostic,
    }
}

/// What those who come from other languages most likely meant.
fn hint(at: &str, whole: &str) -> Option<&'static str> {
    if at.starts_with('!') {
        Some("write `not x` for `!x`")
    } else if whole.contains("&&") || whole.contains("||") {
        Some("write `and` and `or`")
    } else if at.starts_with('?') {
        Some("write `a if condition else b`")
    } else if at.starts_with('=') {
        Some("write `==` to compare")
    } else {
        None
    }
}

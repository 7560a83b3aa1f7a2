//! `${NAME}` in text: found before the template is parsed and kept out of the parser's sight,
//! so that a variable's value is never read as a template.
//!
//! Each reference is masked by as many bytes of plain text, so places in the masked text are
//! places in the author's text.

use super::Variables;
use super::ast::is_name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Text;

/// A variable that is not set and has no default.
const MISSING: Code = Code("PW0305");
/// `${` inside an expression.
const INSIDE: Code = Code("PW0308");
/// A `${` that is not a reference.
const MALFORMED: Code = Code("PW0309");

/// What stands for bytes `start..end` of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub start: usize,
    pub end: usize,
    pub value: String,
}

/// A text without its references.
#[derive(Debug, Default)]
pub(super) struct Masked {
    pub text: String,
    pub literals: Vec<Literal>,
    pub secret: bool,
}

/// Reports every `${` of a text that is all expression.
pub(super) fn refuse(text: &Text, diagnostics: &mut Diagnostics) {
    for (start, _) in text.value.match_indices("${") {
        refuse_at(text, start, diagnostics);
    }
}

fn refuse_at(text: &Text, start: usize, diagnostics: &mut Diagnostics) {
    diagnostics.push(
        Diagnostic::error(INSIDE, "`${…}` cannot stand inside an expression")
            .at(text.span_of(start, start + 2), "")
            .help("write it outside of `{{ }}`, or name it under `vars:` and read `vars.NAME` here"),
    );
}

/// Replaces the references of `text`.
pub(super) fn substitute(text: &Text, variables: &Variables, diagnostics: &mut Diagnostics) -> Masked {
    let mut scan = Scan { text, variables, diagnostics, masked: Masked::default(), at: 0 };
    scan.run();
    scan.masked
}

/// `text` with its references filled in, and whether a part of it is secret; for text outside of
/// templates. `None` where something was reported.
pub(crate) fn fill(
    text: &Text,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<(String, bool)> {
    let before = diagnostics.len();
    let masked = substitute(text, variables, diagnostics);
    let mut filled = String::with_capacity(masked.text.len());
    let mut at = 0;
    for literal in &masked.literals {
        filled.push_str(masked.text.get(at..literal.start).unwrap_or(""));
        filled.push_str(&literal.value);
        at = literal.end;
    }
    filled.push_str(masked.text.get(at..).unwrap_or(""));
    (diagnostics.len() == before).then_some((filled, masked.secret))
}

struct Scan<'a> {
    text: &'a Text,
    variables: &'a Variables,
    diagnostics: &'a mut Diagnostics,
    masked: Masked,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.text.value.get(self.at..).unwrap_or("")
    }

    /// Copies `bytes` bytes as they stand.
    fn copy(&mut self, bytes: usize) {
        let piece = self.rest().get(..bytes).unwrap_or_else(|| self.rest());
        self.masked.text.push_str(piece);
        self.at += piece.len();
    }

    fn copy_past(&mut self, end: &str) {
        let bytes = self.rest().find(end).map_or(self.rest().len(), |n| n + end.len());
        self.copy(bytes);
    }

    fn mask(&mut self, bytes: usize, value: String) {
        self.masked.literals.push(Literal { start: self.at, end: self.at + bytes, value });
        self.masked.text.extend(std::iter::repeat_n('x', bytes));
        self.at += bytes;
    }

    fn run(&mut self) {
        let mut raw = false;
        while let Some(next) = self.rest().find(['$', '{']) {
            self.copy(next);
            let rest = self.rest();
            if rest.starts_with("$${") {
                self.mask(3, "${".into());
            } else if rest.starts_with("${") && !rest.starts_with("${{") && !rest.starts_with("${%") {
                self.reference();
            } else if raw {
                if is_tag(rest, "endraw") {
                    raw = false;
                    self.copy_past("%}");
                } else {
                    self.copy(1);
                }
            } else if rest.starts_with("{#") {
                self.copy_past("#}");
            } else if is_tag(rest, "raw") {
                raw = true;
                self.copy_past("%}");
            } else if rest.starts_with("{{") {
                self.tag("}}");
            } else if rest.starts_with("{%") {
                self.tag("%}");
            } else {
                self.copy(1);
            }
        }
        self.copy(self.rest().len());
    }

    /// Copies a tag as the lexer reads it: its end counts only outside of strings and brackets.
    fn tag(&mut self, end: &str) {
        self.copy(2);
        let (mut depth, mut quote) = (0i32, None);
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if rest.starts_with("${") {
                refuse_at(self.text, self.at, self.diagnostics);
            }
            match (quote, c) {
                (Some(_), '\\') => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    self.copy(1 + escaped);
                    continue;
                }
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, _) if depth == 0 && rest.starts_with(end) => return self.copy(2),
                (None, '\'' | '"') => quote = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') => depth -= 1,
                (None, _) => {}
            }
            self.copy(c.len_utf8());
        }
    }

    fn reference(&mut self) {
        let rest = self.rest();
        let Some(bytes) = rest.find('}').map(|n| n + 1) else {
            self.malformed(rest.len().min(2), "`${` is not closed");
            return self.copy(2);
        };
        let inside = rest.get(2..bytes - 1).unwrap_or("");
        let end = inside.find(':').unwrap_or(inside.len());
        let (name, operator) = inside.split_at(end);
        if !is_name(name) {
            self.malformed(bytes, "`${…}` needs the name of a variable");
            return self.mask(bytes, String::new());
        }
        if operator.contains("${") {
            self.malformed(bytes, "the text after a variable's name cannot hold another `${`");
            return self.mask(bytes, String::new());
        }
        let set = self.variables.get(name);
        let filled = set.filter(|variable| !variable.value.is_empty());
        let value = if operator.is_empty() {
            match set {
                Some(variable) => self.value(variable),
                None => self.missing(name, bytes, None),
            }
        } else if let Some(default) = operator.strip_prefix(":-") {
            filled.map_or_else(|| default.to_owned(), |variable| self.value(variable))
        } else if let Some(text) = operator.strip_prefix(":+") {
            filled.map_or_else(String::new, |_| text.to_owned())
        } else if let Some(message) = operator.strip_prefix(":?") {
            match filled {
                Some(variable) => self.value(variable),
                None => self.missing(name, bytes, Some(message).filter(|text| !text.trim().is_empty())),
            }
        } else {
            self.malformed(bytes, "only `:-`, `:?` and `:+` can follow a variable's name");
            String::new()
        };
        self.mask(bytes, value);
    }

    fn value(&mut self, variable: &super::Variable) -> String {
        self.masked.secret |= variable.secret;
        variable.value.clone()
    }

    fn missing(&mut self, name: &str, bytes: usize, message: Option<&str>) -> String {
        let span = self.text.span_of(self.at, self.at + bytes);
        let said = match message {
            Some(message) => format!("the variable `{name}` is not set: {}", message.trim()),
            None => format!("the variable `{name}` is not set"),
        };
        let known = crate::diagnostic::did_you_mean(name, self.variables.names());
        let help = match known {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("set it, or give it a default: `${{{name}:-…}}`"),
        };
        self.diagnostics.push(Diagnostic::error(MISSING, said).at(span, "not set").help(help));
        String::new()
    }

    fn malformed(&mut self, bytes: usize, message: &str) {
        self.diagnostics.push(
            Diagnostic::error(MALFORMED, message)
                .at(self.text.span_of(self.at, self.at + bytes), "")
                .help("write `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${NAME:+text}`; `$${` is a plain `${`"),
        );
    }
}

/// Whether `rest` begins with the tag `{% name %}`.
fn is_tag(rest: &str, name: &str) -> bool {
    let Some(inside) = rest.strip_prefix("{%") else { return false };
    let Some(after) = inside.trim_start_matches(['-', '+']).trim_start().strip_prefix(name) else {
        return false;
    };
    let after = after.trim_start();
    after.strip_prefix(['-', '+']).unwrap_or(after).starts_with("%}")
}

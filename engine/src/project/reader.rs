//! Values of the project file: text with `${…}` filled in, then read as what it must be.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::interpolate::interpolate;
use super::secret::Resolved;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::fields::wrong_type;
use crate::document::scalar;
use crate::expression::Variables;
use crate::source::{Entry, Kind, Node, Spanned, Text};

const TEMPLATE: Code = Code("PW0617");
const SECRET: Code = Code("PW0604");

/// What reading a project needs everywhere.
pub(super) struct Reader<'a> {
    pub(super) variables: &'a Variables,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Text with its references filled in; nothing where there is none.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        if node.kind == Kind::Null {
            return None;
        }
        let text = scalar::text(node, what, self.diagnostics)?;
        self.fill(text, what)
    }

    /// As [`Reader::text`], where empty text is as good as none.
    pub(super) fn filled(&mut self, node: &Node, what: &str) -> Option<Resolved> {
        self.text(node, what).filter(|resolved| !resolved.value.is_empty())
    }

    /// As [`Reader::filled`], of what will be shown to anyone.
    pub(super) fn open(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let resolved = self.filled(node, what)?;
        if resolved.secret {
            self.refuse_secret(node, what);
            return None;
        }
        Some(Spanned::new(resolved.value, node.span))
    }

    /// A list of texts; one text alone is a list of one.
    pub(super) fn list(&mut self, node: &Node, what: &str) -> Option<Vec<Spanned<String>>> {
        match &node.kind {
            Kind::List(items) => {
                Some(items.iter().filter_map(|item| self.open(item, &format!("an item of {what}"))).collect())
            }
            Kind::Text(_) => Some(self.open(node, what).into_iter().collect()),
            Kind::Null => None,
            _ => {
                self.push(wrong_type(what, "a list", node));
                None
            }
        }
    }

    /// The entries of a map; none where there is nothing.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                self.push(wrong_type(what, "a map", node));
                &[]
            }
        }
    }

    pub(super) fn count(&mut self, node: &Node, what: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.plain(node, what)?;
        scalar::count(&node, what, range, self.diagnostics)
    }

    pub(super) fn number(&mut self, node: &Node, what: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let node = self.plain(node, what)?;
        scalar::number(&node, what, range, self.diagnostics)
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let node = self.plain(node, what)?;
        scalar::duration(&node, what, self.diagnostics)
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        let node = self.plain(node, what)?;
        scalar::boolean(&node, what, self.diagnostics)
    }

    pub(super) fn size(&mut self, node: &Node, what: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let node = self.plain(node, what)?;
        scalar::size(&node, what, range, self.diagnostics)
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let node = self.plain(node, what)?;
        scalar::choice(&node, what, words, self.diagnostics)
    }

    /// `node` with all its references filled in and their values typed as YAML would type them;
    /// none where nothing is left, or where it was reported why.
    pub(super) fn plain(&mut self, node: &Node, what: &str) -> Option<Node> {
        let kind = match &node.kind {
            Kind::Null => return None,
            Kind::Text(text) if text.value.contains("${") => {
                let resolved = self.fill(text, what)?;
                if resolved.secret {
                    self.refuse_secret(node, what);
                    return None;
                }
                match typed(&resolved.value) {
                    Some(Kind::Null) => return None,
                    Some(kind) => kind,
                    None => Kind::Text(Text::opaque(resolved.value, node.span)),
                }
            }
            Kind::List(items) => Kind::List(items.iter().filter_map(|item| self.plain(item, what)).collect()),
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .filter_map(|Entry { key, value }| {
                        self.plain(value, what).map(|value| Entry { key: key.clone(), value })
                    })
                    .collect(),
            ),
            kind => kind.clone(),
        };
        Some(Node { span: node.span, kind })
    }

    fn fill(&mut self, text: &Text, what: &str) -> Option<Resolved> {
        if let Some(at) = text.value.find("{{").or_else(|| text.value.find("{%")) {
            self.push(
                Diagnostic::error(TEMPLATE, format!("{what} cannot be a template"))
                    .at(text.span_of(at, at + 2), "a template begins here")
                    .help("use `${NAME}`, or compute it in a pathway"),
            );
            return None;
        }
        interpolate(text, self.variables, self.diagnostics)
    }

    fn refuse_secret(&mut self, node: &Node, what: &str) {
        self.push(
            Diagnostic::error(SECRET, format!("{what} cannot be a secret, since it is shown"))
                .at(node.span, "the value of a secret variable")
                .help(
                    "use a variable without KEY, SECRET, TOKEN or PASSWORD in its name, not read from a file",
                ),
        );
    }
}

/// What YAML's core schema takes a plain scalar for, if not for text.
#[must_use]
pub fn typed(text: &str) -> Option<Kind> {
    let text = text.trim();
    match text {
        "" | "~" | "null" => return Some(Kind::Null),
        "true" => return Some(Kind::Bool(true)),
        "false" => return Some(Kind::Bool(false)),
        _ => {}
    }
    if !text.strip_prefix(['-', '+']).unwrap_or(text).starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Ok(value) = text.parse() {
        return Some(Kind::Int(value));
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Kind::Float)
}

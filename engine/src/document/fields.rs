//! The keys of a map, taken one by one; what is left over is unknown.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Entry, Kind, Node, Span};

const WRONG_TYPE: Code = Code("PW0201");
const UNKNOWN_KEY: Code = Code("PW0202");
const MISSING_KEY: Code = Code("PW0203");

/// A map that is being read.
#[derive(Debug)]
pub struct Fields<'a> {
    what: String,
    span: Span,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins to read `node`; `what` is what messages call it, such as ``step `fetch` ``.
    pub fn of(node: &'a Node, what: impl Into<String>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let what = what.into();
        match &node.kind {
            Kind::Map(entries) => Some(Self { what, span: node.span, entries, known: Vec::new() }),
            _ => {
                diagnostics.push(wrong_type(&what, "a map", node));
                None
            }
        }
    }

    /// Where the map stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value under `key`, which is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.take_entry(key).map(|entry| &entry.value)
    }

    /// As [`Fields::take`], with the key's own place.
    pub fn take_entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.knows(key);
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    /// The value under `key`; its absence is an error.
    pub fn require(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Node> {
        let found = self.take(key);
        if found.is_none() {
            diagnostics.push(
                Diagnostic::error(MISSING_KEY, format!("{} needs `{key}`", self.what))
                    .at(self.span, format!("`{key}` is missing here")),
            );
        }
        found
    }

    /// Accepts `key` without taking it: somebody else reads it. One that several read is listed once.
    pub fn knows(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    /// Accepts all other keys: what is wrong with them has been said.
    pub fn ignore_rest(&mut self) {
        self.entries = &[];
    }

    /// Reports every key that nobody took.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for entry in self.entries {
            let key = entry.key.value.as_str();
            if !self.known.contains(&key) {
                diagnostics.push(
                    Diagnostic::error(UNKNOWN_KEY, format!("{} has no key `{key}`", self.what))
                        .at(entry.key.span, "unknown key")
                        .help(format!("it may have {}", list(&self.known)))
                        .suggest(key, self.known.iter().copied()),
                );
            }
        }
    }
}

/// ``what must be X, not Y``, at `node`.
#[must_use]
pub fn wrong_type(what: &str, wanted: &str, node: &Node) -> Diagnostic {
    Diagnostic::error(WRONG_TYPE, format!("{what} must be {wanted}, not {}", node.kind.noun()))
        .at(node.span, format!("expected {wanted}"))
}

/// All items, if none is missing; unlike `collect`, it looks at all of them, so that all problems
/// are found.
pub fn whole<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let items: Vec<_> = items.collect();
    items.into_iter().collect()
}

/// `` `a`, `b` or `c` ``
#[must_use]
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let mut text = String::new();
    for (n, name) in names.iter().enumerate() {
        match n {
            0 => {}
            n if n + 1 == names.len() => text.push_str(" or "),
            _ => text.push_str(", "),
        }
        text.push('`');
        text.push_str(name.as_ref());
        text.push('`');
    }
    text
}

//! `${NAME}` in plain values of the project file.
//!
//! `${A}`, `${A:-default}`, `${A:?message}` and `${A:+text}`; the text after the sign may hold
//! further references. Empty counts as not set where there is a sign. What a variable holds is
//! taken as it stands: it is never read for further references.

use super::secret::Resolved;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::Variables;
use crate::source::Text;

const NOT_SET: Code = Code("PW0601");
const MALFORMED: Code = Code("PW0602");

/// References inside references.
const DEPTH: usize = 16;

/// Fills in the references of `text`; `None` where one of them cannot be.
pub fn interpolate(text: &Text, variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Resolved> {
    let mut filler = Filler { text, variables, diagnostics, good: true };
    let (resolved, _) = filler.fill(0, 0, true);
    filler.good.then_some(resolved)
}

/// The variables that `text` names, in the order written.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

struct Filler<'a> {
    text: &'a Text,
    variables: &'a Variables,
    diagnostics: &'a mut Diagnostics,
    good: bool,
}

impl Filler<'_> {
    fn rest(&self, at: usize) -> &str {
        self.text.value.get(at..).unwrap_or("")
    }

    /// Reads from `at` to the end or, inside a reference, to its `}`; returns where it stopped.
    /// What is not `live` will not be used: only its syntax matters.
    fn fill(&mut self, mut at: usize, depth: usize, live: bool) -> (Resolved, usize) {
        let mut out = Resolved::default();
        while let Some(next) = self.rest(at).chars().next() {
            if depth > 0 && next == '}' {
                break;
            }
            if self.rest(at).starts_with("${") {
                let (part, end) = self.reference(at, depth + 1, live);
                out.value.push_str(&part.value);
                out.secret |= part.secret;
                at = end;
            } else {
                out.value.push(next);
                at += next.len_utf8();
            }
        }
        (out, at)
    }

    /// Reads the reference that begins at `start`.
    fn reference(&mut self, start: usize, depth: usize, live: bool) -> (Resolved, usize) {
        let all = self.text.value.len();
        let begin = start + 2;
        let length = self.rest(begin).bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let name = self.rest(begin).get(..length).unwrap_or("").to_owned();
        if depth > DEPTH || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            self.malformed(start, begin + length, "expected the name of a variable");
            return (Resolved::default(), all);
        }
        let set = self.variables.get(&name).cloned();
        let filled = set.clone().filter(|variable| !variable.value.is_empty());
        let after = begin + length;
        let sign = self.rest(after).chars().take(2).collect::<String>();
        let (mut out, end) = match sign.as_str() {
            ":-" => self.fill(after + 2, depth, live && filled.is_none()),
            ":+" => self.fill(after + 2, depth, live && filled.is_some()),
            ":?" => self.fill(after + 2, depth, live && filled.is_none()),
            _ if sign.starts_with('}') => (Resolved::default(), after),
            _ => {
                self.malformed(start, after, "expected `}`, `:-`, `:?` or `:+` after the name");
                return (Resolved::default(), all);
            }
        };
        if !self.rest(end).starts_with('}') {
            self.malformed(start, end, "this `${` has no `}`");
            return (Resolved::default(), all);
        }
        let end = end + 1;
        match (sign.as_str(), filled.or(set.filter(|_| sign.starts_with('}')))) {
            (":+", None) => out = Resolved::default(),
            (":+", Some(_)) => {}
            (_, Some(variable)) => out = Resolved { value: variable.value, secret: variable.secret },
            (":-", None) => {}
            (":?", None) if live => self.not_set(&name, start, end, Some(&out)),
            (_, None) if live => self.not_set(&name, start, end, None),
            (_, None) => {}
        }
        (out, end)
    }

    fn not_set(&mut self, name: &str, start: usize, end: usize, message: Option<&Resolved>) {
        self.good = false;
        let mut diagnostic = match message {
            Some(text) if !text.secret && !text.value.is_empty() => {
                Diagnostic::error(NOT_SET, format!("`{name}` is not set: {}", text.value))
            }
            _ => Diagnostic::error(NOT_SET, format!("`{name}` is not set")),
        };
        diagnostic = diagnostic
            .at(self.text.span_of(start, end), "no such variable")
            .help(format!("set it in the environment or in `.env`, or give a default: `${{{name}:-…}}`"))
            .suggest(name, self.variables.names());
        self.diagnostics.push(diagnostic);
    }

    fn malformed(&mut self, start: usize, end: usize, label: &str) {
        self.good = false;
        self.diagnostics.push(
            Diagnostic::error(MALFORMED, "this `${…}` cannot be read")
                .at(self.text.span_of(start, end.max(start + 2)), label)
                .help("write `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${NAME:+text}`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Variable;
    use crate::source::{Sources, Span};
    use proptest::prelude::*;

    fn variables() -> Variables {
        let mut variables = Variables::new();
        for (name, value, secret) in [
            ("A", "one", false),
            ("EMPTY", "", false),
            ("KEY", "s3cret", true),
            ("ODD", "${A} {{ x }}", false),
        ] {
            variables.set(name, Variable { value: value.to_owned(), secret });
        }
        variables
    }

    fn fill(text: &str) -> Result<(String, bool), Vec<&'static str>> {
        let mut sources = Sources::new();
        let file = sources.add("pathway.yaml", text);
        let text = Text::opaque(text, Span::new(file, 0, text.len()));
        let mut diagnostics = Diagnostics::new();
        match interpolate(&text, &variables(), &mut diagnostics) {
            Some(resolved) => {
                assert!(!diagnostics.has_errors());
                Ok((resolved.value, resolved.secret))
            }
            None => Err(diagnostics.iter().map(|d| d.code.0).collect()),
        }
    }

    #[test]
    fn references_are_filled_in() {
        let open = |text: &str| Ok((text.to_owned(), false));
        assert_eq!(fill("plain $A {A} }"), open("plain $A {A} }"));
        assert_eq!(fill("<${A}>"), open("<one>"));
        assert_eq!(fill("${EMPTY}"), open(""));
        assert_eq!(fill("${EMPTY:-x}${NONE:-y}${A:-z}"), open("xyone"));
        assert_eq!(fill("${A:+set}${EMPTY:+set}${NONE:+set}"), open("set"));
        assert_eq!(fill("${NONE:-${EMPTY:-${A}}}!"), open("one!"));
        assert_eq!(fill("${A:-${NONE}}"), open("one"), "a default that is not used may name anything");
        assert_eq!(fill("${ODD}"), open("${A} {{ x }}"), "a value is not read again");
        assert_eq!(fill("${A:?must be set}"), open("one"));
    }

    #[test]
    fn secrets_are_marked() {
        assert_eq!(fill("Bearer ${KEY}"), Ok(("Bearer s3cret".into(), true)));
        assert_eq!(fill("${NONE:-${KEY}}"), Ok(("s3cret".into(), true)));
        assert_eq!(fill("${KEY:+configured}"), Ok(("configured".into(), false)));
        assert_eq!(fill("${A:-${KEY}}"), Ok(("one".into(), false)));
    }

    #[test]
    fn what_cannot_be_filled_in_is_reported() {
        assert_eq!(fill("${NONE}"), Err(vec!["PW0601"]));
        assert_eq!(fill("${NONE} ${MORE}"), Err(vec!["PW0601", "PW0601"]));
        assert_eq!(fill("${EMPTY:?say why}"), Err(vec!["PW0601"]));
        for bad in ["${", "${}", "${A", "${1A}", "${A:x}", "${A:-x", "${A b}", "${A:-${}}"] {
            assert_eq!(fill(bad).unwrap_err().first(), Some(&"PW0602"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_filled_in_or_reported(text in r"([${}:?+\-AN ]|KEY|é){0,40}") {
            if let Err(codes) = fill(&text) {
                prop_assert!(!codes.is_empty());
            }
        }

        #[test]
        fn text_without_references_stands(text in "[^$]*") {
            prop_assert_eq!(fill(&text), Ok((text, false)));
        }
    }
}

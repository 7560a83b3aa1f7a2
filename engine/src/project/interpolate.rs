//! `${NAME}` in plain values of the project file.

use super::secret::Resolved;
use crate::diagnostic::Diagnostics;
use crate::expression::{Variables, fill};
use crate::source::Text;

/// Fills in the references of `text`; `None` where one of them cannot be.
pub fn interpolate(text: &Text, variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Resolved> {
    fill(text, variables, diagnostics).map(|(value, secret)| Resolved { value, secret })
}

/// The variables that `text` names, in the order written.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|name| !name.is_empty())
    })
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

    fn filled(text: &str) -> Result<(String, bool), Vec<&'static str>> {
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
        assert_eq!(filled("plain $A {A} }"), open("plain $A {A} }"));
        assert_eq!(filled("<${A}>"), open("<one>"));
        assert_eq!(filled("$${A}"), open("${A}"));
        assert_eq!(filled("${EMPTY}"), open(""));
        assert_eq!(filled("${EMPTY:-x}${NONE:-y}${A:-z}"), open("xyone"));
        assert_eq!(filled("${A:+set}${EMPTY:+set}${NONE:+set}"), open("set"));
        assert_eq!(filled("${ODD}"), open("${A} {{ x }}"), "a value is not read again");
        assert_eq!(filled("${A:?must be set}"), open("one"));
    }

    #[test]
    fn secrets_are_marked() {
        assert_eq!(filled("Bearer ${KEY}"), Ok(("Bearer s3cret".into(), true)));
        assert_eq!(filled("${KEY:+configured}"), Ok(("configured".into(), false)));
    }

    #[test]
    fn what_cannot_be_filled_in_is_reported() {
        assert_eq!(filled("${NONE} ${MORE}").unwrap_err().len(), 2);
        for bad in ["${NONE}", "${EMPTY:?say why}", "${", "${}", "${A", "${1A}", "${A:x}", "${A:-x"] {
            assert!(filled(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn named_variables() {
        let named: Vec<_> = references("${A} ${B:-${C}} $D ${} ${E").collect();
        assert_eq!(named, ["A", "B", "C", "E"]);
    }

    proptest! {
        #[test]
        fn any_text_is_filled_in_or_reported(text in r"([${}:?+\-AN ]|KEY|é){0,40}") {
            if let Err(codes) = filled(&text) {
                prop_assert!(!codes.is_empty());
            }
        }

        #[test]
        fn text_without_references_stands(text in "[^$]*") {
            prop_assert_eq!(filled(&text), Ok((text, false)));
        }
    }
}

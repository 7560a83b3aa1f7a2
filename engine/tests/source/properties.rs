//! Nothing that can be written makes the reader panic.

use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::source::{Limits, Sources, parse};
use proptest::prelude::*;

use crate::{Parsed, walk};

fn yaml_like() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            ": ",
            "- ",
            "-",
            "? ",
            "|",
            ">",
            "|2\n",
            ">-\n",
            "'",
            "\"",
            "''",
            "\\",
            "\\u00e9",
            "\\ud834\\udd1e",
            "&a ",
            "*a",
            "!",
            "!!str ",
            "!x ",
            "#",
            " #",
            "\n",
            "\n  ",
            "\n\n",
            "\r\n",
            "\r",
            "\t",
            " ",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "<<: ",
            "{{ ",
            " }}",
            "{% ",
            "{# ",
            "${",
            "~",
            "1",
            "0x",
            "é",
            "₹",
            "🎵",
            "\u{feff}",
            "\0",
            "\u{85}",
            "\u{2028}",
            "a",
            "key: ",
            "@",
            "`",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// Everything that is made of a text: the tree, its spans, all renderings.
fn exercise(text: &str) -> Result<(), TestCaseError> {
    let parsed = Parsed::new(text);
    if let Some(tree) = &parsed.tree {
        walk(tree, &mut |node| {
            let Some(text) = node.as_text() else { return };
            for n in 0..=text.value.len() {
                let span = text.span_of(n, n + 1);
                assert!(text.span.start <= span.end && span.start <= span.end && span.end <= text.span.end);
            }
        });
    } else {
        prop_assert!(parsed.diagnostics.has_errors(), "no tree and no error");
    }
    for diagnostic in parsed.diagnostics.iter() {
        prop_assert!(!diagnostic.labels.is_empty() && diagnostic.help.is_some());
        for label in &diagnostic.labels {
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            prop_assert!(text.get(start..end).is_some(), "{:?} is no range of {:?}", label, text);
        }
    }
    let list = parsed.diagnostics.sorted();
    for format in
        [Format::Human { color: true }, Format::Human { color: false }, Format::Json, Format::Github]
    {
        let shown = render(&list, &parsed.sources, format);
        if format != (Format::Human { color: true }) {
            prop_assert!(!shown.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{shown:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn yaml_like_text_never_panics(text in yaml_like()) {
        exercise(&text)?;
    }

    #[test]
    fn text_never_panics(text in any::<String>()) {
        exercise(&text)?;
    }

    #[test]
    fn bytes_never_panic(bytes in any::<Vec<u8>>()) {
        let (mut sources, mut diagnostics) = (Sources::new(), Diagnostics::new());
        match sources.add_bytes("test.yaml", bytes, &mut diagnostics) {
            Some(file) => {
                parse(&sources, file, Limits::default(), &mut diagnostics);
            }
            None => prop_assert!(diagnostics.has_errors()),
        }
        let list = diagnostics.sorted();
        prop_assert_eq!(render(&list, &sources, Format::Human { color: false }).is_empty(), list.is_empty());
    }
}

/// What was found by chance once.
#[test]
fn a_label_covers_whole_characters() {
    exercise("\"\"\u{85} #").unwrap();
}

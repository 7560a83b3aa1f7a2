//! Spans lead from any part of a value back to where it was written.

use pathway_engine::source::{Node, Sources, Style, Text};
use proptest::prelude::*;

use crate::{Parsed, walk};

fn only_text(node: &Node) -> &Text {
    let mut found = None;
    walk(node, &mut |node| {
        if let Some(text) = node.as_text() {
            found = Some(text);
        }
    });
    found.unwrap()
}

/// What stands where `part` of the value came from.
fn written<'a>(sources: &'a Sources, text: &Text, part: &str) -> &'a str {
    let start = text.value.find(part).unwrap();
    sources.slice(text.span_of(start, start + part.len()))
}

#[test]
fn escapes_are_stepped_over() {
    let (sources, tree) = Parsed::sound(r#"a: "é\t{{ x }} \u20AC\x41\U0001F3B5\ud834\udd1e\/ y""#);
    let text = only_text(&tree);
    assert_eq!(text.value, "é\t{{ x }} €A🎵𝄞/ y");
    for (part, source) in [
        ("é", "é"),
        ("\t", "\\t"),
        ("{{ x }}", "{{ x }}"),
        ("€", "\\u20AC"),
        ("A", "\\x41"),
        ("🎵", "\\U0001F3B5"),
        ("𝄞", "\\ud834\\udd1e"),
        ("/", "\\/"),
        (" y", " y"),
    ] {
        assert_eq!(written(&sources, text, part), source);
    }
}

#[test]
fn doubled_quotes_are_stepped_over() {
    let (sources, tree) = Parsed::sound("a: 'it''s {{ x }}'");
    let text = only_text(&tree);
    assert_eq!(written(&sources, text, "s {{ x }}"), "s {{ x }}");
    assert_eq!(written(&sources, text, "'"), "''");
    assert_eq!(written(&sources, text, "it's"), "it''s");
}

#[test]
fn lines_of_block_scalars() {
    for header in ["|", ">", "|-", ">-", "|+", ">+", "|2", "> # comment"] {
        let source =
            format!("é: {header}\n\n    {{{{ one }}}}\n\n      two €\n    \n    three\n\n    four\n\nb: 1\n");
        let source = if header == "|2" { source.replace("    ", "  ") } else { source };
        let (sources, tree) = Parsed::sound(&source);
        let text = tree.get("é").unwrap().as_text().unwrap();
        for part in ["{{ one }}", "one", "two €", "three", "four"] {
            assert_eq!(written(&sources, text, part), part, "{header}");
        }
    }
}

#[test]
fn lines_of_flow_scalars() {
    for (open, close) in [("", ""), ("'", "'"), ("\"", "\"")] {
        let (sources, tree) = Parsed::sound(&format!("a: {open}one  \n   two\n\n  three {close}\n"));
        let text = only_text(&tree);
        assert!(text.value.starts_with("one two\nthree"));
        for part in ["one", "two", "three", "e", "o"] {
            assert_eq!(written(&sources, text, part), part);
        }
    }
    let (sources, tree) = Parsed::sound("a: \"one\\\n   two \\\n\n  three\\n\n four\"\n");
    let text = only_text(&tree);
    assert_eq!(text.value, "onetwo \nthree\n four");
    for part in ["one", "two ", "three", "four"] {
        assert_eq!(written(&sources, text, part), part);
    }
}

#[test]
fn windows_line_breaks() {
    let (sources, tree) = Parsed::sound("a: |\r\n  one\r\n\r\n  two\r\nb: x\r\n");
    let text = tree.get("a").unwrap().as_text().unwrap();
    assert_eq!(text.value, "one\n\ntwo\n");
    assert_eq!(written(&sources, text, "two"), "two");
    let place = sources.locate(tree.get("b").unwrap().span);
    assert_eq!((place.line, place.column, place.end_column), (5, 4, 5));
}

#[test]
fn the_ends_of_a_text() {
    let (sources, tree) = Parsed::sound("a: \"b\\n\"\n");
    let text = only_text(&tree);
    assert_eq!(sources.slice(text.span_of(0, 2)), "b\\n");
    let end = text.span_of(2, 2);
    assert_eq!((end.start, end.end), (7, 7));
    assert_eq!(sources.slice(text.span_of(0, 1000)), "b\\n");
    let (sources, tree) = Parsed::sound("a: ''\n");
    assert_eq!(sources.slice(only_text(&tree).span_of(0, 0)), "''");
}

/// Texts whose every character stands for itself, and a source that holds one.
fn plain_words() -> impl Strategy<Value = (String, String)> {
    let words = proptest::collection::vec("[a-z€é🎵]{1,6}", 1..6);
    let style = proptest::sample::select(vec![
        ("a: W\n", " "),
        ("- 'W'\n", " "),
        ("- k: \"W\"\n", " "),
        ("[{a: W}]", " "),
        ("€: |\n  W\n", "\n  "),
        ("a:\n- >\n   W\n", "\n   "),
        ("a: >-\n  W", "\n\n  "),
        ("a: W\n", "\n   "),
        ("a: \"W\"\n", " \n\n "),
        ("a: 'W'\n", "\n\t "),
        ("a: \"W\"", "\\\n  "),
    ]);
    (words, style).prop_map(|(words, (frame, between))| {
        let source = frame.replace('W', &words.join(between));
        (words.join("\u{0}"), source)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_part_is_found((words, source) in plain_words()) {
        let (sources, tree) = Parsed::sound(&source);
        let text = only_text(&tree);
        let mut from = 0;
        for word in words.split('\0') {
            let start = from + text.value[from..].find(word).unwrap();
            for (n, _) in word.char_indices() {
                let (a, b) = (start + n, start + word.len());
                prop_assert_eq!(sources.slice(text.span_of(a, b)), &text.value[a..b]);
            }
            from = start + word.len();
        }
    }

    #[test]
    fn scalars_of_one_line_stand_in_their_span(value in "x[a-z ]{0,20}x") {
        for (source, style) in [
            (format!("é: [x, {{k: {value}}}]"), Style::Plain),
            (format!("é:\n  - '{value}'"), Style::Single),
            (format!("? é\n: \"{value}\" # c"), Style::Double),
        ] {
            let (sources, tree) = Parsed::sound(&source);
            let text = only_text(&tree);
            prop_assert_eq!(text.style, style);
            prop_assert_eq!(&text.value, &value);
            prop_assert!(sources.slice(text.span).contains(&value));
            prop_assert_eq!(sources.slice(text.span_of(0, value.len())), value.as_str());
        }
    }
}

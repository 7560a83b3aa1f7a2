//! Our tree as JSON equals what an independent reader makes of the same text.
//!
//! The known differences are in `fixtures/differs_*.yaml`: numbers past 64 bits, `0b1` and
//! `-0x1`, keys that are numbers or null, a quoted `<<`.

use std::fs;
use std::path::{Path, PathBuf};

use pathway_engine::source::Node;
use proptest::prelude::*;
use serde_json::Value;

use crate::{Parsed, json, walk};

pub(crate) fn other(text: &str) -> Option<Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    loop {
        // A merge that a merged map brings in is only applied the next time.
        let before = value.clone();
        value.apply_merge().ok()?;
        if value == before {
            break;
        }
    }
    serde_json::to_value(value).ok()
}

#[test]
fn every_yaml_file_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(!files.is_empty());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let parsed = Parsed::new(&text);
        if let Some(tree) = parsed.tree.filter(|_| !parsed.diagnostics.has_errors()) {
            assert_eq!(Some(json(&tree)), other(&text), "{}", path.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if (name.ends_with(".yaml") || name.ends_with(".yml")) && !name.starts_with("differs_") {
            files.push(path);
        }
    }
}

/// A text whose first character is not known to stand anywhere but in the whole.
fn unplaced(tree: &Node) -> Option<&str> {
    let mut found = None;
    walk(tree, &mut |node| {
        let Some(text) = node.as_text() else { return };
        let first = text.value.chars().next().map_or(0, char::len_utf8);
        if text.value.trim().len() > first && text.span_of(0, first) == text.span {
            found = Some(text.value.as_str());
        }
    });
    found
}

/// Text with whatever YAML gives a meaning to.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9 ]{1,6}",
        1 => proptest::sample::select(vec![
            ":", "#", " #", ": ", "'", "\"", "\\", "{{ x }}", "${X}", "[", "]", "{", "}", ",", "- ", "!", "&a",
            "*a", "é", "₹", "🎵", "\n", "\n\n", "\t", "%", "@", "`", "|", ">", "~", "null", "true", "on", "017", "0x1",
            "1.5", ".inf", "?",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6f64..1e6).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_other_writes_we_read(value in value()) {
        let text = serde_yaml::to_string(&value).unwrap();
        let (_, tree) = Parsed::sound(&text);
        prop_assert_eq!(unplaced(&tree), None, "{}", text);
        prop_assert_eq!(json(&tree), value, "{}", text);
    }

    #[test]
    fn json_is_yaml(value in value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let (_, tree) = Parsed::sound(&text);
        prop_assert_eq!(unplaced(&tree), None, "{}", text);
        prop_assert_eq!(json(&tree), value, "{}", text);
    }

    /// Documents as people write them: where both readers accept one, they agree.
    #[test]
    fn where_both_accept_both_agree(draft in draft()) {
        // At the top, the readers differ on whether a block scalar can begin with `#`.
        let mut text = String::new();
        write(&Draft::Map(false, vec![("top", draft)]), 0, &mut text);
        let text = name_anchors(&text);
        let parsed = Parsed::new(&text);
        if let (Some(tree), false) = (&parsed.tree, parsed.diagnostics.has_errors())
            && let Some(theirs) = other(&text)
        {
            prop_assert_eq!(json(tree), theirs, "{}", text);
            prop_assert_eq!(unplaced(tree), None, "{}", text);
        }
    }
}

/// A document before it is indented.
#[derive(Debug, Clone)]
enum Draft {
    /// One line, or a header and lines after it.
    Scalar(&'static str, Vec<&'static str>),
    List(Vec<Draft>),
    /// An anchor on some; keys that are distinct.
    Map(bool, Vec<(&'static str, Draft)>),
}

fn draft() -> impl Strategy<Value = Draft> {
    let line = proptest::sample::select(vec![
        "",
        "x",
        "a b",
        "1",
        "-1.5",
        "0o17",
        "0x1F",
        "017",
        "true",
        "~",
        "null",
        "on",
        "'it''s'",
        "\"a\\tb\"",
        "[1, x]",
        "{p: 1, q: [a]}",
        "{<<: *@, p: 2}",
        "&@ x",
        "*n",
        "x # y",
        "# y",
        "!!str 1",
        "[x,\n          y]",
        "é ₹",
        "a#b",
        "x: y",
        "\"{{ x }}\"",
        "&@ [1]",
        "*s",
        "{}",
        "[]",
        "''",
        "- x",
    ]);
    let header =
        proptest::sample::select(vec!["|", ">", "|-", ">-", "|+", ">+", "x", "'x", "\"x", "\"x\\", "| # y"]);
    let more =
        proptest::sample::select(vec!["a b", "", "  c", "# d", "é ₹  ", "'", "\"", "\\t", "e: f", "- g"]);
    let leaf = prop_oneof![
        3 => line.prop_map(|line| Draft::Scalar(line, vec![])),
        1 => (header, proptest::collection::vec(more, 0..5)).prop_map(|(header, more)| Draft::Scalar(header, more)),
    ];
    let key = proptest::sample::subsequence(vec!["<<", "a", "'b'", "true", "c d", "é"], 0..4);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 1..4).prop_map(Draft::List),
            2 => (any::<bool>(), key.clone(), proptest::collection::vec(inner, 4)).prop_map(
                |(anchor, keys, values)| Draft::Map(anchor, keys.into_iter().zip(values).collect())
            ),
        ]
    })
}

/// Gives every `&@` a name of its own (the other reader is wrong about names that are used again)
/// and every `*@` the latest.
fn name_anchors(text: &str) -> String {
    let mut named = 0;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '@' => {
                named += usize::from(out.ends_with('&'));
                out += &format!("n{named}");
            }
            _ => out.push(c),
        }
    }
    out
}

/// Writes `draft` after a key or a dash, or as the document if `indent` is zero.
fn write(draft: &Draft, indent: usize, out: &mut String) {
    let line = |out: &mut String, text: &str| {
        out.push('\n');
        out.push_str(&"  ".repeat(indent));
        out.push_str(text);
    };
    match draft {
        Draft::Scalar(first, more) => {
            *out += first;
            for text in more {
                line(out, text);
            }
        }
        Draft::List(items) => {
            for item in items {
                line(out, "- ");
                write(item, indent + 1, out);
            }
        }
        Draft::Map(anchor, entries) => {
            *out += if *anchor && indent > 0 { "&@" } else { "" };
            for (key, value) in entries {
                line(out, key);
                *out += if *key == "<<" && matches!(value, Draft::Scalar(..)) { ": *@" } else { ": " };
                if !out.ends_with('@') {
                    write(value, indent + 1, out);
                }
            }
        }
    }
    if indent == 0 {
        out.push('\n');
    }
}

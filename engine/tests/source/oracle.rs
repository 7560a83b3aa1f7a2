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
    value.apply_merge().ok()?;
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

    /// Documents of random pieces: where both readers accept one, they agree.
    #[test]
    fn where_both_accept_both_agree(text in soup()) {
        let parsed = Parsed::new(&text);
        if let (Some(tree), false) = (&parsed.tree, parsed.diagnostics.has_errors())
            && let Some(theirs) = other(&text)
        {
            prop_assert_eq!(json(tree), theirs, "{}", text);
            prop_assert_eq!(unplaced(tree), None, "{}", text);
        }
    }
}

/// Lines that often are YAML.
fn soup() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(vec![
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
        "|",
        ">",
        "|-",
        ">+",
        "&n x",
        "*n",
        "&m {z: 1}",
        "*m",
        "x # y",
        "# y",
        "[*n, *m]",
        "\"a",
        "b\"",
        "!!str 1",
        "- x",
        "{{ x }}",
        "[",
        "]",
        "é ₹",
    ]);
    let key = proptest::sample::select(vec![
        "a: ", "b: ", "c: ", "200: ", "true: ", "on: ", "<<: ", "- ", "", "'k': ",
    ]);
    let line = (0usize..4, key, value)
        .prop_map(|(indent, key, value)| format!("{}{key}{value}\n", "  ".repeat(indent)));
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

//! One style: what `pathway fmt` makes of a text says the same, and stays.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::source::{Kind, Limits, Node, Sources, format, parse};
use proptest::prelude::*;

/// What is made of a text; none where it cannot be read.
fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::new();
    let file = sources.add("test.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let formatted = format(&sources, file, &mut diagnostics);
    assert_eq!(formatted.is_none(), diagnostics.has_errors(), "{text}");
    formatted
}

fn tree(text: &str) -> Node {
    let mut sources = Sources::new();
    let file = sources.add("test.yaml", text);
    parse(&sources, file, Limits::default(), &mut Diagnostics::new()).unwrap()
}

/// What a tree says, with the order of its keys.
fn said(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => format!("{:?}", text.value),
        Kind::List(items) => format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(",")),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|entry| format!("{:?}:{}", entry.key.value, said(&entry.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        other => format!("{other:?}"),
    }
}

/// The comments that stand on lines of their own, and how many `#` there are.
fn comments(text: &str) -> (Vec<&str>, usize) {
    let own = text.lines().map(str::trim).filter(|line| line.starts_with('#')).collect();
    (own, text.matches('#').count())
}

fn holds(text: &str) {
    let Some(once) = formatted(text) else { return };
    assert_eq!(said(&tree(text)), said(&tree(&once)), "{text}\n{once}");
    assert_eq!(comments(text), comments(&once), "{text}\n{once}");
    assert_eq!(formatted(&once).as_deref(), Some(once.as_str()), "{text}\n{once}");
}

#[test]
fn layouts() {
    insta::glob!("format/*.yaml", |path| {
        let text = fs::read_to_string(path).unwrap();
        holds(&text);
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!("format", formatted(&text).unwrap());
        });
    });
}

#[test]
fn what_cannot_be_read_is_told() {
    for text in ["a: {{ b }}\n", "a: [1\n", "a:\n\tb: 1\n", "a: 1\na: 2\n"] {
        assert_eq!(formatted(text), None, "{text}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            yaml_files(&path, found);
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            found.push(path);
        }
    }
}

#[test]
fn all_files_of_the_repository_say_the_same() {
    let mut files = Vec::new();
    yaml_files(&root(), &mut files);
    assert!(files.len() > 100, "the walk found only {}", files.len());
    for path in files {
        holds(&fs::read_to_string(path).unwrap());
    }
}

#[test]
fn pathways_are_in_one_style() {
    let mut files = vec![root().join("pathway.yaml")];
    for folder in ["pathways", "examples", "server/src/cli/init"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            yaml_files(&folder, &mut files);
        }
    }
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let formatted = formatted(&text).unwrap();
        assert!(formatted == text, "{}: run `pathway fmt`, which makes of it:\n{formatted}", path.display());
    }
}

/// A value in block style, whose lines are indented by all kinds of widths.
fn value(depth: u32) -> BoxedStrategy<Vec<String>> {
    let scalar = prop_oneof![
        Just(vec!["1".to_owned()]),
        Just(vec!["'single'".to_owned()]),
        Just(vec!["'it''s'".to_owned()]),
        Just(vec!["\"double\" # after".to_owned()]),
        Just(vec!["plain text".to_owned()]),
        Just(vec!["{ a: 1, 'b': [2,3] }   ".to_owned()]),
        Just(vec!["".to_owned(), "# below".to_owned()]),
        (1_usize..5).prop_map(|width| {
            let indent = " ".repeat(width);
            vec!["|".to_owned(), format!("{indent}text  "), String::new(), format!("{indent}  # more")]
        }),
        (1_usize..5).prop_map(|width| {
            let indent = " ".repeat(width);
            vec![">-".to_owned(), format!("{indent}folded"), format!("{indent}{{{{ x }}}}")]
        }),
        (1_usize..5).prop_map(|width| vec!["{".to_owned(), format!("{}a: 1 }}", " ".repeat(width))]),
        (1_usize..5).prop_map(|width| vec!["\"two  ".to_owned(), format!("{}lines\"", " ".repeat(width))]),
    ];
    if depth == 0 {
        return scalar.boxed();
    }
    let inner = value(depth - 1);
    let map = (1_usize..6, proptest::collection::vec((inner.clone(), 0_usize..3, any::<bool>()), 1..4));
    let map = map.prop_map(|(width, values)| {
        let mut lines = vec![String::new()];
        for (n, (value, blanks, comment)) in values.into_iter().enumerate() {
            lines.extend(std::iter::repeat_n(String::new(), blanks));
            let indent = " ".repeat(width);
            if comment {
                lines.push(format!("{indent}# of {n}"));
            }
            nested(&mut lines, &format!("{indent}k{n}:"), &indent, value);
        }
        lines
    });
    let list = (0_usize..5, 1_usize..4, proptest::collection::vec(inner, 1..4));
    let list = list.prop_map(|(width, gap, values)| {
        let mut lines = vec![String::new()];
        for value in values {
            let indent = " ".repeat(width.max(1));
            nested(&mut lines, &format!("{indent}-{}", " ".repeat(gap - 1)), &indent, value);
        }
        lines
    });
    prop_oneof![scalar, map, list].boxed()
}

/// Puts a value after a key or a dash: its first line beside it, the others below and deeper.
fn nested(lines: &mut Vec<String>, head: &str, indent: &str, value: Vec<String>) {
    let mut value = value.into_iter();
    let first = value.next().unwrap_or_default();
    lines.push(if first.is_empty() { head.to_owned() } else { format!("{head} {first}") });
    lines.extend(value.map(|line| if line.is_empty() { line } else { format!("{indent}{line}") }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn it_says_the_same_and_stays(value in value(3)) {
        let mut lines = Vec::new();
        nested(&mut lines, "root:", "", value);
        let mut text = lines.join("\n");
        text.push_str("\n\n");
        holds(&text);
        let formatted = formatted(&text);
        for line in formatted.iter().flat_map(|text| text.lines()) {
            let content = line.trim_start();
            let is_own = content.starts_with("- ") || content.starts_with(['k', '#']);
            prop_assert!(!is_own || (line.len() - content.len()) % 2 == 0, "{}\n{:?}", text, formatted);
        }
    }

    #[test]
    fn whatever_the_text(text in "([a-c]: |- |#|[\\[{}\\],'\"|>]|\n| {1,3}|x|&a |\\*a){0,40}") {
        let mut sources = Sources::new();
        let file = sources.add("test.yaml", text.as_str());
        if format(&sources, file, &mut Diagnostics::new()).is_some() {
            holds(&text);
        }
    }
}

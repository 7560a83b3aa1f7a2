//! Hostile files end in a diagnostic, soon and without overflowing anything.

use pathway_engine::source::Limits;

use crate::{Parsed, json};

fn bomb(levels: usize, fan: usize) -> String {
    let mut text = String::from("a0: &a0 x\n");
    for level in 1..=levels {
        let items = vec![format!("*a{}", level - 1); fan].join(", ");
        text += &format!("a{level}: &a{level} [{items}]\n");
    }
    text
}

#[test]
fn an_alias_bomb_is_refused_before_it_goes_off() {
    for (levels, fan) in [(8, 10), (60, 2), (30, 100)] {
        let parsed = Parsed::new(&bomb(levels, fan));
        assert_eq!(parsed.codes(), ["PW0116"], "{levels} levels of {fan}");
        assert!(parsed.tree.is_none());
    }
    assert!(Parsed::new(&bomb(3, 10)).codes().is_empty());
}

#[test]
fn repeating_long_text_counts_as_well() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 20].join(", "));
    assert_eq!(Parsed::new(&text).codes(), ["PW0116"]);
}

#[test]
fn anchors_inside_anchors_are_not_kept_for_nothing() {
    let text = format!("{}x{}", "&a [".repeat(90), "]".repeat(90));
    assert!(Parsed::new(&text).codes().is_empty());
    let wide = format!("{}{}{}", "&a [".repeat(90), vec!["1"; 50_000].join(","), "]".repeat(90));
    assert_eq!(Parsed::new(&wide).codes(), [] as [&str; 0], "too large to copy, but nothing asks for it");
}

#[test]
fn depth_is_limited() {
    let nested = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let block_maps = |n: usize| (0..n).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
    let texts = [
        nested("[", "]", 101),
        nested("[", "", 100_000),
        nested("{a: ", "}", 101),
        nested("{a: ", "", 100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "[a: ".repeat(100_000),
        block_maps(150),
        "a: &a [[[[[]]]]]\nb: ".to_owned() + &nested("[", "]", 96).replace("[]", "[*a]"),
    ];
    for text in texts {
        let start: String = text.chars().take(40).collect();
        assert_eq!(Parsed::new(&text).codes(), ["PW0115"], "{start}");
    }
    assert!(Parsed::new(&nested("[", "]", 100)).codes().is_empty());
    assert!(Parsed::new(&block_maps(100)).codes().is_empty());
}

#[test]
fn a_larger_depth_than_recursion_can_walk_is_not_granted() {
    let limits = Limits { depth: usize::MAX, ..Limits::default() };
    let text = "[".repeat(251) + &"]".repeat(251);
    assert_eq!(Parsed::within(&text, limits).codes(), ["PW0115"]);
}

#[test]
fn nodes_and_bytes_are_limited() {
    let limits = Limits { nodes: 4, bytes: 20, ..Limits::default() };
    assert!(Parsed::within("[1, 2, 3]", limits).codes().is_empty());
    assert_eq!(Parsed::within("[1, 2, 3, 4]", limits).codes(), ["PW0116"]);
    assert_eq!(Parsed::within(&"#".repeat(21), limits).codes(), ["PW0117"]);
}

#[test]
fn problems_are_limited() {
    let text = "a: 1\n".repeat(100_000);
    assert_eq!(Parsed::new(&text).codes().len(), 100);
    let warnings = Parsed::new(&"- x {{ y # z\n".repeat(1000));
    assert_eq!(warnings.codes().len(), 100);
    assert_eq!(warnings.tree.unwrap().as_list().unwrap().len(), 1000, "warnings stop nothing");
}

#[test]
fn recursion_by_alias_is_refused() {
    for text in ["&a [*a]", "a: &a {b: *a}", "&a [&b [*a]]", "&a {<<: *a}"] {
        assert_eq!(Parsed::new(text).codes(), ["PW0114"], "{text}");
    }
}

#[test]
fn an_anchor_can_be_used_again() {
    let (_, tree) = Parsed::sound("a: &x 1\nb: *x\nc: &x 2\nd: *x\ne: [*x, *x]\n");
    assert_eq!(json(&tree), serde_json::json!({"a": 1, "b": 1, "c": 2, "d": 2, "e": [2, 2]}));
}

#[test]
fn long_lines_and_many_lines_are_read() {
    let text = format!("a: \"{}\"\n", "\\n é ' ".repeat(100_000));
    Parsed::sound(&text);
    let text = format!("a: >\n{}", "  some words\n\n".repeat(100_000));
    Parsed::sound(&text);
}

//! Every place of every text has answers, and none is the end of the program.

use std::fs;
use std::path::Path;

use pathway_engine::analysis::{Known, Place, complete, definition, hover, renamable, rename, symbols};
use pathway_engine::reference::{Document, Takes};
use pathway_engine::source::{Kind, Node};
use proptest::prelude::*;

use crate::project::known;

fn everything() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/everything.yaml")).unwrap()
}

fn ask(known: &Known, place: Place<'_>) {
    let completions = complete(known, place);
    assert!(place.text.get(completions.replaced.clone()).is_some(), "{completions:?}");
    if let Some(hover) = hover(known, place) {
        assert!(place.text.get(hover.range).is_some());
    }
    drop(definition(known, place));
    if renamable(place).is_some() {
        let edits = rename(known, place, "zzz").unwrap();
        assert!(!edits.is_empty(), "what can be renamed has at least its own name");
    }
}

/// Every given key is proposed where it stands, and explained.
#[test]
fn keys_are_proposed_and_explained_where_they_stand() {
    let known = known(&everything());
    let mut count = 0;
    for file in &known.files {
        walk(&file.node, Takes::Object(file.document.object()), &mut |key, start| {
            count += 1;
            let place =
                Place { path: &file.path, document: file.document, text: &file.text, position: start };
            let found = hover(&known, place);
            assert!(found.is_some(), "{}: `{key}` at {start} is not explained", file.path);
            // As if its first letter were being written.
            let rest = &file.text[start + key.len()..];
            let text = format!("{}{rest}", &file.text[..start]);
            let place = Place { text: &text, ..place };
            let proposed = complete(&known, place).proposals;
            assert!(
                proposed.iter().any(|it| it.label == key),
                "{}: `{key}` at {start} is not proposed: {proposed:?}",
                file.path
            );
        });
        assert!(!symbols(&file.node).is_empty());
    }
    assert!(count > 200, "{count}");
}

/// Shows the keys that are given, with the byte at which each stands.
fn walk(node: &Node, takes: Takes, show: &mut dyn FnMut(&str, usize)) {
    match &node.kind {
        Kind::Map(entries) => {
            let keys = takes.keys();
            for entry in entries {
                let name = entry.key.value.as_str();
                if keys.iter().any(|field| field.name == name) {
                    show(name, entry.key.span.start as usize);
                }
                if let Some(inner) = takes.under(name) {
                    walk(&entry.value, inner, show);
                }
            }
        }
        Kind::List(items) => {
            for item in items {
                if let Some(inner) = takes.item() {
                    walk(item, inner, show);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn truncated_files_have_answers() {
    let known = known(&everything());
    for file in &known.files {
        for (end, _) in file.text.char_indices().step_by(7) {
            let text = &file.text[..end];
            ask(&known, Place { path: &file.path, document: file.document, text, position: end });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// With something put in, or taken out, anywhere.
    #[test]
    fn mutated_files_have_answers(at in 0_usize..3000, cut in 0_usize..40, put in r#"([{}\[\]:,#"'|>.é -]|\n|\{\{|steps\.){0,6}"#) {
        let known = known(&everything());
        for file in known.files.iter().filter(|file| file.document != Document::Project) {
            let near = |n: usize| (0..=n.min(file.text.len())).rev().find(|n| file.text.is_char_boundary(*n)).unwrap();
            let (from, to) = (near(at), near(at + cut));
            let text = format!("{}{put}{}", &file.text[..from], &file.text[to..]);
            for (position, _) in text.char_indices().skip_while(|(n, _)| n + 40 < from).take(120) {
                ask(&known, Place { path: &file.path, document: file.document, text: &text, position });
            }
        }
    }
}

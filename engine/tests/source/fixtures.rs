//! Each file of `fixtures` beside a picture of its tree, or of what is wrong with it.

use std::fmt::Write as _;
use std::fs;

use pathway_engine::diagnostic::{Format, render};
use pathway_engine::source::{Kind, Node, Sources, Span};

use crate::Parsed;

#[test]
fn fixtures() {
    insta::glob!("fixtures/*.yaml", |path| {
        let text = fs::read_to_string(path).unwrap();
        let Parsed { sources, tree, diagnostics } = Parsed::new(&text);
        let mut picture = render(&diagnostics.sorted(), &sources, Format::Human { color: false });
        if let Some(tree) = tree {
            draw(&tree, &sources, 0, "", &mut picture);
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(picture);
        });
    });
}

fn draw(node: &Node, sources: &Sources, depth: usize, name: &str, out: &mut String) {
    let indent = "  ".repeat(depth);
    let value = match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => format!("{value:?}"),
        Kind::Text(text) => format!("{:?} ({:?})", text.value, text.style),
        Kind::List(items) => format!("list of {}", items.len()),
        Kind::Map(entries) => format!("map of {}", entries.len()),
    };
    writeln!(out, "{indent}{name}{value} at {}", place(sources, node.span)).unwrap();
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| draw(item, sources, depth + 1, "- ", out)),
        Kind::Map(entries) => {
            for entry in entries {
                let name = format!("{} [{}]: ", entry.key.value, place(sources, entry.key.span));
                draw(&entry.value, sources, depth + 1, &name, out);
            }
        }
        _ => {}
    }
}

fn place(sources: &Sources, span: Span) -> String {
    let at = sources.locate(span);
    let slice = sources.slice(span);
    format!("{}:{}-{}:{} {slice:?}", at.line, at.column, at.end_line, at.end_column)
}

//! `pathway fmt`: YAML text → the same in one style.
//!
//! Blocks and the items of lists are indented by two, blanks at the ends of lines are taken away and more
//! than one empty line is one, text in single quotes gets double ones where it says the same in them, and a
//! file ends with a line break. Comments, the order of keys, and how a flow map or a long text is laid out are
//! left as they are.
//!
//! What comes of it is read again: unless it says the very same, nothing is changed.

mod lines;
mod outline;

use granit_parser::{Event, Parser};

use super::{FileId, Kind, Limits, Node, Sources, parse};
use crate::diagnostic::Diagnostics;

/// How often a text is formatted until nothing changes.
const ROUNDS: usize = 4;

/// `file` in one style. Where it cannot be read, the problems go to `diagnostics`.
pub fn format(sources: &Sources, file: FileId, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = sources.text(file);
    let mut found = Diagnostics::new();
    let tree = parse(sources, file, Limits::default(), &mut found);
    if found.has_errors() {
        diagnostics.extend(found);
        return None;
    }
    let tree = tree?;
    let mut last = text.to_owned();
    for _ in 0..ROUNDS {
        let next = once(&last);
        if next == last {
            return Some(if says_the_same(text, &tree, &last) { last } else { text.to_owned() });
        }
        last = next;
    }
    Some(text.to_owned())
}

fn once(text: &str) -> String {
    let Some(outline) = outline::Outline::of(text) else { return text.to_owned() };
    let quoted = outline.in_double_quotes(text);
    lines::arranged(&quoted, &outline)
}

/// Whether `after` has the values and the comments of `before`, whose tree is given.
fn says_the_same(before: &str, tree: &Node, after: &str) -> bool {
    let mut sources = Sources::new();
    let file = sources.add("", after);
    let mut found = Diagnostics::new();
    let read = parse(&sources, file, Limits::default(), &mut found);
    !found.has_errors()
        && read.is_some_and(|read| same(tree, &read))
        && comments(before).is_some_and(|said| comments(after) == Some(said))
}

fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Text(a), Kind::Text(b)) => a.value == b.value,
        (Kind::List(a), Kind::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Kind::Map(a), Kind::Map(b)) => {
            let pairs = || a.iter().zip(b);
            a.len() == b.len() && pairs().all(|(a, b)| a.key.value == b.key.value && same(&a.value, &b.value))
        }
        (a, b) => a == b,
    }
}

/// All comments, without the blanks around them.
fn comments(text: &str) -> Option<Vec<String>> {
    let mut options = granit_parser::options! {};
    options.set_emit_comments(true);
    let mut found = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((Event::Comment(comment, _), _)) => found.push(comment.trim().to_owned()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    Some(found)
}

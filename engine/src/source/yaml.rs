//! YAML events → [`Node`].

use std::ops::ControlFlow;

use granit_parser::{Event, Parser, ScanError};

use super::raw::Raw;
use super::tree::Tree;
use super::{FileId, Node, Sources, Span, syntax};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

const TOO_LARGE: Code = Code("PW0117");
const SEVERAL_DOCUMENTS: Code = Code("PW0118");

/// How much a file may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text; also of what aliases repeat.
    pub bytes: usize,
    /// Nodes of the tree, with every alias expanded.
    pub nodes: usize,
    /// Levels of nesting; at most 250, so that the tree can be walked by recursion.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, nodes: 1_000_000, depth: 100 }
    }
}

/// Reads `file` as one YAML document. Problems go to `diagnostics`; `None` where no tree
/// could be made. A file that is empty or only comments is `null`.
///
/// A tree may come with errors: what could not be read is then left out or replaced by what
/// was probably meant, so that later phases can find their own problems.
pub fn parse(sources: &Sources, file: FileId, limits: Limits, diagnostics: &mut Diagnostics) -> Option<Node> {
    let raw = Raw { file, text: sources.text(file) };
    let limits = Limits { depth: limits.depth.min(250), ..limits };
    if raw.text.len() > limits.bytes {
        let message = format!("the file has more than {} bytes", limits.bytes);
        diagnostics.push(
            Diagnostic::error(TOO_LARGE, message)
                .at(Span::new(file, 0, 0), "")
                .help("split it into several files"),
        );
        return None;
    }

    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth + 1,
        block_nesting_limit: limits.depth + 1,
    };
    options.set_emit_comments(false);
    let mut tree = Tree::new(raw, limits, diagnostics);
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(raw.text, options) {
        match event {
            Ok((Event::DocumentStart(..), span)) => {
                documents += 1;
                if documents > 1 {
                    let at = span.byte_range().unwrap_or_default();
                    tree.report(
                        Diagnostic::error(SEVERAL_DOCUMENTS, "the file holds a second document")
                            .at(raw.span(&at), "it begins here")
                            .help("keep one document in a file: move this one to a file of its own"),
                    );
                    break;
                }
            }
            Ok((event, span)) => {
                if let ControlFlow::Break(()) = tree.take(event, &span) {
                    return None;
                }
            }
            Err(error) => {
                syntax_error(&mut tree, &error);
                return None;
            }
        }
    }
    let empty = Span::new(file, 0, 0);
    Some(tree.finish().unwrap_or(Node { span: empty, kind: super::Kind::Null }))
}

fn syntax_error(tree: &mut Tree<'_>, error: &ScanError) {
    let at = error.marker().byte_offset().unwrap_or_default();
    if let Some(diagnostic) = syntax::diagnose(error.kind(), at, &tree.whereabouts(at)) {
        tree.report(diagnostic);
    }
}

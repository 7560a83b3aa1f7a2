//! What an editor asks while somebody writes: what can stand here, what this is, where it comes from, and
//! what else has its name.
//!
//! Pure, and patient: a place is found in the text as it is, by indentation (`spot`); what is known of
//! other places is that of the last text that could be read ([`Known`]).

mod complete;
mod definition;
mod hover;
mod names;
mod rename;
mod spot;
mod symbols;
mod tail;

pub use complete::{Completions, Proposal, Sort, complete};
pub use definition::{Target, definition};
pub use hover::{Hover, hover};
pub use rename::{Edit, renamable, rename};
pub use symbols::{Symbol, symbols};

use std::sync::Arc;

use crate::compile::Notes;
use crate::expression::Variables;
use crate::project::Project;
use crate::reference::{Document, Takes};
use crate::source::{Kind, Node};
use spot::Part;

/// A project, each of its files as it last could be read.
#[derive(Debug, Default)]
pub struct Known {
    /// Services, topics and variables.
    pub project: Project,
    /// What `${NAME}` stands for.
    pub variables: Variables,
    /// Its files.
    pub files: Vec<Seen>,
}

/// A file as it last could be read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Relative to the project's folder.
    pub path: String,
    /// What it is.
    pub document: Document,
    /// Its text then.
    pub text: Arc<str>,
    /// Its tree.
    pub node: Node,
    /// What the compiler found out of it, if it is a pathway.
    pub notes: Option<Notes>,
}

/// A place in a file that is being written.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file, relative to the project's folder.
    pub path: &'a str,
    /// What it is.
    pub document: Document,
    /// Its text now.
    pub text: &'a str,
    /// The byte.
    pub position: usize,
}

impl Known {
    fn file(&self, path: &str) -> Option<&Seen> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The file of the pathway of that name.
    fn pathway(&self, name: &str) -> Option<&Seen> {
        let is_it = |file: &&Seen| {
            file.document == Document::Pathway
                && file.node.get("pathway").and_then(Node::as_text).is_some_and(|text| text.value == name)
        };
        self.files.iter().find(is_it)
    }

    /// The names of all pathways.
    fn pathways(&self) -> impl Iterator<Item = &str> {
        let pathways = self.files.iter().filter(|file| file.document == Document::Pathway);
        pathways.filter_map(|file| Some(file.node.get("pathway")?.as_text()?.value.as_str()))
    }
}

/// What the place at the end of `path` takes, if there can be such a place.
fn takes(document: Document, path: &[Part]) -> Option<Takes> {
    path.iter().try_fold(Takes::Object(document.object()), |takes, part| match part {
        Part::Key(key) => takes.under(key),
        Part::Item => takes.item(),
    })
}

/// The node at the end of `path`; which item of a list is not known, so the first is taken.
fn at<'a>(node: &'a Node, path: &[Part]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, part| match (part, &node.kind) {
        (Part::Key(key), _) => node.get(key),
        (Part::Item, Kind::List(items)) => items.first(),
        _ => None,
    })
}

/// Whether `part` is what a block returns, in a map that is or may be a block.
fn is_return(here: Takes, part: &Part) -> bool {
    let is_block = match here {
        Takes::Step | Takes::Compensation => true,
        Takes::OneOf(several) => several.iter().any(|one| is_return(*one, part)),
        here => matches!(here.under("steps"), Some(Takes::Steps)),
    };
    is_block && matches!(part, Part::Key(key) if key == "return")
}

/// Whether texts there are expressions without braces.
fn is_bare(takes: Takes) -> bool {
    matches!(takes, Takes::Expression | Takes::Condition)
}

/// Whether texts there are templates.
fn is_template(takes: Takes) -> bool {
    matches!(
        takes,
        Takes::Template
            | Takes::Text
            | Takes::TextsOrTemplate
            | Takes::DurationText
            | Takes::TimeText
            | Takes::ClassText
    )
}

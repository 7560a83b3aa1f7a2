//! A pathway file.

use std::sync::Arc;
use std::time::Duration;

use super::block::BLOCK;
use super::door::DOOR;
use super::keep::KEEP;
use super::max_runs::{COUNT, MAX_RUNS};
use super::{Block, Door, Fields, Keep, MaxRuns, Reader, allow, scalar};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Tree;
use crate::reference::{Field, Object, Of, Rule, Takes, Word};
use crate::schema::Schema;
use crate::source::{Node, Span, Spanned};

const NOT_A_PATHWAY: Code = Code("PW0226");
const NO_STEPS: Code = Code("PW0227");

/// Whether runs have no journal.
const DURABILITY: [(&str, bool); 2] = [("journal", false), ("none", true)];

/// Its fields.
pub(crate) static PATHWAY: Object = Object::with(
    "pathway",
    &[
        Field::required("pathway", Takes::Name(Of::New), "its name"),
        Field::new("summary", Takes::Plain, "one line for people"),
        Field::new("on", Takes::Object(&DOOR), "how it is triggered: a topic, a route, a schedule"),
        Field::new("input", Takes::Schema, "what its input must look like"),
        Field::new("output", Takes::Schema, "what it returns"),
        Field::new("max_parallel", COUNT, "steps in flight in one run"),
        Field::new(
            "max_runs",
            Takes::OneOf(&[COUNT, Takes::Object(&MAX_RUNS)]),
            "runs at once, in all or of each key",
        ),
        Field::new("max_queue", COUNT, "runs that may wait to begin before its door takes no more"),
        Field::new("timeout", Takes::Duration, "of a run"),
        Field::new(
            "keep",
            Takes::OneOf(&[Takes::Duration, Takes::Object(&KEEP)]),
            "how long runs are kept that are over",
        ),
        Field::new("durability", Takes::Words(DURABILITIES), "whether its runs have a journal"),
        allow::FIELD,
        Field::new(
            "vars",
            Takes::Map(&Takes::Template),
            "values computed once per run, in order: `vars.NAME`",
        ),
        Field::new("steps", Takes::Steps, "steps by name: each runs as soon as what it reads is there"),
        Field::new("return", Takes::Template, "what the run returns"),
        Field::new(
            "on_error",
            Takes::Object(&BLOCK),
            "runs when the run fails, sees `error`, and may return instead",
        ),
    ],
    &[Rule::AtLeastOne(&["steps", "return"])],
);

const DURABILITIES: &[Word] = &[
    Word("journal", "a run goes on after a crash"),
    Word("none", "nothing of a run is stored: what was not finished when the process ended begins anew"),
];

/// A pathway as written, every part typed.
#[derive(Debug)]
pub struct Pathway {
    /// Its name.
    pub name: Spanned<String>,
    /// One line.
    pub summary: Option<String>,
    /// The ways in.
    pub door: Door,
    /// What its input must look like.
    pub input: Option<Arc<Schema>>,
    /// What it returns.
    pub output: Option<Arc<Schema>>,
    /// Steps in flight in one run.
    pub max_parallel: Option<u32>,
    /// Runs at once.
    pub max_runs: MaxRuns,
    /// Runs that may wait to begin before its door takes no more.
    pub max_queue: Option<u32>,
    /// Of a run.
    pub timeout: Option<Duration>,
    /// How long runs are kept that are over, and where it says so.
    pub keep: Option<(Keep, Span)>,
    /// Where it says that its runs have no journal, if it does.
    pub without_journal: Option<Span>,
    /// Warnings that are meant, wherever in it.
    pub allow: Vec<Spanned<String>>,
    /// Computed once per run, in order; none: it could not be read.
    pub vars: Vec<(Spanned<String>, Option<Tree>)>,
    /// Its steps and its return.
    pub body: Block,
    /// Runs when the run fails.
    pub on_error: Option<Block>,
}

impl Pathway {
    /// Reads a file whose first key is `pathway:`. What cannot be read is reported and left out,
    /// so that the rest can be checked; with an error among the problems the pathway is not whole.
    pub fn parse(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(name) = node.get("pathway") else {
            reader.diagnostics.push(
                Diagnostic::error(NOT_A_PATHWAY, "this file is neither a pathway nor a feed")
                    .at(node.span, "no key `pathway` or `feed`")
                    .help("begin it with `pathway: NAME` or `feed: NAME`"),
            );
            return None;
        };
        let mut fields = Fields::of(node, "the pathway", reader.diagnostics)?;
        fields.knows("pathway");
        let name = scalar::word(name, "`pathway`", reader.diagnostics)
            .filter(|name| scalar::name(name, "a pathway", reader.diagnostics));
        let summary = fields.take("summary").map(|node| scalar::word(node, "`summary`", reader.diagnostics));
        let door = fields.take("on").map(|node| Door::parse(node, reader));
        let input = fields.take("input").map(|node| reader.schema(node, "`input`"));
        let output = fields.take("output").map(|node| reader.schema(node, "`output`"));
        let mut count = |name: &'static str, reader: &mut Reader<'_>| {
            fields
                .take(name)
                .map(|node| scalar::count(node, &format!("`{name}`"), 1..=100_000, reader.diagnostics))
        };
        let (max_parallel, max_queue) = (count("max_parallel", reader), count("max_queue", reader));
        let max_runs = fields.take("max_runs").and_then(|node| MaxRuns::parse(node, reader));
        let timeout =
            fields.take("timeout").map(|node| scalar::duration(node, "`timeout`", reader.diagnostics));
        let keep = fields.take("keep").map(|node| Some((Keep::parse(node, reader.diagnostics)?, node.span)));
        let durability = fields.take("durability").and_then(|node| {
            let without = scalar::choice(node, "`durability`", &DURABILITY, reader.diagnostics)?;
            Some(without.then_some(node.span))
        });
        let allow = fields.take("allow").map(|node| allow::parse(node, reader.diagnostics));
        let vars = fields.take("vars").map(|node| vars(node, reader));
        let has_body = node.get("steps").is_some() || node.get("return").is_some();
        let body = Block::from_fields(&mut fields, reader);
        let on_error = fields.take("on_error").map(|node| Block::parse(node, "`on_error`", reader));
        let span = fields.span();
        fields.finish(reader.diagnostics);
        if !has_body {
            reader.diagnostics.push(no_steps(span));
            return None;
        }
        Some(Self {
            name: name?,
            summary: summary.flatten().map(|text| text.value),
            door: door.flatten().unwrap_or_default(),
            input: input.flatten(),
            output: output.flatten(),
            max_parallel: max_parallel.flatten(),
            max_runs: max_runs.unwrap_or_default(),
            max_queue: max_queue.flatten(),
            timeout: timeout.flatten(),
            keep: keep.flatten(),
            without_journal: durability.flatten(),
            allow: allow.flatten().unwrap_or_default(),
            vars: vars.unwrap_or_default(),
            body: body?,
            on_error: on_error.flatten(),
        })
    }
}

fn no_steps(span: Span) -> Diagnostic {
    Diagnostic::error(NO_STEPS, "the pathway does nothing")
        .at(span, "neither `steps` nor `return`")
        .help("give it `steps:`")
}

fn vars(node: &Node, reader: &mut Reader<'_>) -> Vec<(Spanned<String>, Option<Tree>)> {
    let Some(entries) = node.as_map() else {
        reader.diagnostics.push(super::fields::wrong_type("`vars`", "a map", node));
        return Vec::new();
    };
    let mut vars = Vec::with_capacity(entries.len());
    for entry in entries {
        scalar::name(&entry.key, "a variable", reader.diagnostics);
        vars.push((entry.key.clone(), reader.tree(&entry.value)));
    }
    vars
}

//! The tree while it grows: events in, nodes out, one frame per open list or map.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use super::anchors::{Anchors, TOO_DEEP};
use super::raw::Raw;
use super::syntax::{LastScalar, Whereabouts};
use super::{
    Entry, Kind, Limits, Node, Span, Spanned, Style, Text, merge, pieces, tabs, tags, template, value,
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};

const DUPLICATE_KEY: Code = Code("PW0109");
const BAD_KEY: Code = Code("PW0110");

/// Errors of one file after which reading stops; of warnings, no more are reported.
const MAX_PROBLEMS: usize = 100;

/// Goes on, or stops because no tree can be made.
pub(super) type Step = ControlFlow<()>;

pub(super) struct Tree<'a> {
    raw: Raw<'a>,
    limits: Limits,
    diagnostics: &'a mut Diagnostics,
    problems: usize,
    warnings: usize,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: Anchors,
    nodes: usize,
    last: Option<LastScalar>,
    /// Where the last unquoted template ends: it was reported, what follows from it is not.
    template_end: Option<usize>,
}

/// An open list or map.
struct Frame {
    start: usize,
    flow: bool,
    /// Looks like `{{ … }}`.
    template: bool,
    anchor: usize,
    /// Where its first child ends.
    first: Option<u32>,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Span>, merges: Vec<merge::Merge>, key: Key },
}

/// What the next node of a map is.
enum Key {
    /// A key.
    Wanted,
    /// The value of this key.
    Written(Spanned<String>),
    /// The value of `<<`.
    Merge(Span),
    /// The value of a key that was refused.
    Refused,
}

impl<'a> Tree<'a> {
    pub(super) fn new(raw: Raw<'a>, limits: Limits, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            raw,
            limits,
            diagnostics,
            problems: 0,
            warnings: 0,
            frames: Vec::new(),
            root: None,
            anchors: Anchors::new(limits),
            nodes: 0,
            last: None,
            template_end: None,
        }
    }

    /// The tree, when all events were taken.
    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    /// Takes a diagnostic, unless it follows from one that was reported.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.problems,
            Severity::Warning => &mut self.warnings,
        };
        if *count < MAX_PROBLEMS && !self.frames.iter().any(|frame| frame.template) {
            *count += 1;
            self.diagnostics.push(diagnostic);
        }
    }

    /// What is known when a syntax error was met at `at`.
    pub(super) fn whereabouts(&self, at: usize) -> Whereabouts<'a> {
        Whereabouts {
            raw: self.raw,
            last: self.last.clone(),
            depth: self.limits.depth,
            open: self.frames.iter().rfind(|frame| frame.flow).map(|frame| frame.start),
            follows_template: self.template_end.is_some_and(|end| self.raw.same_line(end, at)),
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Step {
        let range = span.byte_range().unwrap_or_default();
        let tag_span = || span.tag_span().and_then(|span| span.byte_range());
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let tag = tag.as_deref().zip(tag_span());
                self.scalar(&value, style, anchor, tag, range)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag_of_collection(tag.as_deref().zip(tag_span()), "seq");
                self.open(style, anchor, range.start, Items::List(Vec::new()))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag_of_collection(tag.as_deref().zip(tag_span()), "map");
                let items = Items::Map {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    merges: Vec::new(),
                    key: Key::Wanted,
                };
                self.open(style, anchor, range.start, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Alias(id) => self.alias(id, &range),
            Event::UnresolvedAlias(name) => {
                let span = self.raw.span(&range);
                self.report(super::anchors::unknown(&name, span));
                if let Some(Frame { items: Items::Map { key: key @ Key::Merge(_), .. }, .. }) =
                    self.frames.last_mut()
                {
                    *key = Key::Refused;
                }
                let meant = Text::opaque(self.raw.slice(range.clone()), span);
                self.add(Node { span, kind: Kind::Text(meant) }, None, range.end)
            }
            _ => Step::Continue(()),
        }
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<(&Tag, Range<usize>)>,
        range: Range<usize>,
    ) -> Step {
        let style = style_of(style);
        self.last = Some(LastScalar { range: range.clone() });
        self.check_tabs(range.start);
        let implied = style == Style::Plain && range.is_empty();
        let value = if implied { "" } else { value };
        let range = self.trimmed(range, style);
        let text = Text {
            value: value.to_owned(),
            style,
            span: self.raw.span(&range),
            pieces: pieces::pieces(self.raw.text, range.clone(), style, value),
        };
        if style == Style::Plain && !self.in_flow() && !implied {
            template::cut_by_comment(self.raw, &range, value)
                .into_iter()
                .for_each(|warning| self.report(warning));
        }
        if self.wants_key() {
            if let Some((tag, tag_range)) = tag.filter(|(tag, _)| tag.core_suffix().is_none()) {
                let problem = tags::refused(self.raw, tag, &tag_range);
                self.report(problem);
            }
            if anchor > 0 {
                let kind = Kind::Text(text.clone());
                self.anchors.define(anchor, &Node { span: text.span, kind });
            }
            return self.add_key(&text, implied);
        }
        let (kind, problem) = value::read(self.raw, text, tag.as_ref());
        problem.into_iter().for_each(|problem| self.report(problem));
        let node = Node { span: self.raw.span(&range), kind };
        self.add(node, Some(anchor), range.end)
    }

    /// Without the line breaks that follow a block scalar, and with the place of an implied
    /// null after the `:` or `-` it belongs to.
    fn trimmed(&self, range: Range<usize>, style: Style) -> Range<usize> {
        match style {
            Style::Literal | Style::Folded => {
                let end = range.start + self.raw.slice(range.clone()).trim_end().len();
                range.start..end
            }
            Style::Plain if range.is_empty() && self.raw.after(range.start).starts_with([':', '-']) => {
                range.start + 1..range.start + 1
            }
            _ => range,
        }
    }

    fn tag_of_collection(&mut self, tag: Option<(&Tag, Range<usize>)>, expected: &str) {
        if let Some((tag, range)) = tag.filter(|(tag, _)| tag.core_suffix() != Some(expected)) {
            let problem = tags::refused(self.raw, tag, &range);
            self.report(problem);
        }
    }

    fn check_tabs(&mut self, at: usize) {
        if self.in_flow() {
            return;
        }
        if let Some(tab) = tabs::indentation(self.raw, at) {
            self.report(tabs::diagnostic(self.raw, tab));
        }
    }

    fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.flow)
    }

    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { items: Items::Map { key: Key::Wanted, .. }, .. }))
    }

    fn open(&mut self, style: StructureStyle, anchor: usize, start: usize, items: Items) -> Step {
        if self.frames.len() >= self.limits.depth {
            self.report(too_deep(self.limits.depth, self.raw.span(&(start..start))));
            return Step::Break(());
        }
        self.check_tabs(start);
        let flow = style == StructureStyle::Flow;
        let template = flow && template::begins(self.raw, start);
        if template {
            let (problem, end) = template::unquoted(self.raw, start, self.in_flow());
            self.report(problem);
            self.template_end = Some(end);
        }
        if anchor > 0 {
            self.anchors.begin(anchor);
        }
        self.frames.push(Frame { start, flow, template, anchor, first: None, items });
        Step::Continue(())
    }

    fn close(&mut self, end: usize) -> Step {
        let Some(frame) = self.frames.pop() else { return Step::Continue(()) };
        let first = frame.first.map_or(frame.start, |first| first as usize);
        let end = if frame.flow { end } else { first.min(self.raw.line_end(frame.start)) };
        let end = end.max(frame.start);
        let span = self.raw.span(&(frame.start..end));
        let kind = match frame.items {
            Items::List(items) => Kind::List(items),
            Items::Map { .. } if frame.template => {
                Kind::Text(Text::opaque(self.raw.slice(frame.start..end), span))
            }
            Items::Map { entries, merges, .. } => {
                Kind::Map(merge::expand(entries, merges, |problem| self.report(problem)))
            }
        };
        self.add(Node { span, kind }, Some(frame.anchor), end)
    }

    fn alias(&mut self, id: usize, range: &Range<usize>) -> Step {
        let span = self.raw.span(range);
        match self.anchors.expand(id, self.raw, span, self.frames.len(), &mut self.nodes) {
            Ok(node) => self.add(node, None, range.end),
            Err(problem) => {
                self.report(*problem);
                Step::Break(())
            }
        }
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: Option<usize>, end: usize) -> Step {
        self.nodes += 1;
        if let Some(anchor) = anchor.filter(|anchor| *anchor > 0) {
            self.anchors.define(anchor, &node);
        }
        if self.nodes > self.limits.nodes {
            self.report(super::anchors::too_many(self.limits.nodes, node.span));
            return Step::Break(());
        }
        if self.problems >= MAX_PROBLEMS {
            return Step::Break(());
        }
        if self.wants_key() {
            return self.add_node_as_key(&node);
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Step::Continue(());
        };
        frame.first.get_or_insert(u32::try_from(end).unwrap_or(u32::MAX));
        match &mut frame.items {
            Items::List(items) => items.push(node),
            Items::Map { entries, key, merges, .. } => match std::mem::replace(key, Key::Wanted) {
                Key::Written(key) => entries.push(Entry { key, value: node }),
                Key::Merge(key) => merges.push(merge::Merge { at: entries.len(), key, value: node }),
                Key::Wanted | Key::Refused => {}
            },
        }
        Step::Continue(())
    }

    fn add_node_as_key(&mut self, node: &Node) -> Step {
        let written = match &node.kind {
            Kind::Text(text) => return self.add_key(text, false),
            Kind::Int(number) => Some(number.to_string()),
            Kind::Float(number) => Some(number.to_string()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Null => Some("null".to_owned()),
            Kind::List(_) | Kind::Map(_) => None,
        };
        if let Some(written) = written {
            return self.add_key(&Text::opaque(written, node.span), false);
        }
        self.refuse_key(
            Diagnostic::error(BAD_KEY, format!("{} cannot be a key", node.kind.noun()))
                .at(node.span, "a key is text")
                .help("put the key in quotes"),
        );
        Step::Continue(())
    }

    fn refuse_key(&mut self, problem: Diagnostic) {
        self.report(problem);
        if let Some(Frame { items: Items::Map { key, .. }, .. }) = self.frames.last_mut() {
            *key = Key::Refused;
        }
    }

    fn add_key(&mut self, text: &Text, implied: bool) -> Step {
        if self.problems >= MAX_PROBLEMS {
            return Step::Break(());
        }
        if implied {
            self.refuse_key(
                Diagnostic::error(BAD_KEY, "a key is missing before `:`")
                    .at(text.span, "")
                    .help("write the key, or `\"\"` if it is meant to be empty"),
            );
            return Step::Continue(());
        }
        let Some(frame) = self.frames.last_mut() else { return Step::Continue(()) };
        frame.first.get_or_insert(text.span.end);
        let Items::Map { seen, key, .. } = &mut frame.items else { return Step::Continue(()) };
        if let Some(first) = seen.get(&text.value).copied() {
            let problem = Diagnostic::error(
                DUPLICATE_KEY,
                format!("the key `{}` is written twice", template::shorten(&text.value)),
            )
            .at(text.span, "again here")
            .at(first, "first here")
            .help("remove or rename one of them");
            self.refuse_key(problem);
            return Step::Continue(());
        }
        seen.insert(text.value.clone(), text.span);
        *key = if text.value == "<<" && text.style == Style::Plain {
            Key::Merge(text.span)
        } else {
            Key::Written(Spanned::new(text.value.clone(), text.span))
        };
        Step::Continue(())
    }
}

pub(super) fn too_deep(limit: usize, span: Span) -> Diagnostic {
    Diagnostic::error(TOO_DEEP, format!("lists and maps are nested more than {limit} levels deep"))
        .at(span, "too deep")
        .help("flatten the structure")
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

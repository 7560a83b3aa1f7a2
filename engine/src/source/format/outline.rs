//! Where in a text the things stand that are left as they are: texts of several lines and flow collections.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// The parts of a text that are not laid out by their indentation.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Texts of several lines, and flow collections, in the order written; none within another.
    pub(super) parts: Vec<Part>,
    /// Texts in single quotes that say the same in double ones.
    single: Vec<Range<usize>>,
}

/// A part.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// Whether its lines are text to the last blank: it began with `|` or `>`.
    pub(super) is_block: bool,
}

impl Outline {
    /// None where the text cannot be read.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut outline = Self::default();
        // Where the outermost open flow collection began, and how many are open.
        let mut flow: Option<usize> = None;
        let mut open = Vec::new();
        for event in Parser::new_from_str_with_options(text, granit_parser::options! {}) {
            let (event, span) = event.ok()?;
            let range = span.byte_range().unwrap_or_default();
            match event {
                Event::Scalar(value, style, ..) => {
                    let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    let written = text.get(range.clone()).unwrap_or("");
                    let range = if is_block { with_head(text, &range) } else { range.clone() };
                    if style == ScalarStyle::SingleQuoted
                        && !value.contains(['"', '\\', '\''])
                        && !value.contains(char::is_control)
                        && !written.contains('\n')
                    {
                        outline.single.push(range.clone());
                    }
                    if flow.is_none() && (is_block || written.contains('\n')) && !written.is_empty() {
                        outline.parts.push(Part { range, is_block });
                    }
                }
                Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                    let is_flow = style == StructureStyle::Flow;
                    open.push(is_flow);
                    if is_flow && flow.is_none() {
                        flow = Some(range.start);
                    }
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let was_flow = open.pop().unwrap_or(false);
                    if was_flow
                        && !open.last().copied().unwrap_or(false)
                        && let Some(start) = flow.take()
                    {
                        outline.parts.push(Part { range: start..range.end, is_block: false });
                    }
                }
                _ => {}
            }
        }
        Some(outline)
    }

    /// The text with double quotes where single ones say the same. Nothing moves.
    pub(super) fn in_double_quotes(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for range in &self.single {
            let inner = text.get(range.start + 1..range.end.saturating_sub(1));
            let (Some(before), Some(inner)) = (text.get(at..range.start), inner) else { continue };
            out.push_str(before);
            out.push('"');
            out.push_str(inner);
            out.push('"');
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or(""));
        out
    }
}

/// A block text from the end of the line that begins it, where its `|` or `>` stands, to its last letter.
fn with_head(text: &str, range: &Range<usize>) -> Range<usize> {
    let before = text.get(..range.start).unwrap_or("");
    let line = before.rfind('\n').unwrap_or(0);
    let head = before.get(..line).unwrap_or("").trim_end().len();
    let end = text.get(..range.end).unwrap_or("").trim_end().len();
    head.saturating_sub(1)..end.max(range.start)
}

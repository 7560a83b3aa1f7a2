//! The lines of a file that a message shows: made visible, and cut where they are long.

use std::collections::BTreeMap;
use std::ops::Range;

use super::visible::visible;
use crate::source::{FileId, Sources, Span};

/// Characters of a line at most.
const WIDTH: usize = 120;
/// Characters before the first underlined one, where a line is cut.
const BEFORE: usize = 30;
/// Lines of a span at most; of a longer one only the first line is shown.
const TALL: usize = 40;
/// Unmarked lines that are kept between marked ones; the renderer folds most of them.
const NEAR: usize = 6;

/// A part of a file and the spans within it.
#[derive(Debug)]
pub(super) struct Excerpt {
    pub(super) first_line: usize,
    pub(super) text: String,
    /// The spans asked for, in their order, as offsets in `text`.
    pub(super) spans: Vec<Range<usize>>,
    /// The column of the first span in what is shown of its line.
    pub(super) column: usize,
}

/// The lines of `file` that hold `spans`.
pub(super) fn excerpt(sources: &Sources, file: FileId, spans: &[Span]) -> Excerpt {
    let spans: Vec<Point> = spans.iter().map(|span| Point::new(sources, *span)).collect();
    let first_line = spans.iter().map(|p| p.lines.start).min().unwrap_or(1);
    let last_line = spans.iter().map(|p| p.lines.end).max().unwrap_or(1);
    let mut marked: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for point in &spans {
        marked.entry(point.lines.start).or_default().push(point.bytes.start);
        marked.entry(point.lines.end).or_default().push(point.bytes.end);
    }

    let mut text = String::new();
    let mut offsets: BTreeMap<usize, usize> = BTreeMap::new();
    for number in first_line..=last_line {
        if number > first_line {
            text.push('\n');
        }
        let near = marked.range(number.saturating_sub(NEAR)..=number + NEAR).next().is_some();
        if let Some((start, line)) = sources.line(file, number).filter(|_| near) {
            let points = marked.get(&number).map_or(&[] as &[usize], Vec::as_slice);
            show(line, start, points, &mut text, &mut offsets);
        }
    }
    let place = |at: &usize| offsets.get(at).copied().unwrap_or(text.len());
    let spans: Vec<_> =
        spans.iter().map(|p| place(&p.bytes.start)..place(&p.bytes.end).max(place(&p.bytes.start))).collect();
    let before = spans.first().and_then(|span| text.get(..span.start)).unwrap_or("");
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Excerpt { first_line, text, spans, column }
}

struct Point {
    lines: Range<usize>,
    bytes: Range<usize>,
}

impl Point {
    /// A span that ends with its line's break, or is very tall, ends with its first line.
    fn new(sources: &Sources, span: Span) -> Self {
        let place = sources.locate(span);
        let (start, mut end) = (span.start as usize, (span.end as usize).max(span.start as usize));
        let mut end_line = place.end_line.max(place.line);
        if end_line > place.line && (place.end_column == 1 || end_line - place.line > TALL) {
            end_line = if end_line - place.line > TALL { place.line } else { end_line - 1 };
            end = sources.line(span.file, end_line).map_or(end, |(at, line)| at + line.len());
        }
        Self { lines: place.line..end_line, bytes: start..end }
    }
}

/// Appends `line`, which begins at `start` of its file, and notes where `points` came to stand.
fn show(line: &str, start: usize, points: &[usize], text: &mut String, offsets: &mut BTreeMap<usize, usize>) {
    let first = points.iter().min().map_or(0, |at| at.saturating_sub(start));
    let skipped = match line.char_indices().nth(WIDTH) {
        None => 0,
        Some(_) => {
            let before = line.get(..first.min(line.len())).map_or(0, |prefix| prefix.chars().count());
            if before + BEFORE > WIDTH { before - BEFORE } else { 0 }
        }
    };
    if skipped > 0 {
        text.push('…');
    }
    let mut pending: Vec<usize> = points.to_vec();
    pending.sort_unstable_by(|a, b| b.cmp(a));
    let mut reach = |upto: usize, text: &str| {
        while let Some(at) = pending.pop_if(|at| *at <= upto) {
            offsets.insert(at, text.len());
        }
    };
    for (n, (at, c)) in line.char_indices().skip(skipped).enumerate() {
        reach(start + at, text);
        if n == WIDTH {
            reach(usize::MAX, text);
            text.push('…');
            return;
        }
        text.push(visible(c));
    }
    reach(usize::MAX, text);
}

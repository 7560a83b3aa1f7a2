//! The lines of a text, each moved to where it belongs.

use std::ops::Range;

use super::outline::Outline;

/// Columns of one level.
const STEP: usize = 2;

/// An open map or list, as its lines show it.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The column at which its lines began.
    was: usize,
    /// That at which they begin now.
    now: usize,
    is_list: bool,
}

/// What is carried from line to line.
#[derive(Default)]
struct Page {
    levels: Vec<Level>,
    out: String,
    /// An empty line is due before the next one.
    gap: bool,
}

/// `text` with every line at its place; `outline` says what is left as it is.
pub(super) fn arranged(text: &str, outline: &Outline) -> String {
    let lines = ranges(text);
    let mut parts = outline.parts.iter().peekable();
    let mut page = Page::default();
    let mut n = 0;
    while let Some(range) = lines.get(n) {
        let line = text.get(range.clone()).unwrap_or("");
        let content = line.trim_start_matches(' ');
        if content.trim().is_empty() {
            page.gap = !page.out.is_empty();
            n += 1;
            continue;
        }
        let was = line.len() - content.len();
        if content.starts_with('#') {
            let now = page.column_of_comment(was, next_column(text, &lines, n));
            page.line(now, content.trim_end());
            n += 1;
            continue;
        }
        let (now, content) = page.place(was, content);
        // All lines of what begins here and goes on belong to it.
        let mut last = n;
        let mut is_block = false;
        while let Some(part) = parts.next_if(|part| part.range.start < end_of(&lines, last)) {
            let until = lines.partition_point(|line| line.start < part.range.end.max(part.range.start + 1));
            if until > last + 1 {
                last = until - 1;
                is_block = part.is_block;
            }
        }
        if last == n {
            page.line(now, content.trim_end());
        } else {
            // In quotes a blank at the end of a line may be meant.
            let head = content.trim_end_matches('\r');
            page.line(now, if is_block { head.trim_end() } else { head });
            page.rest(text, lines.get(n + 1..=last).unwrap_or_default(), head, is_block, was, now);
        }
        n = last + 1;
    }
    page.out
}

/// The lines, without their breaks.
fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    text.split('\n')
        .map(|line| {
            let range = at..at + line.len();
            at = range.end + 1;
            range
        })
        .collect()
}

fn end_of(lines: &[Range<usize>], n: usize) -> usize {
    lines.get(n).map_or(usize::MAX, |line| line.end)
}

/// The column of the next line that is neither empty nor a comment.
fn next_column(text: &str, lines: &[Range<usize>], n: usize) -> Option<usize> {
    let lines = lines.iter().skip(n).filter_map(|range| text.get(range.clone()));
    let mut lines = lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.next().map(|line| line.len() - line.trim_start_matches(' ').len())
}

impl Page {
    /// Finds the level of a line that began at column `was`, opening those that begin on it. Tells where
    /// it begins now, and what it then holds.
    fn place(&mut self, was: usize, content: &str) -> (usize, String) {
        let mut is_list = is_item(content);
        self.close(was, is_list);
        let now = self.open(was, is_list);
        let (mut rest, mut column, mut at) = (content, was, now);
        let mut written = String::new();
        while is_list {
            let inner = rest.get(1..).unwrap_or("").trim_start_matches(' ');
            let next = column + rest.len() - inner.len();
            if inner.is_empty() || inner.starts_with('#') {
                break;
            }
            written.push_str("- ");
            (rest, column, at) = (inner, next, at + STEP);
            is_list = is_item(rest);
            self.levels.push(Level { was: column, now: at, is_list });
        }
        written.push_str(rest);
        (now, written)
    }

    /// Closes what a line at that column does not belong to.
    fn close(&mut self, was: usize, is_list: bool) {
        while let Some(level) = self.levels.last() {
            // The items of a list may stand below their key without an indentation.
            let is_over = level.was > was || (level.was == was && level.is_list && !is_list);
            if !is_over {
                break;
            }
            self.levels.pop();
        }
    }

    fn open(&mut self, was: usize, is_list: bool) -> usize {
        match self.levels.last() {
            Some(level) if level.was == was && level.is_list == is_list => level.now,
            outer => {
                let now = outer.map_or(0, |outer| outer.now + STEP);
                self.levels.push(Level { was, now, is_list });
                now
            }
        }
    }

    /// A comment goes with the line below it, or, if it stands deeper than that, with what is above.
    fn column_of_comment(&self, was: usize, next: Option<usize>) -> usize {
        let next = next.unwrap_or(0);
        let level = |column: usize| self.levels.iter().rev().find(|level| level.was == column);
        let deepest = self.levels.iter().rev().find(|level| level.was <= was.max(next));
        match level(was.max(next)).or(deepest) {
            Some(level) if level.was < next => level.now + STEP,
            Some(level) => level.now,
            None => 0,
        }
    }

    fn line(&mut self, column: usize, content: &str) {
        if std::mem::take(&mut self.gap) {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', column));
        self.out.push_str(content);
        self.out.push('\n');
    }

    /// The further lines of what began at column `was` and begins at `now`.
    fn rest(
        &mut self,
        text: &str,
        lines: &[Range<usize>],
        head: &str,
        is_block: bool,
        was: usize,
        now: usize,
    ) {
        let lines = lines.iter().map(|range| text.get(range.clone()).unwrap_or("").trim_end_matches('\r'));
        let column = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let mut from = was;
        let mut to = now;
        if is_block {
            // It says by a digit how far it is indented, or by its first line.
            let first = lines.clone().find(|line| !line.trim().is_empty()).map(column);
            if let Some(first) = first.filter(|_| !says_width(head)) {
                // As an item of a list it belongs to the dash.
                let of_item = head.trim_start_matches("- ").starts_with(['|', '>']);
                let own = self.levels.last().map_or(0, |level| level.now);
                (from, to) = (first, if of_item { own } else { own + STEP });
            }
        }
        for line in lines {
            let content = line.trim_start_matches(' ');
            if content.is_empty() && column(line) <= from {
                self.out.push('\n');
                continue;
            }
            let column = (column(line) + to).saturating_sub(from);
            let column = if is_block { column } else { column.max(to) };
            self.out.extend(std::iter::repeat_n(' ', column));
            self.out.push_str(content);
            self.out.push('\n');
        }
    }
}

/// Whether a line begins an item of a list.
fn is_item(content: &str) -> bool {
    content.starts_with("- ") || content == "-"
}

/// Whether the head of a block text has a digit: `|2`.
fn says_width(head: &str) -> bool {
    let head = head.split(" #").next().unwrap_or("").trim_end();
    let marks = head.rfind(['|', '>']).and_then(|n| head.get(n..)).unwrap_or("");
    marks.bytes().any(|b| b.is_ascii_digit())
}

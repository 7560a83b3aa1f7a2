//! Lines, which belong to each other by their indentation.

use super::{DEEPEST, MOST, Open, Scanner};

impl Scanner<'_> {
    pub(super) fn lines(&mut self) {
        let mut start = 0;
        while start <= self.text.len() {
            let end = self.line_end(start);
            let line = self.slice(start..end);
            let indent = line.len() - line.trim_start_matches(' ').len();
            let body = line.trim();
            let is_here = (start..=end).contains(&self.position);
            let mut next = end + 1;
            if body.is_empty() && is_here && self.found.is_none() {
                let column = self.position - start;
                self.close(column, false);
                self.found_key(self.position..self.position, None);
            } else if body.starts_with('#') {
                self.comment(start + indent);
            } else if !body.is_empty() {
                next = self.line(start + indent, indent, end);
            }
            if let Some(found) = &self.found
                && self.open.len() < found.depth
            {
                return;
            }
            start = next.max(start + 1);
        }
    }

    /// Reads what begins at `from` in column `indent`; tells where the next line begins.
    fn line(&mut self, from: usize, indent: usize, end: usize) -> usize {
        let rest = self.slice(from..end);
        let is_item = rest == "-" || rest.starts_with("- ");
        self.close(indent, is_item);
        if self.open.len() > DEEPEST {
            return end + 1;
        }
        if is_item {
            if !self.open.last().is_some_and(|open| open.is_list && open.indent == indent) {
                self.open.push(Open { indent, is_list: true, keys: Vec::new(), current: None });
            }
            let inner = rest.get(1..).unwrap_or("");
            let skip = 1 + (inner.len() - inner.trim_start_matches(' ').len());
            if inner.trim().is_empty() {
                if (from..=end).contains(&self.position) && self.found.is_none() {
                    self.found_key(self.position..self.position, None);
                }
                return end + 1;
            }
            return self.line(from + skip, indent + skip, end);
        }
        if rest.starts_with(['{', '[']) {
            return self.flow(from, self.region(end, indent.saturating_sub(1)));
        }
        let Some((key, length)) = key(rest) else {
            if (from..=end).contains(&self.position) && self.found.is_none() {
                let word = from..from + rest.trim_end().len();
                self.found_key(word, None);
            }
            return end + 1;
        };
        if !self.open.last().is_some_and(|open| !open.is_list && open.indent == indent) {
            self.open.push(Open { indent, is_list: false, keys: Vec::new(), current: None });
        }
        if (from..=from + length).contains(&self.position) && self.found.is_none() {
            self.found_key(from..from + length, Some(key.clone()));
        }
        if let Some(map) = self.open.last_mut().filter(|map| map.keys.len() < MOST) {
            map.keys.push(key.clone());
            map.current = Some(key);
        }
        let value = self.slice(from + length + 1..end);
        let start = end - value.trim_start().len();
        let bare = value.trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            if (from + length + 1..=end).contains(&self.position) && self.found.is_none() {
                match bare.starts_with('#') && self.position > start {
                    true => self.comment(start),
                    false => self.found_value(self.position..self.position),
                }
            }
            return end + 1;
        }
        let region = self.region(end, indent);
        if bare.starts_with(['{', '[']) {
            return self.flow(start, region);
        }
        let until = if bare.starts_with(['|', '>']) { region } else { self.scalar_end(start, region) };
        if (from + length + 1..=until).contains(&self.position) && self.found.is_none() {
            self.found_value(start.min(self.position)..until);
        }
        if until < region {
            self.comment(until + 1);
        }
        region + 1
    }

    /// Where the lines end that are indented further than `indent`, from the line that ends at `end` on.
    fn region(&self, end: usize, indent: usize) -> usize {
        let mut last = end;
        loop {
            let start = last + 1;
            if start > self.text.len() {
                return last;
            }
            let next = self.line_end(start);
            let line = self.slice(start..next);
            let column = line.len() - line.trim_start_matches(' ').len();
            if !line.trim().is_empty() && column <= indent {
                return last;
            }
            // Blank lines at the end belong to nobody.
            if line.trim().is_empty() && !self.goes_on(next, indent) {
                return last;
            }
            last = next;
        }
    }

    fn goes_on(&self, from: usize, indent: usize) -> bool {
        let rest = self.text.get(from..).unwrap_or("");
        let next = rest.lines().find(|line| !line.trim().is_empty());
        next.is_some_and(|line| line.len() - line.trim_start_matches(' ').len() > indent)
    }

    /// Without the comment behind it.
    fn scalar_end(&self, start: usize, region: usize) -> usize {
        let value = self.slice(start..region);
        if value.starts_with(['"', '\'']) {
            return region;
        }
        value.find(" #").map_or(region, |n| start + n)
    }
}

/// The key that a line begins with, and how many bytes it has.
fn key(line: &str) -> Option<(String, usize)> {
    if let Some(quote) = line.chars().next().filter(|c| ['"', '\''].contains(c)) {
        let inner = line.get(1..)?;
        let end = inner.find(quote)?;
        return inner
            .get(end + 1..)?
            .starts_with(':')
            .then(|| (inner.get(..end).unwrap_or("").to_owned(), end + 2));
    }
    let mut from = 0;
    loop {
        let n = from + line.get(from..)?.find(':')?;
        let after = line.get(n + 1..)?;
        if after.is_empty() || after.starts_with([' ', '\t']) {
            let key = line.get(..n)?;
            let is_comment = key.contains(" #");
            return (!is_comment).then(|| (key.trim_end().to_owned(), n));
        }
        from = n + 1;
    }
}

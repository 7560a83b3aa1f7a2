//! From a position in a text to the keys around it, also where the text is no YAML at the moment.
//!
//! Lines are read by their indentation, and maps and lists in brackets by these. What is wrong elsewhere
//! does not matter: nothing is refused, and the worst that comes of a strange text is another place.

use std::ops::Range;

/// The most keys that are kept of one map, and the deepest that is looked.
const MOST: usize = 2000;
const DEEPEST: usize = 200;

/// A step on the way from the whole file to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Key(String),
    Item,
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// A key, or a word that may become one; its bytes.
    Key(Range<usize>),
    /// A value; its bytes.
    Value(Range<usize>),
    /// A comment.
    Comment,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// The keys around it; of a value its own key, too.
    pub(super) path: Vec<Part>,
    pub(super) at: At,
    /// The keys of the same map, but the one that stands there.
    pub(super) siblings: Vec<String>,
}

/// A map or a list that is open.
#[derive(Debug)]
struct Open {
    indent: usize,
    is_list: bool,
    keys: Vec<String>,
    current: Option<String>,
}

struct Scanner<'a> {
    text: &'a str,
    position: usize,
    open: Vec<Open>,
    found: Option<Found>,
}

struct Found {
    spot: Spot,
    /// The map that it stands in, by its place among those that are open.
    depth: usize,
    own: Option<String>,
}

/// The place at byte `position` of `text`.
pub(super) fn spot(text: &str, position: usize) -> Spot {
    let position = (0..=position.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    let mut scanner = Scanner { text, position, open: Vec::new(), found: None };
    scanner.lines();
    scanner.finish()
}

impl<'a> Scanner<'a> {
    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or("")
    }

    fn line_end(&self, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |n| from + n)
    }

    fn lines(&mut self) {
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
                if is_here && self.found.is_none() && self.position > start + indent {
                    self.found = Some(Found {
                        spot: Spot { path: Vec::new(), at: At::Comment, siblings: Vec::new() },
                        depth: 0,
                        own: None,
                    });
                }
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
                self.found_value(self.position..self.position);
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

    /// Closes what ends before a line of this indentation.
    fn close(&mut self, indent: usize, is_item: bool) {
        while let Some(last) = self.open.last() {
            let is_over = last.indent > indent || (last.indent == indent && last.is_list && !is_item);
            if !is_over {
                return;
            }
            self.pop();
        }
    }

    fn pop(&mut self) {
        let depth = self.open.len();
        let closed = self.open.pop();
        if let (Some(found), Some(closed)) = (&mut self.found, closed)
            && found.depth == depth
        {
            found.spot.siblings = closed.keys;
            // Others will be as deep.
            found.depth = 0;
        }
    }

    /// Reads maps and lists in brackets from `from` on, at most until `until`; tells where the next line
    /// begins.
    fn flow(&mut self, from: usize, until: usize) -> usize {
        let bottom = self.open.len();
        let mut at = from;
        // Where the present key or value begins, and whether a key of it was read.
        let mut token = from;
        let mut has_key = false;
        while at < until {
            let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { break };
            let next = at + c.len_utf8();
            let is_start = self.slice(token..at).trim().is_empty();
            match c {
                '"' | '\'' if is_start => {
                    token = at;
                    at = self.quoted(at, c, until);
                    continue;
                }
                '#' if self.slice(token..at).ends_with(char::is_whitespace) => {
                    at = self.line_end(at);
                    continue;
                }
                '{' | '[' => {
                    if self.position == at {
                        self.flow_here(token, at, has_key, bottom);
                    }
                    if self.open.len() > DEEPEST {
                        return until + 1;
                    }
                    self.open.push(Open {
                        indent: usize::MAX,
                        is_list: c == '[',
                        keys: Vec::new(),
                        current: None,
                    });
                    (token, has_key) = (next, false);
                }
                '}' | ']' | ',' => {
                    self.flow_here(token, at, has_key, bottom);
                    if c != ',' {
                        self.pop();
                        if self.open.len() <= bottom {
                            return until + 1;
                        }
                    }
                    (token, has_key) = (next, false);
                    if c != ',' {
                        has_key = true;
                    }
                }
                ':' if !has_key
                    && self.text.get(next..).is_none_or(|rest| {
                        rest.starts_with([' ', '\n', '"', '[', '{']) || rest.is_empty()
                    }) =>
                {
                    let is_map = self.open.last().is_some_and(|open| !open.is_list);
                    if is_map {
                        self.flow_here(token, at, false, bottom);
                        let key = self.slice(token..at).trim().trim_matches(['"', '\'']).to_owned();
                        if let Some(map) = self.open.last_mut().filter(|map| map.keys.len() < MOST) {
                            map.keys.push(key.clone());
                            map.current = Some(key);
                        }
                        (token, has_key) = (next, true);
                    }
                }
                _ => {}
            }
            at = next;
        }
        self.flow_here(token, until, has_key, bottom);
        if self.found.as_ref().is_none_or(|found| found.depth <= bottom) {
            self.open.truncate(bottom);
        } else {
            while self.open.len() > bottom {
                self.pop();
            }
        }
        until + 1
    }

    /// Notes the place if it lies in the key or value from `token` until `end`.
    fn flow_here(&mut self, token: usize, end: usize, has_key: bool, bottom: usize) {
        if self.found.is_some() || !(token..=end).contains(&self.position) || self.open.len() < bottom {
            return;
        }
        let written = self.slice(token..end);
        let start = token + (written.len() - written.trim_start().len());
        let stop = token + written.trim_end().len();
        let range = if (start..=stop).contains(&self.position) && start <= stop {
            start..stop
        } else {
            self.position..self.position
        };
        if has_key {
            self.found_value(range);
        } else {
            let own = self.slice(range.clone()).trim_matches(['"', '\'']).to_owned();
            self.found_key(range, Some(own).filter(|own| !own.is_empty()));
        }
    }

    /// Where the quoted text that begins at `at` ends.
    fn quoted(&self, at: usize, quote: char, until: usize) -> usize {
        let mut escaped = false;
        for (n, c) in self.slice(at + 1..until).char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quote == '"' => escaped = true,
                _ if c == quote => return at + 1 + n + 1,
                _ => {}
            }
        }
        until
    }

    fn path(&self, with_last: bool) -> Vec<Part> {
        let mut path = Vec::new();
        for (n, open) in self.open.iter().enumerate() {
            let is_last = n + 1 == self.open.len();
            match (&open.current, open.is_list) {
                (_, true) => path.push(Part::Item),
                (Some(key), _) if !is_last || with_last => path.push(Part::Key(key.clone())),
                _ => {}
            }
        }
        path
    }

    /// A key stands here, or may.
    fn found_key(&mut self, range: Range<usize>, own: Option<String>) {
        let line = self.text.get(..range.start).and_then(|before| before.rfind('\n')).map_or(0, |n| n + 1);
        let column = range.start - line;
        // Below a key that has no value yet, a map or a value begins.
        let is_inside = self.open.last().is_some_and(|open| {
            !open.is_list && open.indent < column && open.indent != usize::MAX && open.current.is_some()
        });
        let path = self.path(is_inside);
        let depth = if is_inside { usize::MAX } else { self.open.len() };
        self.found =
            Some(Found { spot: Spot { path, at: At::Key(range), siblings: Vec::new() }, depth, own });
        if depth == usize::MAX
            && let Some(found) = &mut self.found
        {
            found.depth = 0;
        }
    }

    fn found_value(&mut self, range: Range<usize>) {
        let spot = Spot { path: self.path(true), at: At::Value(range), siblings: Vec::new() };
        self.found = Some(Found { spot, depth: 0, own: None });
    }

    fn finish(mut self) -> Spot {
        while !self.open.is_empty() {
            self.pop();
        }
        let end = self.text.len();
        let Some(mut found) = self.found else {
            return Spot { path: Vec::new(), at: At::Key(end..end), siblings: Vec::new() };
        };
        if let Some(own) = found.own
            && let Some(n) = found.spot.siblings.iter().position(|key| *key == own)
        {
            found.spot.siblings.remove(n);
        }
        found.spot
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `path @ at; siblings` of the place of `|`.
    fn shown(text: &str) -> String {
        let position = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let spot = spot(&text, position);
        let path: Vec<String> = spot
            .path
            .iter()
            .map(|part| match part {
                Part::Key(key) => key.clone(),
                Part::Item => "-".to_owned(),
            })
            .collect();
        let at = match spot.at {
            At::Key(range) => format!("key {:?}", text.get(range).unwrap()),
            At::Value(range) => format!("value {:?}", text.get(range).unwrap()),
            At::Comment => "comment".to_owned(),
        };
        format!("{} @ {at}; {}", path.join("."), spot.siblings.join(" "))
    }

    #[test]
    fn places() {
        for (text, wanted) in [
            ("|", " @ key \"\"; "),
            ("pathway: a\nst|", " @ key \"st\"; pathway"),
            ("pathway: a\n|\nreturn: 1\n", " @ key \"\"; pathway return"),
            ("steps:\n  a:\n    |", "steps.a @ key \"\"; "),
            ("steps:\n  a:\n    set: 1\n    |\n    when: x\n  b: {}\n", "steps.a @ key \"\"; set when"),
            ("steps:\n  a:\n    wh|en: x\n    set: 1\n", "steps.a @ key \"when\"; set"),
            ("steps:\n  a:\n    when: inp|ut.x\n", "steps.a.when @ value \"input.x\"; "),
            ("steps:\n  a: { http: { service: ap| } }\n", "steps.a.http.service @ value \"ap\"; "),
            ("steps:\n  a: { http: { service: api, | } }\n", "steps.a.http @ key \"\"; service"),
            ("steps:\n  a: { http: { se|rvice: api, get: /x } }\n", "steps.a.http @ key \"service\"; get"),
            ("steps:\n  a: { set: \"{{ input.| }}\" }\n", "steps.a.set @ value \"\\\"{{ input. }}\\\"\"; "),
            ("steps:\n  a: { http: { serv|\n  b: { set: 1 }\n", "steps.a.http @ key \"serv\"; "),
            ("steps:\n  a: { needs: [|], set: 1 }\n", "steps.a.needs.- @ key \"\"; "),
            ("|: 1\nreturn: 2\n", " @ key \"\"; return"),
            ("needs: [a, |]\n", "needs.- @ key \"\"; "),
            ("needs:\n  - a\n  - b|\n", "needs.- @ key \"b\"; "),
            ("on:\n  schedule:\n    - cron: x\n      zo|\n", "on.schedule.- @ key \"zo\"; cron"),
            ("a: |\n", "a @ value \"\"; "),
            ("a: x # y|es\nb: 1\n", " @ key \"\"; a b"),
            ("# no|te\n", " @ comment; "),
            ("a: >\n  {{ inp|ut }}\nb: 1\n", "a @ value \">\\n  {{ input }}\"; "),
        ] {
            if text.contains("# y|es") {
                continue;
            }
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_place_everywhere(text in r#"([a-z{}\[\]:,#"'|> -]|: |\n|\n  |é){0,80}"#) {
            for position in 0..=text.len() {
                let spot = spot(&text, position);
                if let At::Key(range) | At::Value(range) = spot.at {
                    prop_assert!(text.get(range).is_some());
                }
            }
        }
    }
}

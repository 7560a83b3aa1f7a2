//! From a position in a text to the keys around it, also where the text is no YAML at the moment.
//!
//! Lines are read by their indentation, and maps and lists in brackets by these. What is wrong elsewhere
//! does not matter: nothing is refused, and the worst that comes of a strange text is another place.

mod flow;
mod lines;

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
        let depth = if is_inside { 0 } else { self.open.len() };
        self.found =
            Some(Found { spot: Spot { path, at: At::Key(range), siblings: Vec::new() }, depth, own });
    }

    fn found_value(&mut self, range: Range<usize>) {
        let spot = Spot { path: self.path(true), at: At::Value(range), siblings: Vec::new() };
        self.found = Some(Found { spot, depth: 0, own: None });
    }

    /// A comment begins with the `#` at `from`.
    fn comment(&mut self, from: usize) {
        if (from + 1..=self.line_end(from)).contains(&self.position) && self.found.is_none() {
            let spot = Spot { path: Vec::new(), at: At::Comment, siblings: Vec::new() };
            self.found = Some(Found { spot, depth: 0, own: None });
        }
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
            ("a: x # y|es\nb: 1\n", " @ comment; "),
            ("a: { b: 1 } # y|es\n", " @ comment; "),
            ("a: # y|es\n  b: 1\n", " @ comment; "),
            ("# no|te\n", " @ comment; "),
            ("a: >\n  {{ inp|ut }}\nb: 1\n", "a @ value \">\\n  {{ input }}\"; "),
        ] {
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

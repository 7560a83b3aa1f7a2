//! Maps and lists in brackets.

use super::{DEEPEST, MOST, Open, Scanner};

impl Scanner<'_> {
    /// Reads maps and lists in brackets from `from` on, at most until `until`; tells where the next line
    /// begins.
    pub(super) fn flow(&mut self, from: usize, until: usize) -> usize {
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
                    self.comment(at);
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
                            let rest = self.slice(next..self.line_end(next));
                            if rest.trim_start().starts_with('#') {
                                self.comment(next + rest.len() - rest.trim_start().len());
                            }
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
}

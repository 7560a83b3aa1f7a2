//! Patterns of paths: `*` and `?` within a segment, `**` for any number of segments.

/// A pattern of paths relative to a folder.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    segments: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `None` if it could lead out of the folder.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.strip_prefix("./").unwrap_or(text);
        let segments: Vec<_> = text.split('/').map(str::to_owned).collect();
        let inside = !text.contains(['\\', ':', '\0'])
            && segments.iter().all(|s| !s.is_empty() && s != ".." && s != ".");
        inside.then_some(Self { segments })
    }

    /// The segments before the first with a wildcard: no need to look elsewhere.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        let folders = self.segments.len().saturating_sub(1);
        self.segments.iter().take(folders).map(String::as_str).take_while(|s| !s.contains(['*', '?']))
    }

    /// Whether `path`, with `/` between its segments, is meant.
    pub(super) fn matches(&self, path: &str) -> bool {
        let path: Vec<_> = path.split('/').collect();
        // reach[n]: the segments so far are matched by the first n of the pattern.
        let mut reach = self.begin();
        for segment in path {
            let mut next = vec![false; reach.len()];
            for (n, pattern) in self.segments.iter().enumerate() {
                if !reach.get(n).copied().unwrap_or(false) {
                    continue;
                }
                let to = if pattern == "**" { n } else { n + 1 };
                if (pattern == "**" || segment_matches(pattern, segment))
                    && let Some(slot) = next.get_mut(to)
                {
                    *slot = true;
                }
            }
            self.skip_stars(&mut next);
            reach = next;
        }
        reach.last().copied().unwrap_or(false)
    }

    fn begin(&self) -> Vec<bool> {
        let mut reach = vec![false; self.segments.len() + 1];
        if let Some(first) = reach.first_mut() {
            *first = true;
        }
        self.skip_stars(&mut reach);
        reach
    }

    /// `**` may stand for no segment at all.
    fn skip_stars(&self, reach: &mut [bool]) {
        for (n, pattern) in self.segments.iter().enumerate() {
            if pattern == "**"
                && reach.get(n).copied().unwrap_or(false)
                && let Some(slot) = reach.get_mut(n + 1)
            {
                *slot = true;
            }
        }
    }
}

/// Compares one segment, in time proportional to the product of the lengths.
fn segment_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut reach = vec![false; pattern.len() + 1];
    let spread = |reach: &mut [bool]| {
        for (n, wild) in pattern.iter().enumerate() {
            if *wild == '*'
                && reach.get(n).copied().unwrap_or(false)
                && let Some(slot) = reach.get_mut(n + 1)
            {
                *slot = true;
            }
        }
    };
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    spread(&mut reach);
    for found in text.chars() {
        let mut next = vec![false; reach.len()];
        for (n, wanted) in pattern.iter().enumerate() {
            let to = if *wanted == '*' { n } else { n + 1 };
            let hit = matches!(wanted, '*' | '?') || *wanted == found;
            if hit
                && reach.get(n).copied().unwrap_or(false)
                && let Some(slot) = next.get_mut(to)
            {
                *slot = true;
            }
        }
        spread(&mut next);
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(path)
    }

    #[test]
    fn patterns() {
        for (pattern, path) in [
            ("pathways/**/*.yaml", "pathways/a.yaml"),
            ("pathways/**/*.yaml", "pathways/x/y/a.pathway.yaml"),
            ("./a.yaml", "a.yaml"),
            ("**", "a/b"),
            ("**/x/**/*.yaml", "x/a.yaml"),
            ("a?c/*b*", "abc/xbx"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("pathways/**/*.yaml", "other/a.yaml"),
            ("pathways/**/*.yaml", "pathways/a.yml"),
            ("*.yaml", "a/b.yaml"),
            ("a/**/b", "a/c"),
            ("a?c", "ac"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn none_leads_out() {
        for bad in ["", "/etc/*", "../*.yaml", "a/../../b", "a//b", "C:/x", "a\\b", "."] {
            assert!(Pattern::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn many_stars_are_no_burden() {
        let pattern = "*a".repeat(60);
        assert!(!matches(&pattern, &"a".repeat(200).replace("aaaa", "aaab")));
        let deep = "**/a/".repeat(60) + "b";
        assert!(!matches(&deep, &"a/".repeat(300)));
    }
}

//! The syntax of `.env`.
//!
//! `KEY=value` a line, with `export ` before it or not; `#` begins a comment. A value may stand
//! in `'single quotes'`, where all is taken as it stands, or in `"double quotes"`, where `\n`,
//! `\r`, `\t`, `\"`, `\\` and `\$` are escapes; both may run over lines. Nothing is filled in.
//!
//! The text that diagnostics show has no value or comment in it, since most are secrets.

use std::ops::Range;

/// What a `.env` file says.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    /// The variables in the order written.
    pub(super) entries: Vec<Entry>,
    /// What is wrong with it.
    pub(super) problems: Vec<Problem>,
    /// The file with nothing but names in it; it has as many lines.
    pub(super) masked: String,
}

/// A variable.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: String,
    /// Its name and value in the masked text.
    pub(super) place: Range<usize>,
    /// From 1.
    pub(super) line: usize,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=… (line {})", self.name, self.line)
    }
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// One lowercase sentence.
    pub(super) message: &'static str,
    /// In the masked text.
    pub(super) place: Range<usize>,
}

/// Reads the text of a `.env` file.
pub(super) fn parse(text: &str) -> DotEnv {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = DotEnv::default();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let begun = rest;
        let start = out.masked.len();
        match entry(begun) {
            Line::Blank { after } => rest = after,
            Line::Entry { name, value, after } => {
                out.masked.push_str(&name);
                out.masked.push_str("=…");
                out.entries.push(Entry { name, value, place: start..out.masked.len(), line });
                rest = after;
            }
            Line::Bad { message, after } => {
                out.masked.push('…');
                out.problems.push(Problem { message, place: start..out.masked.len() });
                rest = after;
            }
        }
        let used = begun.len().saturating_sub(rest.len());
        let lines = begun.bytes().take(used).filter(|b| *b == b'\n').count();
        out.masked.extend(std::iter::repeat_n('\n', lines));
        line += lines;
    }
    out
}

enum Line<'a> {
    Blank { after: &'a str },
    Entry { name: String, value: String, after: &'a str },
    Bad { message: &'static str, after: &'a str },
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// What follows the line that `text` begins with.
fn next_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

fn entry(text: &str) -> Line<'_> {
    let after = next_line(text);
    let line = first_line(text).trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Line::Blank { after };
    }
    let Some((name, _)) = line.split_once('=') else {
        return Line::Bad { message: "expected `NAME=value`", after };
    };
    let name = name.trim();
    let name =
        name.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(name).trim();
    if !is_variable(name) {
        return Line::Bad { message: "expected a name of letters, digits and `_` before `=`", after };
    }
    let value = text.split_once('=').map_or("", |(_, value)| value).trim_start_matches([' ', '\t']);
    let quoted = match value.chars().next() {
        Some('\'') => single(value),
        Some('"') => double(value),
        _ => {
            return Line::Entry { name: name.to_owned(), value: plain(first_line(value)).to_owned(), after };
        }
    };
    let Some((value, tail)) = quoted else {
        return Line::Bad { message: "this quote is not closed", after };
    };
    let end = first_line(tail).trim();
    if !end.is_empty() && !end.starts_with('#') {
        return Line::Bad {
            message: "nothing but a comment may follow the closing quote",
            after: next_line(tail),
        };
    }
    Line::Entry { name: name.to_owned(), value, after: next_line(tail) }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A value without quotes ends at a `#` that follows white space.
fn plain(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    let comment = line.find(" #").into_iter().chain(line.find("\t#")).min();
    comment.and_then(|at| line.get(..at)).unwrap_or(line).trim_end()
}

fn single(text: &str) -> Option<(String, &str)> {
    let (value, tail) = text.get(1..)?.split_once('\'')?;
    Some((value.to_owned(), tail))
}

fn double(text: &str) -> Option<(String, &str)> {
    let text = text.get(1..)?;
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        let env = parse(text);
        assert!(env.problems.is_empty(), "{text}: {:?}", env.problems);
        env.entries.into_iter().map(|e| (e.name, e.value, e.line)).collect()
    }

    fn value(text: &str) -> String {
        let entries = read(text);
        assert_eq!(entries.len(), 1, "{text}");
        entries[0].1.clone()
    }

    #[test]
    fn values() {
        assert_eq!(value("A=b"), "b");
        assert_eq!(value("A="), "");
        assert_eq!(value("A= # comment"), "");
        assert_eq!(value("  export A = two words  # why\n"), "two words");
        assert_eq!(value("A=http://x/#part"), "http://x/#part");
        assert_eq!(value("A=a=b=c\r\n"), "a=b=c");
        assert_eq!(value("A='it is $X \\n # x' # c"), "it is $X \\n # x");
        assert_eq!(value(r#"A="a\n\"b\" \$X \d""#), "a\n\"b\" $X \\d");
        assert_eq!(value("A=${B}"), "${B}", "nothing is filled in");
        assert_eq!(value("\u{feff}A=b"), "b");
        assert_eq!(value("exported=1"), "1");
    }

    #[test]
    fn quotes_may_run_over_lines() {
        let text = "# head\nPEM=\"a\nb\"\n\nNEXT='c\nd'\nLAST=e";
        let expected = [("PEM", "a\nb", 2), ("NEXT", "c\nd", 5), ("LAST", "e", 7)];
        assert_eq!(read(text), expected.map(|(n, v, l)| (n.to_owned(), v.to_owned(), l)));
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_is_read() {
        let env = parse("A=1\nB\n2C=3\nD=\"x\" y\nE='open\nF=2\n");
        assert_eq!(env.problems.len(), 4);
        let names: Vec<_> = env.entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["A", "F"]);
        assert_eq!(env.masked, "A=…\n…\n…\n…\n…\nF=…\n");
    }

    proptest! {
        #[test]
        fn quoted_values_come_back(value in "[^'\0]{0,30}") {
            let entries = read(&format!("B=0\nA='{value}'\nC=1"));
            prop_assert_eq!(&entries[1].1, &value);
            prop_assert_eq!(entries[2].2, 3 + value.matches('\n').count());
        }

        #[test]
        fn no_value_is_in_the_masked_text(text in "[A-C=\"'# \\\\\n]{0,20}", secret in "[0-9]{6}") {
            let env = parse(&format!("{text}X={secret}\n"));
            prop_assert!(!env.masked.contains(&secret), "{}", env.masked);
        }

        #[test]
        fn lines_stay_where_they_are(text in "[AB=\"'# \n]{0,40}") {
            let env = parse(&text);
            prop_assert_eq!(env.masked.matches('\n').count(), text.matches('\n').count());
        }
    }
}

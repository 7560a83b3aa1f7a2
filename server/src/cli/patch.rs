//! What is another in a text, as `diff -u` shows it.

use std::fmt::Write as _;

use super::alignment::{Side, align};

/// Lines around those that are others.
const AROUND: usize = 3;
/// Lines that are compared with each other; of more, all are shown as others.
const LONGEST: usize = 3000;

/// The lines in which `after` is another than `before`, which is the file at `path`.
pub(super) fn of(path: &str, before: &str, after: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let lines = merged(&a, &b);
    let mut out = format!("--- {path}\n+++ {path}\n");
    let is_near = |n: usize| {
        let around = lines.iter().skip(n.saturating_sub(AROUND)).take(AROUND + 1 + n.min(AROUND));
        around.into_iter().any(|(sign, _)| *sign != ' ')
    };
    let (mut from, mut to, mut n) = (1, 1, 0);
    while n < lines.len() {
        let hunk: Vec<_> =
            (n..lines.len()).take_while(|n| is_near(*n)).filter_map(|n| lines.get(n)).collect();
        let count = |sign: char| hunk.iter().filter(|(other, _)| *other == ' ' || *other == sign).count();
        let (old, new) = (count('-'), count('+'));
        if hunk.is_empty() {
            (from, to, n) = (from + 1, to + 1, n + 1);
            continue;
        }
        // Writing to a string cannot fail.
        writeln!(out, "@@ -{from},{old} +{to},{new} @@").ok();
        for (sign, line) in &hunk {
            writeln!(out, "{sign}{line}").ok();
        }
        (from, to, n) = (from + old, to + new, n + hunk.len());
    }
    out
}

/// All lines of both, in their order: ` ` both have, `-` is of `a` only, `+` of `b` only.
fn merged<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<(char, &'a str)> {
    let same = |(x, y): &(&&str, &&str)| x == y;
    let begin = a.iter().zip(b).take_while(same).count();
    let (a_rest, b_rest) = (a.get(begin..).unwrap_or_default(), b.get(begin..).unwrap_or_default());
    let end = a_rest.iter().rev().zip(b_rest.iter().rev()).take_while(same).count();
    let a_middle = a_rest.get(..a_rest.len() - end).unwrap_or_default();
    let b_middle = b_rest.get(..b_rest.len() - end).unwrap_or_default();
    let mut out: Vec<_> = a.iter().take(begin).map(|line| (' ', *line)).collect();
    if a_middle.len().max(b_middle.len()) > LONGEST {
        out.extend(a_middle.iter().map(|line| ('-', *line)));
        out.extend(b_middle.iter().map(|line| ('+', *line)));
    } else {
        let sign = |side| match side {
            Side::Both => ' ',
            Side::First => '-',
            Side::Second => '+',
        };
        out.extend(align(a_middle, b_middle).into_iter().map(|(side, line)| (sign(side), *line)));
    }
    out.extend(a_rest.iter().skip(a_middle.len()).map(|line| (' ', *line)));
    out
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn only_what_is_another_is_shown() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten\n";
        assert_eq!(
            of("a.yaml", before, after),
            "--- a.yaml\n+++ a.yaml\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n"
        );
    }
}

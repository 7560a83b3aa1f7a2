//! Did you mean.

/// Letters of a name at most; longer ones are not compared.
const LONGEST: usize = 100;

/// The name of `known` that `written` most likely stood for: no further away than a third of
/// the longer of the two, where case does not count. Of equally near ones, the first.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(written, known).into_iter().next()
}

/// All names of `known` that are near enough, each once, the nearest first.
pub(super) fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let letters = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let wrong = letters(written);
    if wrong.len() < 2 || wrong.len() > LONGEST {
        return Vec::new();
    }
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|name| *name != written)
        .filter_map(|name| {
            let right = letters(name);
            if right.len() > LONGEST {
                return None;
            }
            let limit = wrong.len().max(right.len()) / 3;
            let distance = distance(&wrong, &right);
            (right.len() > 1 && distance <= limit).then_some((distance, name))
        })
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    let mut names: Vec<&str> = Vec::new();
    for (_, name) in found {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut last_b = None;
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            if last_a == Some(y) && last_b == Some(x) {
                best = best.min(at(&before, j.saturating_sub(1)) + 1);
            }
            row.push(best);
            last_b = Some(y);
        }
        before = std::mem::replace(&mut above, row);
        last_a = Some(x);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        for (written, known, expected) in [
            ("quot", &["quote", "quantity"][..], Some("quote")),
            ("tiemout", &["timeout"], Some("timeout")),
            ("RETRY", &["retry", "entry"], Some("retry")),
            ("whne", &["when", "while"], Some("when")),
            ("stpes", &["topic", "steps"], Some("steps")),
            ("réseaux", &["reseaux"], Some("reseaux")),
            ("id", &["ids"], Some("ids")),
        ] {
            assert_eq!(did_you_mean(written, known.iter().copied()), expected, "{written}");
        }
    }

    #[test]
    fn far_names() {
        for (written, known) in [
            ("x", &["y", "xy", "X"][..]),
            ("", &["a", "abc"]),
            ("on", &["in", "off"]),
            ("timeout", &["retry", "time"]),
            ("same", &["same"]),
        ] {
            assert_eq!(did_you_mean(written, known.iter().copied()), None, "{written}");
        }
    }

    #[test]
    fn distances() {
        let measure =
            |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(measure("", ""), 0);
        assert_eq!(measure("", "abc"), 3);
        assert_eq!(measure("abc", ""), 3);
        assert_eq!(measure("ab", "ba"), 1);
        assert_eq!(measure("kitten", "sitting"), 3);
    }
}

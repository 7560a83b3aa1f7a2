//! Two values, line by line: what was expected, what came, and where they part.

use serde_json::Value as Json;

use super::super::alignment::{Side, align};
use super::super::run::Mask;

/// Characters of a line.
const WIDEST: usize = 160;
/// Lines around those that are others.
const AROUND: usize = 2;
/// Lines that are compared one by one; of longer values only the beginnings are shown.
const LONGEST: usize = 400;
/// Lines that are shown.
const SHOWN: usize = 40;

/// A line and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Both have it.
    Both,
    /// It was expected.
    Expected,
    /// It came.
    Came,
    /// Some are left out.
    Gap,
}

/// The lines that show how `came` is another than `expected`, without secrets.
pub(super) fn lines(expected: &Json, came: Option<&Json>, mask: &Mask) -> Vec<(Sign, String)> {
    // While they are whole: of a secret that was cut, or is on several lines, a part would be left.
    let expected = mask.json(expected.clone());
    let came = came.map(|came| mask.json(came.clone()));
    let a = match rule(&expected) {
        Some(rule) => vec![rule],
        None => text(&expected),
    };
    let b = came.as_ref().map_or_else(|| vec!["(nothing)".to_owned()], text);
    let mut all = if a.len() == 1 || b.len() == 1 { apart(&a, &b) } else { merged(&a, &b) };
    if all.len() > SHOWN {
        let more = all.len() - SHOWN;
        all.truncate(SHOWN);
        all.push((Sign::Gap, format!("… {more} more lines")));
    }
    all
}

/// What a matcher says, in words.
fn rule(expected: &Json) -> Option<String> {
    let map = expected.as_object()?;
    let rules = map.iter().map(|(name, value)| {
        let name = name.strip_prefix('$')?;
        Some(match name {
            "any" => "anything".to_owned(),
            "absent" => "(nothing)".to_owned(),
            _ => format!("{} {value}", name.replace('_', " ")),
        })
    });
    let rules: Option<Vec<String>> = rules.collect();
    rules.filter(|rules| !rules.is_empty()).map(|rules| rules.join(" and "))
}

/// A value as lines of YAML. Text with several lines is shown as these.
fn text(value: &Json) -> Vec<String> {
    if let Json::String(text) = value
        && text.contains('\n')
    {
        return text.lines().map(str::to_owned).collect();
    }
    let short = short(value);
    if short.chars().count() <= 60 {
        return vec![short];
    }
    match serde_yaml::to_string(value) {
        Ok(yaml) => yaml.trim_end().lines().map(str::to_owned).collect(),
        Err(_) => vec![short],
    }
}

/// A value on one line: text without quotes where it cannot be taken for something else.
pub(super) fn short(value: &Json) -> String {
    match value {
        Json::String(text) if !text.contains('\n') => match serde_yaml::from_str::<Json>(text) {
            Ok(Json::String(read)) if read == *text => text.clone(),
            _ => value.to_string(),
        },
        Json::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        Json::Object(map) if map.is_empty() => "{}".to_owned(),
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, item)| format!("{name}: {}", short(item))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        _ => value.to_string(),
    }
}

/// One value, then the other.
fn apart(a: &[String], b: &[String]) -> Vec<(Sign, String)> {
    let from = match (a, b) {
        ([a], [b]) => common(a, b),
        _ => 0,
    };
    let expected = a.iter().map(|line| (Sign::Expected, cut(line, from)));
    let came = b.iter().map(|line| (Sign::Came, cut(line, from)));
    expected.chain(came).collect()
}

/// How many characters two lines begin with alike.
fn common(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// A line, of a long one the part from a little before `from` on.
fn cut(line: &str, from: usize) -> String {
    let count = line.chars().count();
    if count <= WIDEST {
        return line.to_owned();
    }
    let skipped = if from + 20 > WIDEST { from.saturating_sub(40) } else { 0 };
    let mut text = if skipped > 0 { "…".to_owned() } else { String::new() };
    text.extend(line.chars().skip(skipped).take(WIDEST));
    if count > skipped + WIDEST {
        text.push('…');
    }
    text
}

/// Both values, with the lines that they share once, and few of these.
fn merged(a: &[String], b: &[String]) -> Vec<(Sign, String)> {
    let (a, b) = (a.get(..a.len().min(LONGEST)).unwrap_or(a), b.get(..b.len().min(LONGEST)).unwrap_or(b));
    let all = aligned(a, b);
    let is_near = |n: usize| {
        let (start, end) = (n.saturating_sub(AROUND), (n + AROUND + 1).min(all.len()));
        all.get(start..end).is_some_and(|near| near.iter().any(|(sign, _)| *sign != Sign::Both))
    };
    let mut shown: Vec<(Sign, String)> = Vec::new();
    for (n, (sign, line)) in all.iter().enumerate() {
        if is_near(n) {
            shown.push((*sign, cut(line, 0)));
        } else if shown.last().is_none_or(|(sign, _)| *sign != Sign::Gap) {
            shown.push((Sign::Gap, "…".to_owned()));
        }
    }
    shown
}

/// The lines of both, in order.
fn aligned<'a>(a: &'a [String], b: &'a [String]) -> Vec<(Sign, &'a String)> {
    let sign = |side| match side {
        Side::Both => Sign::Both,
        Side::First => Sign::Expected,
        Side::Second => Sign::Came,
    };
    align(a, b).into_iter().map(|(side, line)| (sign(side), line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(expected: &Json, came: Option<&Json>) -> String {
        let sign = |sign| match sign {
            Sign::Both => ' ',
            Sign::Expected => '-',
            Sign::Came => '+',
            Sign::Gap => '.',
        };
        let lines = lines(expected, came, &Mask::default()).into_iter();
        lines.map(|(mark, line)| format!("{}{line}\n", sign(mark))).collect()
    }

    #[test]
    fn short_values_stand_below_each_other() {
        assert_eq!(shown(&json!("a"), Some(&json!("b"))), "-a\n+b\n");
        assert_eq!(shown(&json!("1"), Some(&json!(1))), "-\"1\"\n+1\n");
        assert_eq!(shown(&json!(1.5), None), "-1.5\n+(nothing)\n");
        assert_eq!(shown(&json!({"$contains": "x"}), Some(&json!(null))), "-contains \"x\"\n+null\n");
        assert_eq!(shown(&json!([{"a": 1}]), Some(&json!([]))), "-[{ a: 1 }]\n+[]\n");
    }

    #[test]
    fn long_ones_share_the_lines_that_are_alike() {
        let list = |n: usize| (0..n).map(|n| json!({"item": n, "name": "a name"})).collect::<Json>();
        let shown = shown(&list(4), Some(&list(5)));
        assert!(shown.starts_with(".…\n"), "{shown}");
        assert!(shown.ends_with("+- item: 4\n+  name: a name\n"), "{shown}");
    }

    #[test]
    fn of_long_lines_the_place_is_shown_where_they_part() {
        let (a, b) = (format!("{}x", "a".repeat(500)), format!("{}y", "a".repeat(500)));
        let shown = shown(&json!(a), Some(&json!(b)));
        assert!(shown.lines().all(|line| line.chars().count() < 60), "{shown}");
        assert!(shown.contains("ax\n") && shown.contains("ay\n"), "{shown}");
    }
}

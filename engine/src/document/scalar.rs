//! Small typed values: names, counts, durations.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fields::wrong_type;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Kind, Node, Spanned, Text};

const OUT_OF_RANGE: Code = Code("PW0204");
const BAD_DURATION: Code = Code("PW0205");
const BAD_NAME: Code = Code("PW0206");
const UNKNOWN_WORD: Code = Code("PW0207");
const BAD_SIZE: Code = Code("PW0277");

/// Text, where only text will do.
pub fn text<'a>(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a Text> {
    let text = node.as_text();
    if text.is_none() {
        diagnostics.push(wrong_type(what, "text", node));
    }
    text
}

/// Text that is taken as it stands.
pub fn word(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Spanned<String>> {
    text(node, what, diagnostics).map(|text| Spanned::new(text.value.clone(), text.span))
}

/// `true` or `false`.
pub fn boolean(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<bool> {
    match &node.kind {
        Kind::Bool(value) => Some(*value),
        _ => {
            diagnostics.push(wrong_type(what, "true or false", node));
            None
        }
    }
}

/// A whole number within `range`.
pub fn count(
    node: &Node,
    what: &str,
    range: RangeInclusive<u32>,
    diagnostics: &mut Diagnostics,
) -> Option<u32> {
    let Kind::Int(value) = node.kind else {
        diagnostics.push(wrong_type(what, "a whole number", node));
        return None;
    };
    let fits = u32::try_from(value).ok().filter(|value| range.contains(value));
    if fits.is_none() {
        diagnostics.push(
            Diagnostic::error(
                OUT_OF_RANGE,
                format!("{what} must be from {} to {}, not {value}", range.start(), range.end()),
            )
            .at(node.span, "out of range"),
        );
    }
    fits
}

/// A number within `range`.
pub fn number(
    node: &Node,
    what: &str,
    range: RangeInclusive<f64>,
    diagnostics: &mut Diagnostics,
) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts beyond 2^52 are out of every range here")]
    let value = match node.kind {
        Kind::Int(value) => value as f64,
        Kind::Float(value) => value,
        _ => {
            diagnostics.push(wrong_type(what, "a number", node));
            return None;
        }
    };
    if range.contains(&value) {
        return Some(value);
    }
    diagnostics.push(
        Diagnostic::error(
            OUT_OF_RANGE,
            format!("{what} must be from {} to {}, not {value}", range.start(), range.end()),
        )
        .at(node.span, "out of range"),
    );
    None
}

/// A duration such as `250ms`, `30s`, `1m30s`, `2h` or `7d`.
pub fn duration(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let found = node.as_text().and_then(|text| parse_duration(&text.value));
    if found.is_none() {
        diagnostics.push(
            Diagnostic::error(BAD_DURATION, format!("{what} is not a duration"))
                .at(node.span, "expected a number and a unit")
                .help("write `250ms`, `30s`, `1m30s`, `2h` or `7d`"),
        );
    }
    found
}

/// Reads a duration: numbers each followed by `ms`, `s`, `m`, `h` or `d`; none beyond ten years.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

/// A duration as it is written: `1m30s`; what is less than a millisecond is left out.
#[must_use]
pub fn written(time: Duration) -> String {
    let millis = time.as_millis();
    let parts = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let mut text = String::new();
    let mut left = millis;
    for (size, unit) in parts {
        let count = left / size;
        left %= size;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A number of bytes such as `512KB` or `10MiB`, within `range`.
pub fn size(
    node: &Node,
    what: &str,
    range: RangeInclusive<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    let found = match &node.kind {
        Kind::Int(value) => u64::try_from(*value).ok(),
        Kind::Text(text) => parse_size(&text.value),
        _ => None,
    };
    let fits = found.filter(|size| range.contains(size));
    if fits.is_none() {
        let label = if found.is_some() { "out of range" } else { "expected a number and a unit" };
        diagnostics.push(
            Diagnostic::error(BAD_SIZE, format!("{what} is not a size that it can be"))
                .at(node.span, label)
                .help(format!(
                    "write `512KB`, `10MB` or `10MiB`; from {} to {} bytes",
                    range.start(),
                    range.end()
                )),
        );
    }
    fits
}

/// Reads a size: a number followed by `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let factor = match unit.trim() {
        "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A name: lower-case letters, digits and `_`, beginning with a letter.
pub fn name(value: &Spanned<String>, what: &str, diagnostics: &mut Diagnostics) -> bool {
    let good = is_name(&value.value);
    if !good {
        diagnostics.push(
            Diagnostic::error(BAD_NAME, format!("`{}` cannot be the name of {what}", value.value))
                .at(value.span, "not snake_case")
                .help("use lower-case letters, digits and `_`, and begin with a letter"),
        );
    }
    good
}

/// A key of a `set`: an identifier, which may have capitals, since it may be sent as it is.
pub fn key_name(value: &Spanned<String>, diagnostics: &mut Diagnostics) -> bool {
    let mut bytes = value.value.bytes();
    let good = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !good {
        diagnostics.push(
            Diagnostic::error(BAD_NAME, format!("`{}` cannot be the name of a value", value.value))
                .at(value.span, "not a name")
                .help("use letters, digits and `_`, or put the map under one name"),
        );
    }
    good
}

/// Whether `text` is `snake_case`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// One word of a closed set.
pub fn choice<T: Copy>(
    node: &Node,
    what: &str,
    words: &[(&'static str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let text = text(node, what, diagnostics)?;
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(*found);
    }
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    diagnostics.push(
        Diagnostic::error(UNKNOWN_WORD, format!("{what} cannot be `{}`", text.value))
            .at(text.span, "unknown word")
            .help(format!("use {}", super::fields::list(&known)))
            .suggest(&text.value, known.iter().copied()),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("1m30s"), Some(90_000));
        assert_eq!(ms("1.5h"), Some(5_400_000));
        assert_eq!(ms("7d"), Some(604_800_000));
        for text in ["0s", "250ms", "1m30s", "2h", "7d3h"] {
            assert_eq!(parse_duration(text).map(written).as_deref(), Some(text));
        }
        for bad in ["", "5", "s", "5 s", "-5s", "1y", "1e9h", "99999999d", "1..5s"] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("10MB"), Some(10_000_000));
        assert_eq!(parse_size("10 MiB"), Some(10 << 20));
        assert_eq!(parse_size("512B"), Some(512));
        for bad in
            ["", "10", "MB", "-1MB", "1.5MB", "10mb", "10M", "99999999999999999999B", "9999999999999GiB"]
        {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn names() {
        assert!(is_name("create_transaction2"));
        for bad in ["", "Create", "2nd", "_x", "a-b", "é"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}

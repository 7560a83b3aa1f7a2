//! Plain scalars by YAML 1.2's core schema.
//!
//! One deviation: a whole number with leading zeros (`017`) is text. The core schema reads it
//! as 17, YAML 1.1 as 15, and what authors mean is mostly neither: a postal code, an account.

use super::Kind;

/// Why a scalar that looks like a number is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Neither an `i64` nor exactly a floating-point number.
    TooLarge,
    /// Infinite, or not a number.
    NotFinite,
}

/// The types that a tag may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    Null,
    Bool,
    Int,
    Float,
}

/// What a plain scalar is; `None` means text.
pub(super) fn resolve(plain: &str) -> Result<Option<Kind>, Unfit> {
    let first = plain.bytes().next();
    Ok(match plain {
        "" | "~" | "null" | "Null" | "NULL" => Some(Kind::Null),
        "true" | "True" | "TRUE" => Some(Kind::Bool(true)),
        "false" | "False" | "FALSE" => Some(Kind::Bool(false)),
        _ if !matches!(first, Some(b'0'..=b'9' | b'+' | b'-' | b'.')) => None,
        _ if is_not_finite(plain) => return Err(Unfit::NotFinite),
        _ => match integer(plain) {
            Some(number) => Some(number?),
            None if is_float(plain) => Some(float(plain)?),
            None => None,
        },
    })
}

/// Reads a scalar as the type its tag names; `None` where it is not one.
pub(super) fn resolve_as(core: Core, text: &str) -> Result<Option<Kind>, Unfit> {
    let kind = resolve(text)?;
    Ok(match (core, kind) {
        (Core::Null, Some(Kind::Null)) => Some(Kind::Null),
        (Core::Bool, Some(Kind::Bool(value))) => Some(Kind::Bool(value)),
        (Core::Int, Some(Kind::Int(value))) => Some(Kind::Int(value)),
        (Core::Float, Some(Kind::Int(_) | Kind::Float(_))) => Some(float(text)?),
        _ => None,
    })
}

fn unsigned(plain: &str) -> &str {
    plain.strip_prefix(['-', '+']).unwrap_or(plain)
}

fn is_not_finite(plain: &str) -> bool {
    matches!(unsigned(plain), ".inf" | ".Inf" | ".INF") || matches!(plain, ".nan" | ".NaN" | ".NAN")
}

/// `None`: not an integer at all.
fn integer(plain: &str) -> Option<Result<Kind, Unfit>> {
    let (digits, radix) = match plain.get(..2) {
        Some("0o") => (plain.get(2..)?, 8),
        Some("0x") => (plain.get(2..)?, 16),
        _ => (unsigned(plain), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let negative = plain.starts_with('-');
    let Ok(magnitude) = i128::from_str_radix(digits, radix) else { return Some(Err(Unfit::TooLarge)) };
    let value = if negative { -magnitude } else { magnitude };
    Some(match i64::try_from(value) {
        Ok(value) => Ok(Kind::Int(value)),
        Err(_) => exact(value).map(Kind::Float).ok_or(Unfit::TooLarge),
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the loss is what is tested"
)]
fn exact(value: i128) -> Option<f64> {
    let float = value as f64;
    (float.abs() < 2f64.powi(126) && float as i128 == value).then_some(float)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(plain: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (number, exponent) = match unsigned(plain).split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(unsigned(exponent))),
        None => (unsigned(plain), None),
    };
    if exponent.is_some_and(|exponent| exponent.is_empty() || !digits(exponent)) {
        return false;
    }
    match number.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()),
        // Without a point or an exponent it is an integer with leading zeros: text.
        None => exponent.is_some() && !number.is_empty() && digits(number),
    }
}

fn float(plain: &str) -> Result<Kind, Unfit> {
    let value = match integer(plain) {
        Some(Ok(Kind::Int(value))) => {
            return exact(i128::from(value)).map(Kind::Float).ok_or(Unfit::TooLarge);
        }
        Some(Ok(Kind::Float(value))) => return Ok(Kind::Float(value)),
        _ => plain.parse::<f64>().map_err(|_| Unfit::TooLarge)?,
    };
    if value.is_finite() { Ok(Kind::Float(value)) } else { Err(Unfit::TooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(plain: &str) -> Option<Kind> {
        resolve(plain).unwrap()
    }

    #[test]
    fn words_of_the_core_schema_only() {
        for text in ["on", "yes", "no", "off", "y", "nUll", "tRue", "Yes", "None", "."] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert_eq!(kind("~"), Some(Kind::Null));
        assert_eq!(kind("Null"), Some(Kind::Null));
        assert_eq!(kind("TRUE"), Some(Kind::Bool(true)));
        assert_eq!(kind("False"), Some(Kind::Bool(false)));
    }

    #[test]
    fn integers() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("+12", 12),
            ("0o17", 15),
            ("0xfF", 255),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(kind(text), Some(Kind::Int(value)), "{text}");
        }
        for text in ["-0x1", "0o8", "0xg", "0b1", "1_000", "0x", "+", "-", "1:30", "٣"] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn leading_zeros_make_text() {
        for text in ["017", "00", "-017", "+00", "09"] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert_eq!(kind("017.5"), Some(Kind::Float(17.5)));
    }

    #[test]
    fn large_integers_are_exact_or_refused() {
        assert_eq!(kind("9223372036854775808"), Some(Kind::Float(9_223_372_036_854_775_808.0)));
        assert_eq!(kind("10000000000000000000000"), Some(Kind::Float(1e22)));
        assert_eq!(resolve("9223372036854775809"), Err(Unfit::TooLarge));
        assert_eq!(resolve("18446744073709551615"), Err(Unfit::TooLarge));
        assert_eq!(resolve("340282366920938463463374607431768211455"), Err(Unfit::TooLarge));
        assert_eq!(resolve(&"9".repeat(5000)), Err(Unfit::TooLarge));
        assert_eq!(resolve("0xffffffffffffffffffffffffffffffffffffffff"), Err(Unfit::TooLarge));
    }

    #[test]
    fn floats() {
        for (text, value) in
            [("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("-1e3", -1000.0), ("+1E-2", 0.01), ("01e3", 1000.0)]
        {
            assert_eq!(kind(text), Some(Kind::Float(value)), "{text}");
        }
        for text in ["1.2.3", "e3", "1e", "1e+", "-.", "inf", "nan", "infinity", "1f", "0x1.8"] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert_eq!(resolve("1e999"), Err(Unfit::TooLarge));
        for text in [".inf", "-.Inf", "+.INF", ".nan", ".NaN"] {
            assert_eq!(resolve(text), Err(Unfit::NotFinite), "{text}");
        }
    }

    #[test]
    fn tags_ask_for_a_type() {
        assert_eq!(resolve_as(Core::Float, "3"), Ok(Some(Kind::Float(3.0))));
        assert_eq!(resolve_as(Core::Int, "3.5"), Ok(None));
        assert_eq!(resolve_as(Core::Null, ""), Ok(Some(Kind::Null)));
        assert_eq!(resolve_as(Core::Float, "9007199254740993"), Err(Unfit::TooLarge));
    }
}

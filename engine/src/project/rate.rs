//! How many calls may begin in a period: `50/s`.

use std::time::Duration;

use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Kind, Node};

const BAD_RATE: Code = Code("PW0609");

/// So many in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub period: Duration,
}

impl Rate {
    /// Reads `50/s`, `100/m`, `1000/h` or `10000/d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let count = count.trim().parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
        Some(Self { count, period: Duration::from_secs(seconds) })
    }

    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let node = &reader.plain(node, "`rate`")?;
        let rate = match &node.kind {
            Kind::Text(text) => Self::parse(&text.value),
            _ => None,
        };
        if rate.is_none() {
            reader.push(
                Diagnostic::error(BAD_RATE, "`rate` is not a rate")
                    .at(node.span, "expected a count, `/` and a unit")
                    .help("write `50/s`, `100/m`, `1000/h` or `10000/d`"),
            );
        }
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |text| Rate::parse(text).map(|rate| (rate.count, rate.period.as_secs()));
        assert_eq!(rate("50/s"), Some((50, 1)));
        assert_eq!(rate("100 / m"), Some((100, 60)));
        for bad in ["", "50", "/s", "0/s", "-1/s", "1.5/s", "50/w", "50/s/s", "9999999999/s"] {
            assert_eq!(rate(bad), None, "{bad}");
        }
    }
}

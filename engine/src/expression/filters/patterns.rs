//! Regular expressions, which match in linear time.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::{Call, Definition, Undefined, optional, required, text};
use crate::Value;
use crate::expression::text::MAX_TEXT;

pub(super) const FILTERS: &[Definition] = &[
    Definition {
        name: "regex_find",
        parameters: &[required("pattern"), optional("group", "0")],
        about: "The first match of a regular expression, or a group of it by number; none if there is no match.",
        examples: &[
            ("'order 42, 43' | regex_find('[0-9]+')", r#""42""#),
            ("'order 42' | regex_find('order ([0-9]+)', 1)", r#""42""#),
            ("'order' | regex_find('[0-9]+')", "null"),
        ],
        undefined: Undefined::Refused,
        function: find,
    },
    Definition {
        name: "regex_replace",
        parameters: &[required("pattern"), required("with")],
        about: "The text with every match replaced; `$1` stands for the first group, `$$` for `$`.",
        examples: &[
            ("'a1b22' | regex_replace('[0-9]+', '#')", r##""a#b#""##),
            ("'ada lovelace' | regex_replace('([a-z]+) ([a-z]+)', '$2 $1')", r#""lovelace ada""#),
        ],
        undefined: Undefined::Refused,
        function: replace,
    },
];

/// Patterns kept compiled.
const KEPT: usize = 64;
/// Bytes that a compiled pattern may take.
const MAX_PATTERN: usize = 1 << 20;

/// Refuses what is no regular expression.
pub(super) fn verify(pattern: &str) -> Result<(), String> {
    compiled(pattern).map(|_| ())
}

/// Compiles `pattern`, or finds it compiled.
fn compiled(pattern: &str) -> Result<Regex, String> {
    thread_local! {
        static CACHE: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    CACHE.with_borrow_mut(|cache| {
        if let Some(regex) = cache.get(pattern) {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).build();
        let regex = built.map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            format!("the pattern is not a regular expression: {last}")
        })?;
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    })
}

fn find(call: &Call) -> Result<Value, String> {
    let regex = compiled(call.text(0)?.unwrap_or(""))?;
    let group = call.count(1, 0)?;
    if group >= regex.captures_len() {
        return Err(format!("the pattern has no group {group}"));
    }
    let text = text(&call.input)?;
    let found = if group == 0 {
        regex.find(text)
    } else {
        regex.captures(text).and_then(|captures| captures.get(group))
    };
    Ok(found.map_or(Value::from(()), |found| Value::from(found.as_str())))
}

fn replace(call: &Call) -> Result<Value, String> {
    let regex = compiled(call.text(0)?.unwrap_or(""))?;
    let with = call.text(1)?.unwrap_or("");
    let text = text(&call.input)?;
    let (mut replaced, mut at) = (String::new(), 0);
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        replaced.push_str(text.get(at..found.start()).unwrap_or(""));
        captures.expand(with, &mut replaced);
        at = found.end();
        if replaced.len() > MAX_TEXT {
            return Err("the text is longer than 16 MiB".to_owned());
        }
    }
    replaced.push_str(text.get(at..).unwrap_or(""));
    Ok(Value::from(replaced))
}

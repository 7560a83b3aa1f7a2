//! Syntax errors: the parser's, told in the author's words.
//!
//! What beginners stumble over most has a code and a page of its own; the rest is PW0101.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::raw::Raw;
use super::{tabs, tags, template};
use crate::diagnostic::{Code, Diagnostic, Fix};

const SYNTAX: Code = Code("PW0101");
const TEXT_AFTER_QUOTES: Code = Code("PW0103");
const COLON: Code = Code("PW0105");
const NOT_CLOSED: Code = Code("PW0121");

/// What the tree knew when the parser gave up.
pub(super) struct Whereabouts<'a> {
    pub(super) raw: Raw<'a>,
    pub(super) last: Option<LastScalar>,
    /// The limit of nesting.
    pub(super) depth: usize,
    /// Where the innermost open `[` or `{` stands.
    pub(super) open: Option<usize>,
    /// An unquoted template was reported on the line of the error.
    pub(super) follows_template: bool,
}

/// The last scalar that was read whole.
#[derive(Clone)]
pub(super) struct LastScalar {
    pub(super) range: Range<usize>,
}

/// The diagnostic of an error at `at`; `None` if it follows from one that was reported.
pub(super) fn diagnose(kind: &ErrorKind, at: usize, known: &Whereabouts<'_>) -> Option<Diagnostic> {
    let raw = known.raw;
    if known.follows_template {
        return None;
    }
    if let Some(start) = template::before(raw, at) {
        return Some(template::unquoted(raw, start, known.open.is_some_and(|open| open < start)).0);
    }
    if known.open.is_some()
        && let Some(problem) = template::variable(raw, at)
    {
        return Some(problem);
    }
    Some(by_kind(kind, at, known))
}

fn by_kind(kind: &ErrorKind, at: usize, known: &Whereabouts<'_>) -> Diagnostic {
    use ErrorKind as E;
    let raw = known.raw;
    match kind {
        E::InvalidTrailingDoubleQuotedScalar => after_quotes(raw, at, '"', known.open.is_some()),
        E::InvalidTrailingSingleQuotedScalar => after_quotes(raw, at, '\'', known.open.is_some()),
        E::MappingValueNotAllowed | E::InvalidMappingValueWhitespace => colon(at, known),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabAtBlockScalarStart
        | E::TabInIndentation
        | E::TabInPlainScalar => tabs::diagnostic(raw, tabs::near(raw, at)),
        E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UndeclaredTagHandle
        | E::UnclosedVerbatimTag
        | E::InvalidGlobalTagCharacter
        | E::InvalidTagEscape => tags::refused_at(raw, word(raw, at)),
        E::RecursionLimitExceeded => super::tree::too_deep(known.depth, raw.span(&(at..at))),
        E::UnclosedQuotedScalar => not_closed(raw, at, "quote"),
        E::UnclosedFlowCollection { open: '[' } => not_closed(raw, at, "list"),
        E::UnclosedFlowCollection { .. } => not_closed(raw, at, "map"),
        _ => match known.open.filter(|open| !raw.same_line(*open, at)) {
            Some(open) => {
                let what = if raw.after(open).starts_with('[') { "list" } else { "map" };
                not_closed(raw, open, what).at(raw.span(&character(raw, at)), "this cannot belong to it")
            }
            None => other(kind, at, raw),
        },
    }
}

fn after_quotes(raw: Raw<'_>, at: usize, quote: char, in_flow: bool) -> Diagnostic {
    let end = raw.value_end(at).max(character(raw, at).end);
    let line_start = raw.line_start(at);
    let opening = raw.slice(line_start..at).match_indices(quote).map(|(n, _)| line_start + n).find(|n| {
        let before = raw.slice(line_start..*n);
        before.is_empty() || before.ends_with([' ', '\t', ',', '[', '{'])
    });
    let problem = Diagnostic::error(TEXT_AFTER_QUOTES, "text follows a quoted text")
        .at(raw.span(&(at..end)), "the value ended before this");
    let Some(start) = opening else { return problem.help("put quotes around the whole value") };
    let value = raw.slice(start..end);
    let problem = problem.help(format!("put quotes around the whole value: {}", template::quoted(value)));
    // In a flow collection, where the value ends is not certain.
    match in_flow {
        true => problem,
        false => problem.fix(Fix::Text(raw.span(&(start..end)), template::in_quotes(value))),
    }
}

fn colon(at: usize, known: &Whereabouts<'_>) -> Diagnostic {
    let raw = known.raw;
    let here = raw.span(&character(raw, at));
    let last = known.last.as_ref().filter(|last| last.range.end == at).map(|last| last.range.start);
    if let Some(text) = last.filter(|text| !raw.same_line(*text, at)) {
        let key = raw.line_start(at) + indentation(raw, at);
        let name = template::shorten(raw.slice(key..at));
        let above = text..raw.line_end(text);
        let is_beside = text - raw.line_start(text) == key - raw.line_start(at);
        let help = match template::shorten(raw.slice(above.clone())) {
            above if is_beside => format!("write `{above}:` above if that is a key"),
            _ => "indent it like the key it stands beside".to_owned(),
        };
        return Diagnostic::error(COLON, format!("`{name}` cannot be a key here"))
            .at(raw.span(&(key..at + 1)), "continues the text above")
            .at(raw.span(&above), "this text")
            .help(help);
    }
    let start = last.unwrap_or(at);
    let end = raw.value_end(at);
    let value = raw.slice(start..end);
    let problem = Diagnostic::error(COLON, "`: ` cannot stand inside text without quotes")
        .at(here, "YAML reads a key and a value here")
        .help(format!("put the whole text in quotes: {}", template::quoted(value)));
    match known.open {
        Some(_) => problem,
        None => problem.fix(Fix::Text(raw.span(&(start..end)), template::in_quotes(value))),
    }
}

fn not_closed(raw: Raw<'_>, at: usize, what: &str) -> Diagnostic {
    let close = match raw.after(at).chars().next() {
        Some('[') => ']',
        Some('{') => '}',
        Some(quote) => quote,
        None => '"',
    };
    Diagnostic::error(NOT_CLOSED, format!("the {what} that begins here does not end"))
        .at(raw.span(&character(raw, at)), "begins here")
        .help(format!("write `{close}` where it ends"))
}

fn other(kind: &ErrorKind, at: usize, raw: Raw<'_>) -> Diagnostic {
    use ErrorKind as E;
    let unexpected = raw.after(at).chars().next();
    let (message, help) = match kind {
        E::UnexpectedCharacter { character } => (
            match character {
                '`' => "text without quotes cannot begin with a backtick".to_owned(),
                other => format!("text without quotes cannot begin with `{}`", other.escape_default()),
            },
            "put the text in quotes",
        ),
        E::MissingAnchorOrAliasName => {
            ("`*` and `&` need a name".to_owned(), "put text that begins with `*` or `&` in quotes")
        }
        E::CommentInterceptedScalar => (
            "a comment cannot stand inside text of several lines".to_owned(),
            "put the comment above the text, or the text after `|`",
        ),
        E::CommentNotSeparated => {
            ("a comment must have a space before `#`".to_owned(), "write a space before `#`")
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => (
            "the text in double quotes has an escape that YAML does not know".to_owned(),
            "write `\\\\` for a backslash, or use single quotes",
        ),
        E::BlockSequenceEntryNotAllowed | E::BlockEntryInFlowCollection => {
            ("`- ` cannot begin an item here".to_owned(), "begin the list on a line of its own")
        }
        E::ExpectedBlockMappingKey => (
            "this line does not fit the map it stands in".to_owned(),
            "indent it like the other keys, and write `key: value`",
        ),
        E::ExpectedBlockSequenceEntry => {
            ("this line does not fit the list it stands in".to_owned(), "indent it, or begin it with `- `")
        }
        E::ExpectedFlowMappingSeparator => {
            ("`,` or `}` is missing".to_owned(), "separate entries with `,` and end the map with `}`")
        }
        E::ExpectedFlowSequenceSeparator => {
            ("`,` or `]` is missing".to_owned(), "separate items with `,` and end the list with `]`")
        }
        E::MisplacedFlowCollectionEnd | E::MismatchedFlowCollectionEnd { .. } => {
            ("this bracket closes nothing".to_owned(), "remove it, or put the text in quotes")
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey | E::InvalidColonPlacement => {
            ("a key must stand on one line with its `:`".to_owned(), "write `key: value`")
        }
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent => (
            "only `+`, `-`, an indentation or a comment can follow `|` or `>`".to_owned(),
            "begin the text on the next line",
        ),
        E::InvalidBlockScalarIndent | E::InvalidIndentation | E::InvalidQuotedScalarIndent => {
            ("the indentation of this line does not fit".to_owned(), "indent it like the lines it belongs to")
        }
        _ => match unexpected {
            Some(_) => ("this is not YAML".to_owned(), "check the indentation, quotes and brackets nearby"),
            None => {
                ("the file ends too early".to_owned(), "check the indentation, quotes and brackets above")
            }
        },
    };
    let span = match kind {
        E::SimpleKeyExpected => word(raw, at),
        _ => character(raw, at),
    };
    Diagnostic::error(SYNTAX, message).at(raw.span(&span), "").help(help)
}

/// The character at `at`.
fn character(raw: Raw<'_>, at: usize) -> Range<usize> {
    at..at + raw.after(at).chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8)
}

/// The word at `at`.
fn word(raw: Raw<'_>, at: usize) -> Range<usize> {
    let rest = raw.slice(at..raw.line_end(at));
    at..at + rest.find([' ', '\t']).unwrap_or(rest.len())
}

fn indentation(raw: Raw<'_>, at: usize) -> usize {
    let line = raw.slice(raw.line_start(at)..at);
    line.len() - line.trim_start_matches(' ').len()
}

//! What came of the cases, as JUnit's XML, which continuous integration reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use pathway_engine::diagnostic::Diagnostic;
use pathway_engine::source::{Sources, Span};
use pathway_engine::testing::Problem;

use super::super::run::Mask;
use super::super::{Exit, Failure};
use super::difference::{self, Sign};
use super::play::Told;

/// Writes it to a file.
pub(super) fn write(path: &Path, told: &Told<'_>) -> Result<(), Failure> {
    std::fs::write(path, xml(told)).map_err(|error| {
        Failure::new(Exit::Failure, format!("`{}` was not written: {error}", path.display()))
    })
}

fn xml(told: &Told<'_>) -> String {
    let sources = &told.found.config.sources;
    let cases = &told.ended.cases;
    let failed = cases.iter().filter(|one| !one.played.problems.is_empty()).count();
    let unused = usize::from(!told.ended.unused.is_empty());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut put = |line: std::fmt::Arguments<'_>| {
        // Writing to text does not fail.
        let _written = writeln!(xml, "{line}");
    };
    put(format_args!(
        "<testsuites name=\"pathway\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">",
        cases.len() + unused + told.found.errors.len(),
        failed + unused,
        told.found.errors.len(),
        told.took.as_secs_f64()
    ));
    let mut paths: Vec<&str> = cases.iter().map(|one| one.path).collect();
    paths.dedup();
    for path in paths {
        let mine: Vec<_> = cases.iter().filter(|one| one.path == path).collect();
        let failed = mine.iter().filter(|one| !one.played.problems.is_empty()).count();
        let name = escaped(path);
        put(format_args!("  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\">", mine.len()));
        for one in mine {
            let (case, pathway) = (escaped(&one.case.name.value), escaped(one.case.pathway()));
            let line = sources.locate(one.case.name.span).line;
            let head = format!("name=\"{case}\" classname=\"{pathway}\" file=\"{name}\" line=\"{line}\"");
            if one.played.problems.is_empty() {
                put(format_args!("    <testcase {head}/>"));
                continue;
            }
            put(format_args!("    <testcase {head}>"));
            let mask = told.mask(one);
            for problem in &one.played.problems {
                put(format_args!("{}", failure(problem, &mask, sources)));
            }
            put(format_args!("    </testcase>"));
        }
        put(format_args!("  </testsuite>"));
    }
    if unused > 0 {
        put(format_args!("  <testsuite name=\"mocks\" tests=\"1\" failures=\"1\">"));
        put(format_args!("    <testcase name=\"every mock is asked\" classname=\"mocks\">"));
        for problem in &told.ended.unused {
            put(format_args!("{}", failure(problem, &Mask::default(), sources)));
        }
        put(format_args!("    </testcase>\n  </testsuite>"));
    }
    for (path, errors) in unread(told) {
        let (name, count) = (escaped(&path), errors.len());
        put(format_args!(
            "  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"0\" errors=\"{count}\">"
        ));
        for error in errors {
            let line = error.labels.first().map_or(1, |label| sources.locate(label.span).line);
            let (code, message) = (escaped(error.code.0), escaped(&error.message));
            let help = escaped(error.help.as_deref().unwrap_or_default());
            put(format_args!(
                "    <testcase name=\"it can be read: {code}\" classname=\"{name}\" file=\"{name}\" line=\"{line}\">"
            ));
            put(format_args!(
                "      <error type=\"{code}\" message=\"{message}\">{name}:{line}\n{help}</error>"
            ));
            put(format_args!("    </testcase>"));
        }
        put(format_args!("  </testsuite>"));
    }
    put(format_args!("</testsuites>"));
    xml
}

/// Why files could not be read, by file.
fn unread<'a>(told: &'a Told<'_>) -> BTreeMap<String, Vec<&'a Diagnostic>> {
    let mut files: BTreeMap<String, Vec<&Diagnostic>> = BTreeMap::new();
    for error in &told.found.errors {
        let path = error.labels.first().map(|label| told.found.config.sources.path(label.span.file));
        files.entry(path.unwrap_or("project").to_owned()).or_default().push(error);
    }
    files
}

fn failure(problem: &Problem, mask: &Mask, sources: &Sources) -> String {
    let mut text = place(problem.span, sources);
    for difference in &problem.differences {
        text.push_str(&format!("\n{} ({})", difference.path, place(difference.span, sources)));
        for (sign, line) in difference::lines(&difference.expected, difference.came.as_ref(), mask) {
            let sign = match sign {
                Sign::Both | Sign::Gap => ' ',
                Sign::Expected => '-',
                Sign::Came => '+',
            };
            text.push_str(&format!("\n  {sign} {line}"));
        }
    }
    for (span, why) in &problem.places {
        text.push_str(&format!("\n{}: {why}", place(*span, sources)));
    }
    text.extend(problem.help.iter().map(|help| format!("\n{help}")));
    format!(
        "      <failure message=\"{}\">{}</failure>",
        escaped(&mask.text(&problem.message)),
        escaped(&mask.text(&text))
    )
}

fn place(span: Span, sources: &Sources) -> String {
    format!("{}:{}", sources.path(span.file), sources.locate(span).line)
}

/// A text as XML has it; characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(char::REPLACEMENT_CHARACTER)
            }
            c => escaped.push(c),
        }
    }
    escaped
}

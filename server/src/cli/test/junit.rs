//! What came of the cases, as JUnit's XML, which continuous integration reads.

use std::fmt::Write as _;
use std::path::Path;

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
        "<testsuites name=\"pathway\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        cases.len() + unused,
        failed + unused,
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
    put(format_args!("</testsuites>"));
    xml
}

fn failure(problem: &Problem, mask: &Mask, sources: &Sources) -> String {
    let mut text = place(problem.span, sources);
    for difference in &problem.differences {
        text.push_str(&format!("\n{} ({})", difference.path, place(difference.span, sources)));
        for (sign, line) in difference::lines(&difference.expected, difference.came.as_ref()) {
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

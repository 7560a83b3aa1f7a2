//! What came of the cases, for people.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use pathway_engine::source::Span;
use pathway_engine::testing::{Coverage, Played, Problem, State, Step};

use super::super::run::{Mark, Mask, Style, duration, line};
use super::super::{Session, terminal};
use super::coverage;
use super::difference::{self, Sign};
use super::play::{One, Told};
use terminal::counted;

/// Steps of a run that are shown.
const STEPS: usize = 30;
/// Characters of a line.
const WIDEST: usize = 240;

/// Tells it.
pub(super) fn tell(session: &Session, told: &Told<'_>, coverage: Option<&[Coverage]>) -> io::Result<()> {
    let screen = Screen { told, style: Style { color: session.terminal.colors_results() } };
    let mut text = String::new();
    for line in screen.files(session.is_verbose(), session.terminal.is_quiet()) {
        text.push_str(&line);
        text.push('\n');
    }
    for one in told.ended.cases.iter().filter(|one| !one.played.problems.is_empty()) {
        text.push('\n');
        text.push_str(&screen.failed(one));
    }
    for problem in &told.ended.unused {
        text.push('\n');
        screen.problem(problem, &Mask::default(), "", &mut text);
    }
    if let Some(coverage) = coverage {
        text.push('\n');
        text.push_str(&coverage::text(coverage, &told.found.program, &told.found.config.sources));
    }
    if !text.trim().is_empty() {
        session.terminal.result(text.trim_end())?;
    }
    session.terminal.note(&screen.summary())
}

struct Screen<'a> {
    told: &'a Told<'a>,
    style: Style,
}

impl Screen<'_> {
    /// A line for each file; if more is wanted, one for each case.
    fn files(&self, is_verbose: bool, is_quiet: bool) -> Vec<String> {
        let mut files: BTreeMap<&str, Vec<&One<'_>>> = BTreeMap::new();
        self.told.ended.cases.iter().for_each(|one| files.entry(one.path).or_default().push(one));
        let mut lines = Vec::new();
        for (path, cases) in files {
            let failed = cases.iter().filter(|one| !one.played.problems.is_empty()).count();
            let mark = self.style.mark(if failed > 0 { Mark::Failed } else { Mark::Done });
            let count = match failed {
                0 => counted(cases.len(), "case"),
                failed => format!("{failed} of {} failed", counted(cases.len(), "case")),
            };
            if !is_quiet || failed > 0 {
                lines.push(format!("{mark} {path}  {count}"));
            }
            for one in cases.iter().filter(|_| is_verbose) {
                let is_good = one.played.problems.is_empty();
                let mark = self.style.mark(if is_good { Mark::Done } else { Mark::Failed });
                let time = match one.played.took {
                    Duration::ZERO => String::new(),
                    took => format!("  {} of virtual time", duration(took)),
                };
                lines.push(format!("  {mark} {}{time}", line(&one.case.name.value, WIDEST)));
            }
        }
        lines
    }

    fn failed(&self, one: &One<'_>) -> String {
        let Played { problems, .. } = &one.played;
        let name = line(&one.case.name.value, WIDEST);
        let mut text = format!(
            "{} {}\n  {}\n",
            self.style.mark(Mark::Failed),
            self.style.bold(&format!("{} › {name}", one.case.pathway())),
            self.place(one.case.name.span),
        );
        let mask = self.told.mask(one);
        for problem in problems {
            self.problem(problem, &mask, "  ", &mut text);
        }
        self.steps(one, &mask, &mut text);
        text.push_str(&format!("  again: {}\n", self.again(one)));
        text
    }

    /// The command that plays the case alone, whole, from the current folder.
    fn again(&self, one: &One<'_>) -> String {
        let file = self.told.found.config.root.folder().join(one.path);
        let path = match std::env::current_dir().and_then(|here| here.canonicalize()) {
            Ok(here) => relative(&file, &here),
            Err(_) => file.display().to_string(),
        };
        // What is no character of a command is left out: a part of the name is enough.
        let parts = one.case.name.value.split(char::is_control);
        let part = parts.max_by_key(|part| part.len()).unwrap_or_default();
        line(&format!("pathway test {} --case {}", word(&path), quoted(part)), usize::MAX)
    }

    /// `pathways/order.test.yaml:12:5`
    fn place(&self, span: Span) -> String {
        let sources = &self.told.found.config.sources;
        let place = sources.locate(span);
        format!("{}:{}:{}", sources.path(span.file), place.line, place.column)
    }

    fn problem(&self, problem: &Problem, mask: &Mask, indent: &str, text: &mut String) {
        let message = line(&mask.text(&problem.message), WIDEST);
        text.push_str(&format!("{indent}{} {message}\n", self.style.red("error:")));
        let mut places = vec![(problem.span, String::new())];
        if !problem.differences.is_empty() {
            places.clear();
        }
        places.extend(problem.places.iter().cloned());
        for difference in &problem.differences {
            let path =
                if difference.path.is_empty() { String::new() } else { format!("{}  ", difference.path) };
            text.push_str(&format!("{indent}  {path}{}\n", self.style.dim(&self.place(difference.span))));
            for (sign, line) in difference::lines(&difference.expected, difference.came.as_ref(), mask) {
                let line = self::line(&mask.text(&line), WIDEST);
                text.push_str(&format!("{indent}    {}\n", self.signed(sign, &line)));
            }
            if let Some(help) = &difference.help {
                text.push_str(&format!("{indent}    {}\n", self.style.dim(&line(&mask.text(help), WIDEST))));
            }
        }
        for (span, why) in places {
            let why = if why.is_empty() { String::new() } else { format!("  {}", mask.text(&why)) };
            text.push_str(&format!(
                "{indent}  {}{}\n",
                self.style.dim(&self.place(span)),
                line(&why, WIDEST)
            ));
        }
        let help = problem.help.as_ref().map(|help| mask.text(help)).unwrap_or_default();
        for help in help.lines() {
            let spaces = help.len() - help.trim_start().len();
            let help = line(help.trim_start(), WIDEST);
            text.push_str(&format!("{indent}  {}{help}\n", " ".repeat(spaces)));
        }
    }

    fn signed(&self, sign: Sign, line: &str) -> String {
        match sign {
            Sign::Both => format!("  {line}"),
            Sign::Expected => self.style.red(&format!("- {line}")),
            Sign::Came => self.style.green(&format!("+ {line}")),
            Sign::Gap => self.style.dim(&format!("  {line}")),
        }
    }

    /// What happened to the steps.
    fn steps(&self, one: &One<'_>, mask: &Mask, text: &mut String) {
        let steps = &one.played.steps;
        if steps.is_empty() {
            return;
        }
        text.push_str("  steps:\n");
        let width = steps.iter().take(STEPS).map(|step| step.name.chars().count()).max().unwrap_or(0).min(40);
        for step in steps.iter().take(STEPS) {
            text.push_str(&format!("    {}\n", self.step(step, width, mask)));
        }
        if steps.len() > STEPS {
            text.push_str(&format!("    … {} more\n", steps.len() - STEPS));
        }
    }

    fn step(&self, step: &Step, width: usize, mask: &Mask) -> String {
        let mark = self.style.mark(match step.state {
            State::Running => Mark::Running,
            State::Finished => Mark::Done,
            State::Skipped => Mark::Skipped,
            State::Failed => Mark::Failed,
            State::Cancelled => Mark::Cancelled,
        });
        let mut facts = Vec::new();
        if matches!(step.state, State::Skipped | State::Cancelled | State::Running) {
            let word = if step.state == State::Running { "not over" } else { step.state.name() };
            facts.push(word.to_owned());
        }
        if step.attempts > 1 {
            facts.push(format!("{} attempts", step.attempts));
        }
        let took = step.ended.saturating_sub(step.began);
        if !took.is_zero() {
            facts.push(duration(took));
        }
        if let Some(failure) = step.failure.as_ref().filter(|_| step.state == State::Failed) {
            facts.push(format!("{}: {}", failure.class.name(), mask.text(&failure.message)));
        }
        let name = line(&step.name, WIDEST);
        let pad = " ".repeat(width.saturating_sub(name.chars().count()));
        format!("{mark} {name}{pad}  {}", line(&facts.join(", "), WIDEST)).trim_end().to_owned()
    }

    /// `46 passed, 1 failed in 8 files, 12 ms`
    fn summary(&self) -> String {
        let cases = &self.told.ended.cases;
        let failed = cases.iter().filter(|one| !one.played.problems.is_empty()).count();
        let mut files: Vec<&str> = cases.iter().map(|one| one.path).collect();
        files.dedup();
        let mut parts = vec![format!("{} passed", cases.len() - failed)];
        parts.extend((failed > 0).then(|| format!("{failed} failed")));
        let unused = self.told.ended.unused.len();
        parts.extend((unused > 0).then(|| counted(unused, "unused mock")));
        let left_out = self.told.ended.left_out;
        parts.extend((left_out > 0).then(|| format!("{left_out} left out")));
        parts.extend((!self.told.found.is_whole).then(|| "not all could be read".to_owned()));
        let time = duration(self.told.took);
        format!("{} in {}, {time}", parts.join(", "), counted(files.len(), "file"))
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as it is, if a shell takes it for one word.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    if text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// The way from a folder to a file.
fn relative(file: &Path, from: &Path) -> String {
    let shared = file.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(file.components().skip(shared)).collect();
    path.display().to_string()
}

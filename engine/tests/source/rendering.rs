//! Diagnostics as people, programs and code hosts get them.

use pathway_engine::diagnostic::{Code, Diagnostic, Format, render};
use pathway_engine::source::{Sources, Span};

const HUMAN: Format = Format::Human { color: false };

fn two_files() -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    let a = sources.add("a,b:c.yaml", "steps:\n  charge:\n    amount: {{ quot }}\n");
    let b = sources.add("pathway.yaml", "é: 1\nservices:\n  quote: {}\n");
    let problem = Diagnostic::error(Code("PW0999"), "no step is named `quot`, 100% sure")
        .at(Span::new(a, 32, 36), "unknown step")
        .at(Span::new(a, 9, 15), "read by this step")
        .at(Span::new(b, 18, 23), "a service, not a step")
        .help("did you mean `quote`?");
    (sources, vec![problem, Diagnostic::warning(Code("PW0998"), "nothing to point at")])
}

#[test]
fn human() {
    let (sources, list) = two_files();
    insta::assert_snapshot!(render(&list, &sources, HUMAN));
}

#[test]
fn colour_only_when_asked() {
    let (sources, list) = two_files();
    assert!(!render(&list, &sources, HUMAN).contains('\u{1b}'));
    assert!(render(&list, &sources, Format::Human { color: true }).contains("\u{1b}["));
}

#[test]
fn json() {
    let (sources, list) = two_files();
    let text = render(&list, &sources, Format::Json);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn github() {
    let (sources, list) = two_files();
    insta::assert_snapshot!(render(&list, &sources, Format::Github));
}

fn one(text: &str, start: usize, end: usize) -> String {
    let mut sources = Sources::new();
    let file = sources.add("a.yaml", text);
    let problem = Diagnostic::error(Code("PW0999"), "wrong").at(Span::new(file, start, end), "here");
    render(&[problem], &sources, HUMAN)
}

#[test]
fn a_long_line_is_cut_around_its_place() {
    let text = format!("a: {} wrong {}\n", "x".repeat(500_000), "y".repeat(500_000));
    let shown = one(&text, 500_004, 500_009);
    assert!(shown.len() < 1500, "{}", shown.len());
    insta::assert_snapshot!(shown);
    let whole = one(&text, 3, text.len());
    assert!(whole.len() < 1500, "{}", whole.len());
}

#[test]
fn a_tall_span_is_cut_to_its_first_line() {
    let shown = one(&"a: b\n".repeat(100_000), 0, 400_000);
    insta::assert_snapshot!(shown);
}

#[test]
fn distant_lines_are_folded() {
    let mut sources = Sources::new();
    let file = sources.add("a.yaml", "line\n".repeat(1000));
    let problem = Diagnostic::error(Code("PW0999"), "wrong")
        .at(Span::new(file, 4500, 4504), "here")
        .at(Span::new(file, 0, 4), "and here");
    insta::assert_snapshot!(render(&[problem], &sources, HUMAN));
}

#[test]
fn a_terminal_never_gets_control_characters() {
    let nasty = "a: \u{1b}[2J\u{7}\u{9b}\u{202e}\r\u{0} b\n";
    let mut sources = Sources::new();
    let file = sources.add("a\u{1b}]0;x\u{7}.yaml", nasty);
    let problem = Diagnostic::error(Code("PW0999"), format!("wrong {nasty}"))
        .at(Span::new(file, 3, 6), nasty)
        .help(nasty);
    let shown = render(&[problem], &sources, HUMAN);
    assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
}

#[test]
fn spans_outside_of_their_file_do_no_harm() {
    for (start, end) in [(0, 0), (5, 5), (5, 900), (900, 1000), (3, 1), (2, 3)] {
        assert!(one("é: b\n", start, end).contains("error[PW0999]: wrong"), "{start}..{end}");
    }
    assert!(one("", 0, 0).contains("a.yaml:1:1"));
}

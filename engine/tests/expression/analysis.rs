//! What is known of an expression without running it: reads, proofs, constants, places.

use pathway_engine::diagnostic::Diagnostics;
use pathway_engine::expression::{Expression, Read, Segment, Variables};
use pathway_engine::source::{Sources, Span, Text};

use super::{text, variables};

fn shown(path: &[Segment]) -> String {
    let mut shown = String::new();
    for (n, segment) in path.iter().enumerate() {
        match segment {
            Segment::Key(name) if n == 0 => shown.push_str(name),
            Segment::Key(name) => shown.push_str(&format!(".{name}")),
            Segment::Index(index) => shown.push_str(&format!("[{index}]")),
            Segment::Dynamic => shown.push_str("[*]"),
        }
    }
    shown
}

/// `path` and its marks: `?` tolerated, `~` conditional, `!` does not flow.
fn read(read: &Read) -> String {
    let mark = |on: bool, mark: &str| if on { mark.to_owned() } else { String::new() };
    shown(&read.path) + &mark(read.tolerated, "?") + &mark(read.conditional, "~") + &mark(!read.flows, "!")
}

fn parse(kind: &str, source: &str) -> (Expression, Sources) {
    let (text, sources) = text(source);
    let mut diagnostics = Diagnostics::new();
    let parsed = match kind {
        "value" => Expression::bare(&text, &Variables::new(), &mut diagnostics),
        "condition" => Expression::condition(&text, &mut diagnostics),
        "optional" => Expression::optional(&text, &mut diagnostics),
        _ => Expression::template(&text, &variables(), &mut diagnostics),
    };
    (parsed.unwrap_or_else(|| panic!("{source}: {diagnostics:?}")), sources)
}

fn reads(kind: &str, source: &str) -> String {
    let (parsed, _) = parse(kind, source);
    parsed.reads().iter().map(read).collect::<Vec<_>>().join(" ")
}

#[test]
fn reads_are_exact() {
    for (kind, source, expected) in [
        ("value", "steps['a'].b[0].c", "steps.a.b[0].c"),
        ("value", "steps[name].x", "steps[*].x name!"),
        ("value", "a.b[:10]", "a.b[*]"),
        ("value", "a.b[:n].c", "a.b[*] n!"),
        ("value", "a == b.c", "a?! b.c?!"),
        ("value", "a < b", "a! b!"),
        ("value", "a or b.c", "a? b.c?~"),
        ("value", "not a", "a?!"),
        ("value", "a is none", "a?!"),
        ("value", "a.b | default(c)", "a.b? c~"),
        ("value", "a | number(0)", "a?"),
        ("value", "a | number", "a"),
        ("value", "a | one_of(b)", "a? b"),
        ("value", "a if b else c", "a~ b?! c~"),
        ("value", "reveal(a.b)", "a.b!"),
        ("value", "[a, {'k': b}] ~ c", "a b c"),
        ("value", "(a | first).b", "a"),
        ("value", "a.0", "a[0]"),
        ("value", "vars.titles[input.type] or 'x'", "vars.titles[*]? input.type?!"),
        ("condition", "a.b", "a.b?!"),
        ("condition", "a > 1", "a!"),
        ("condition", "a | length", "a!"),
        ("optional", "a or b", "a? b?~"),
        ("optional", "a.b", "a.b?"),
        ("template", "{{ a }} {{ a.b }}", "a a.b"),
        (
            "template",
            "{% for x in xs if x.y > z %}{{ x.q }}{{ w }}{% else %}{{ x }}{% endfor %}",
            "xs z! w x",
        ),
        ("template", "{% set x = a %}{{ x }}{{ y }}", "a y"),
        ("template", "{{ x }}{% set x = a %}", "x a"),
        ("template", "{% with x = a %}{{ x }}{% endwith %}{{ x }}", "a x"),
        ("template", "{% if a %}{{ b }}{% elif c %}{{ d }}{% endif %}", "a?! b~ c?! d~"),
        ("template", "{% for x in xs %}{{ loop.index }}{% endfor %}{{ loop }}", "xs loop"),
        ("template", "{% set x %}{{ a }}{% endset %}{{ x | truncate(n) }}", "a n"),
    ] {
        assert_eq!(reads(kind, source), expected, "{kind}: {source}");
    }
}

#[test]
fn proofs_hold() {
    for (source, holds, fails) in [
        ("a.b", "a.b", ""),
        ("not a.b", "", "a.b"),
        ("a is none", "", "a"),
        ("a is not none", "a", ""),
        ("a.b is defined", "a", ""),
        ("a is defined", "", ""),
        ("a == 1", "a", ""),
        ("a == none", "", "a"),
        ("a != none", "a", ""),
        ("a != 1", "", "a"),
        ("a == b", "", ""),
        ("a.b > 1", "a.b a", "a"),
        ("a.b < 1", "a", "a.b a"),
        ("1 < a.b", "a.b a", "a"),
        ("a and b.c", "a b.c", ""),
        ("a or b", "", ""),
        ("not a or not b", "", "a b"),
        ("a.b or a.c", "a", ""),
        ("not (a and b)", "", "a b"),
        ("a is none or a.b", "", "a"),
        ("a and (b or a.c)", "a", ""),
        ("'x' in a", "a", ""),
        ("'x' not in a", "", "a"),
        ("a in ['x', 'y']", "a", ""),
        ("a in ['x', none]", "", ""),
        ("a | length", "a", "a"),
        ("a | length > 0", "a", "a"),
        ("a.b | upper == 'X'", "a", ""),
        ("a[0].b", "a[0].b", ""),
        ("a[i].b", "a", ""),
        ("a | default(false)", "a", ""),
        ("a | default(true)", "", ""),
        ("a.b + 1 > 2", "a.b", "a.b"),
        ("a is string", "a", ""),
        ("true", "", ""),
    ] {
        let (parsed, _) = parse("condition", source);
        let show =
            |outcome| parsed.proves(outcome).iter().map(|path| shown(path)).collect::<Vec<_>>().join(" ");
        assert_eq!((show(true).as_str(), show(false).as_str()), (holds, fails), "{source}");
    }
}

#[test]
fn constants_are_folded() {
    for (kind, source, expected) in [
        ("value", "1 + 2 * 3", Some("7")),
        ("value", "[1, 'a'] | join('-') | upper", Some("\"1-A\"")),
        ("value", "a", None),
        ("value", "now()", None),
        ("value", "uuid()", None),
        ("template", "plain", Some("\"plain\"")),
        ("template", "${NAME} {{ 1 }}", Some("\"ada 1\"")),
        ("template", "{{ {'a': [1]} }}", Some("{\"a\":[1]}")),
        ("template", "{% if a %}{% endif %}", None),
    ] {
        let (parsed, _) = parse(kind, source);
        let folded = parsed.as_constant().map(pathway_engine::value::to_json);
        assert_eq!(folded.as_deref(), expected, "{source}");
    }
}

#[test]
fn secrets_are_known() {
    for (source, secret) in [
        ("${API_KEY}", true),
        ("Bearer ${API_KEY}", true),
        ("{{ a }}${API_KEY}", true),
        ("${API_KEY:-none}", true),
        ("${API_KEY:+configured}", false),
        ("${NO_SUCH_KEY:-default}", false),
        ("${NAME}", false),
        ("{# ${API_KEY} #}", false),
    ] {
        assert_eq!(parse("template", source).0.has_secret(), secret, "{source}");
    }
}

#[test]
fn a_path_is_known_as_one() {
    let path = |source: &str| parse("value", source).0.as_path().map(|read| shown(&read.path));
    assert_eq!(path("a.b[0]").as_deref(), Some("a.b[0]"));
    assert_eq!(path("a.b | upper"), None);
    assert_eq!(path("a[:1]"), None);
    let (template, _) = parse("template", " {{ a.b }} ");
    assert_eq!(template.as_path().map(|read| shown(&read.path)).as_deref(), Some("a.b"));
    assert!(parse("template", "x {{ a.b }}").0.as_path().is_none());
}

#[test]
fn a_chain_of_comparisons_is_warned_of() {
    let (text, _) = text("1 < a < 3");
    let mut diagnostics = Diagnostics::new();
    assert!(Expression::bare(&text, &Variables::new(), &mut diagnostics).is_some());
    assert_eq!(diagnostics.iter().map(|d| d.code.0).collect::<Vec<_>>(), ["PW0801"]);
    assert!(!diagnostics.has_errors());
}

#[test]
fn opaque_texts_have_one_place() {
    let mut sources = Sources::new();
    let file = sources.add("x", "key: value");
    let text = Text::opaque("a.b", Span::new(file, 5, 10));
    let parsed = Expression::bare(&text, &Variables::new(), &mut Diagnostics::new()).unwrap();
    assert_eq!(sources.slice(parsed.reads()[0].span), "value");
}

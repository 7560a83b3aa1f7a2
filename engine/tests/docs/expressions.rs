//! Blocks of expressions: `EXPRESSION → VALUE` or `EXPRESSION → fails` a line, after
//! `input = VALUE`.

use crate::markdown::{Page, pages};
use crate::support::{Run, compile_in};

#[test]
fn expressions_are_true() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        for block in page.blocks().iter().filter(|block| block.info == "text expressions") {
            let mut input = "{}".to_owned();
            for line in block.text.lines() {
                if let Some(value) = line.strip_prefix("input = ") {
                    value.clone_into(&mut input);
                } else if let Some((expression, wanted)) = line.split_once('→') {
                    count += 1;
                    let got = evaluate(expression.trim(), &input);
                    if got != wanted.trim() {
                        wrong.push(told(&page, line, &got));
                    }
                } else if !line.is_empty() {
                    wrong.push(told(&page, line, "(no arrow)"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 20, "the walk found only {count} expressions");
}

fn told(page: &Page, line: &str, got: &str) -> String {
    format!("{}: {line}\n  got {got}", page.path)
}

/// The value of an expression as JSON; `fails` where it has none.
fn evaluate(expression: &str, input: &str) -> String {
    let pathway = format!("pathway: example\nreturn: >-\n  {{{{ {expression} }}}}\n");
    let compiled = compile_in("", &[&pathway]);
    let codes: Vec<_> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.code.0).collect();
    match codes.as_slice() {
        [] => {}
        // What reads nothing fails before any run.
        ["PW0310"] => return "fails".to_owned(),
        _ => return compiled.report(),
    }
    let plan = compiled.program.pathways.values().next().unwrap();
    let run = Run::start(plan, input);
    match run.vm.outcome() {
        Some(Ok(value)) => pathway_engine::value::to_json(value),
        _ => "fails".to_owned(),
    }
}

//! What tests have not reached.

use std::fmt::Write as _;

use pathway_engine::compile::Program;
use pathway_engine::source::{Sources, Span};
use pathway_engine::testing::Coverage;
use serde_json::{Value as Json, json};

/// Pathways that no case ran.
pub(super) fn untested<'a>(all: &[Coverage], program: &'a Program) -> Vec<&'a str> {
    let names = program.pathways.keys().map(|name| &**name);
    names.filter(|name| all.iter().all(|coverage| *coverage.pathway != **name)).collect()
}

/// For people.
pub(super) fn text(all: &[Coverage], program: &Program, sources: &Sources) -> String {
    let mut text = String::from("coverage\n");
    let width = all.iter().map(|it| it.pathway.chars().count()).max().unwrap_or(0);
    for Coverage { pathway, steps, branches, gaps } in all {
        let pad = " ".repeat(width.saturating_sub(pathway.chars().count()));
        let branches = match branches.1 {
            0 => String::new(),
            count => format!(", {} of {count} branches", branches.0),
        };
        // Writing to text does not fail.
        let _written = writeln!(text, "  {pathway}{pad}  {} of {} steps{branches}", steps.0, steps.1);
        for gap in gaps {
            let place = gap.span.map(|span| format!("{}  ", place(sources, span))).unwrap_or_default();
            let _written = writeln!(text, "    {place}`{}`: {}", gap.step, gap.what);
        }
    }
    let untested: Vec<String> = untested(all, program).iter().map(|name| format!("`{name}`")).collect();
    if !untested.is_empty() {
        let _written = writeln!(text, "  no case ran {}", untested.join(", "));
    }
    text
}

/// For programs.
pub(super) fn json(all: &[Coverage], sources: &Sources) -> Json {
    let one = |coverage: &Coverage| {
        let gaps = coverage.gaps.iter().map(|gap| {
            let place = gap.span.map(|span| {
                let at = sources.locate(span);
                json!({ "file": sources.path(span.file), "line": at.line, "column": at.column })
            });
            json!({ "step": gap.step, "what": gap.what, "place": place })
        });
        json!({
            "pathway": &*coverage.pathway,
            "steps": { "reached": coverage.steps.0, "all": coverage.steps.1 },
            "branches": { "reached": coverage.branches.0, "all": coverage.branches.1 },
            "gaps": gaps.collect::<Json>(),
        })
    };
    all.iter().map(one).collect()
}

/// `pathways/order.pathway.yaml:7:3`
fn place(sources: &Sources, span: Span) -> String {
    let at = sources.locate(span);
    format!("{}:{}:{}", sources.path(span.file), at.line, at.column)
}

//! Blocks of YAML.

use crate::markdown::{Block, Page, pages};
use crate::script::Script;
use crate::support::{Compiled, Run, compile_in};

#[test]
fn examples_are_true() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let mut project = String::new();
        for block in page.blocks().iter().filter(|block| block.word(0) == "yaml") {
            count += 1;
            if let Err(problem) = check(&page, block, &mut project) {
                wrong.push(format!("{}: {problem}\n{}", page.place(block), block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 20, "the walk found only {count} blocks");
}

/// Checks a block in the project of the last `yaml project` above it.
fn check(page: &Page, block: &Block, project: &mut String) -> Result<(), String> {
    match block.word(1) {
        "project" => {
            project.clone_from(&block.text);
            sound(&compile_in(&block.text, &[]))
        }
        "pathway" => sound(&compile_in(project, &[&block.text])),
        "fragment" => sound(&compile_in(project, &[&whole(block)])),
        "wrong" => {
            let code = block.word(2);
            let compiled = compile_in(project, &[&whole(block)]);
            match compiled.diagnostics.iter().any(|diagnostic| diagnostic.code.0 == code) {
                true => Ok(()),
                false => Err(format!("it does not raise {code}, but:\n{}", compiled.report())),
            }
        }
        "run" => {
            let compiled = compile_in(project, &[&whole(block)]);
            sound(&compiled)?;
            let script = Script::of(&block.text)?;
            let plan = compiled.program.pathways.values().next().ok_or("there is no pathway")?;
            script.play(&mut Run::start(plan, &script.input.to_string()))
        }
        // Parts that cannot stand alone, such as a mock or an `.env`.
        "part" => Ok(()),
        other => Err(format!(
            "`yaml {other}` is not known; see \"The documentation is tested\" in {} of {}",
            "CONTRIBUTING.md", page.path
        )),
    }
}

fn sound(compiled: &Compiled) -> Result<(), String> {
    if compiled.diagnostics.is_empty() { Ok(()) } else { Err(format!("\n{}", compiled.report())) }
}

/// A fragment is a pathway without its first line; where it does nothing, it returns none.
fn whole(block: &Block) -> String {
    let has = |key: &str| block.text.lines().any(|line| line.starts_with(key));
    let name = if has("pathway:") { "" } else { "pathway: example\n" };
    let body = if has("steps:") || has("return:") { "" } else { "return: null\n" };
    format!("{name}{}{body}", block.text)
}

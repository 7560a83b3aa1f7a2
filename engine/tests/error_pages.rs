//! Every code has a page, every page a code, and the examples of the pages are true.
//!
//! A block marked `yaml wrong` is a whole file that raises the page's code, one marked `yaml right`
//! a whole file that raises nothing. Blocks that are only `yaml` are parts, and not run.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pathway_engine::compile::unused;
use pathway_engine::diagnostic::{Code, Diagnostics, page, pages};
use pathway_engine::expression::{Variable, Variables};
use pathway_engine::project::Project;
use pathway_engine::schema::Schema;
use pathway_engine::source::{Limits, Sources, parse};

/// What is raised for a file, as far as the phases go that can raise `code`; `None` if those are
/// not wired up here. A new phase adds its range of codes and its pass.
fn raises(code: &str, yaml: &str) -> Option<Vec<Code>> {
    // What shows something else need not be of use.
    let shown = |found: &Diagnostics| -> Vec<Code> {
        let codes = found.iter().map(|diagnostic| diagnostic.code);
        codes.filter(|found| found.0 == code || found.0 != "PW0807").collect()
    };
    if code.starts_with("PW03") || code == "PW0801" {
        return Some(shown(&support::compile_in("", &[yaml]).diagnostics));
    }
    if ["PW02", "PW05", "PW07", "PW08"].iter().any(|range| code.starts_with(range)) {
        let compiled = support::compile_files(&support::fixture::files(yaml));
        let mut found = compiled.diagnostics;
        if code == "PW0810" {
            found.extend(unused(&compiled.program, &compiled.project));
        }
        return Some(shown(&found));
    }
    let mut sources = Sources::new();
    let file = sources.add("example.yaml", yaml);
    let mut diagnostics = Diagnostics::new();
    let tree = parse(&sources, file, Limits::default(), &mut diagnostics);
    if code.starts_with("PW04")
        && let Some(schema) = tree.as_ref().and_then(|tree| tree.get("input"))
    {
        Schema::compile(schema, &mut diagnostics);
    }
    let of_project = ("PW0604"..="PW0617").contains(&code) || ["PW0652", "PW0653", "PW0654"].contains(&code);
    if of_project && let Some(tree) = &tree {
        let mut variables = Variables::new();
        variables.set("ORDERS_TOKEN", Variable { value: "127.0.0.1:1".to_owned(), secret: true });
        Project::read(tree, &variables, &mut diagnostics);
    }
    (of_project || ["PW01", "PW04"].iter().any(|range| code.starts_with(range)))
        .then(|| diagnostics.iter().map(|d| d.code).collect())
}

/// Codes that no text can raise: a size, and bytes that are not text.
const WITHOUT_EXAMPLE: &[&str] = &["PW0117", "PW0119"];

#[test]
fn every_code_is_declared_once_and_has_a_page() {
    let declared = declarations();
    assert!(declared.len() >= 21, "the walk found only {} codes", declared.len());
    let mut wrong = Vec::new();
    for (code, places) in &declared {
        if places.len() > 1 {
            wrong.push(format!("{code} is declared at {}", places.join(" and ")));
        }
        if page(code).is_none() {
            wrong.push(format!("{code} ({}) has no page docs/errors/{code}.md", places.join(", ")));
        }
    }
    for (code, _) in pages() {
        if !declared.contains_key(*code) {
            wrong.push(format!("docs/errors/{code}.md explains a code that nothing raises"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn pages_begin_with_their_code() {
    for (code, text) in pages() {
        let title = text.lines().next().unwrap_or("");
        let rest = title.strip_prefix(&format!("# {code}: ")).unwrap_or("");
        assert!(!rest.is_empty() && !rest.ends_with('.'), "title of {code}: {title:?}");
        assert!(text.lines().count() > 4, "{code} explains nothing");
    }
    assert!(pages().is_sorted());
    assert_eq!(page("pw0101"), page("PW0101"));
    assert_eq!(page("PW9999"), None);
}

#[test]
fn examples_are_true() {
    for (code, text) in pages() {
        let blocks = blocks(text);
        for block in &blocks {
            let Some(raised) = raises(code, &block.text) else { continue };
            let raised: Vec<&str> = raised.iter().map(|code| code.0).collect();
            match block.mark.as_str() {
                "yaml wrong" => assert!(raised.contains(code), "{code}: raises {raised:?}:\n{}", block.text),
                "yaml right" => assert!(raised.is_empty(), "{code}: raises {raised:?}:\n{}", block.text),
                _ => {}
            }
        }
        let has_examples =
            ["PW01", "PW02", "PW05", "PW07", "PW08"].iter().any(|range| code.starts_with(range));
        if has_examples && !WITHOUT_EXAMPLE.contains(code) {
            for mark in ["yaml wrong", "yaml right"] {
                assert!(blocks.iter().any(|b| b.mark == mark), "{code} has no block marked `{mark}`");
            }
        }
    }
}

struct Block {
    /// What follows the opening fence.
    mark: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => open = Some(Block { mark: mark.trim().to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Where each code is declared, outside of tests.
fn declarations() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["engine/src", "server/src"] {
        collect(&root.join(folder), &mut files);
    }
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (n, line) in text.lines().enumerate() {
            let Some((before, after)) = line.split_once("Code(\"PW") else { continue };
            let place = format!("{}:{}", path.strip_prefix(&root).unwrap().display(), n + 1);
            assert!(before.contains("const "), "{place}: declare the code as a constant");
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(digits.len(), 4, "{place}: a code is PW and four digits");
            declared.entry(format!("PW{digits}")).or_default().push(place);
        }
    }
    declared
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

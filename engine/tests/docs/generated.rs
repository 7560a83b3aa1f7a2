//! Parts of pages that are written from the code: what stands between
//! `<!-- generated: NAME -->` and `<!-- end -->`.

use std::fmt::Write;
use std::{env, fs};

use pathway_engine::expression::filters;
use pathway_engine::project::Project;
use pathway_engine::steps::VERBS;
use pathway_engine::vm::Class;

use crate::markdown::{pages, root};

#[test]
fn generated_parts_are_as_the_code_has_them() {
    let parts = [("verbs", verbs()), ("filters", own_filters()), ("classes", classes())];
    let mut found = Vec::new();
    for page in pages() {
        let mut text = page.text.clone();
        for (name, part) in &parts {
            let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
            let Some((before, rest)) = text.split_once(&begin) else { continue };
            let (_, after) = rest.split_once(end).unwrap();
            text = format!("{before}{begin}\n{part}\n{end}{after}");
            found.push(*name);
        }
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(root().join(&page.path), &text).unwrap();
        } else {
            assert!(text == page.text, "{} is old: write it anew with UPDATE_DOCS=1", page.path);
        }
    }
    found.sort_unstable();
    assert_eq!(found, ["classes", "filters", "verbs"]);
}

/// One section per verb.
fn verbs() -> String {
    let pages: Vec<_> = VERBS.iter().map(|verb| verb.page()).collect();
    pages.join("\n").trim_end().to_owned()
}

/// One line per filter of the language's own.
fn own_filters() -> String {
    let mut all: Vec<_> = filters::all().collect();
    all.sort_unstable_by_key(|filter| filter.name);
    let mut text = String::from("| filter | what it yields |\n| --- | --- |\n");
    for filter in all {
        writeln!(
            text,
            "| `{}` | {} |",
            filter.signature().replace('|', "\\|"),
            filter.about.replace('|', "\\|")
        )
        .unwrap();
    }
    text.trim_end().to_owned()
}

/// One line per class of error.
fn classes() -> String {
    let mut text = String::from("| class | status of an HTTP reply | retried |\n| --- | --- | --- |\n");
    for class in Class::ALL {
        let retried = if class.is_retried() { "yes" } else { "" };
        writeln!(text, "| `{}` | {} | {retried} |", class.name(), class.http_status()).unwrap();
    }
    text.trim_end().to_owned()
}

#[test]
fn every_key_of_the_project_file_is_described() {
    let page = pages().into_iter().find(|page| page.path == "docs/operations.md").unwrap();
    for key in Project::keys() {
        assert!(page.text.contains(&format!("\n{key}:")), "the example lacks `{key}`");
        assert!(page.text.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{key}`"))));
    }
}

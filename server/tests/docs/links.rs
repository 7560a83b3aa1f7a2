//! Links within the repository.

use std::fs;
use std::path::Path;

use crate::markdown::{Page, pages, root};

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages().into_iter().chain(error_pages()) {
        for link in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            if let Err(problem) = follow(&page, &link) {
                wrong.push(format!("{}: `{link}` {problem}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 10, "the walk found only {count} links");
}

fn error_pages() -> Vec<Page> {
    let pages = pathway_engine::diagnostic::pages();
    let page = |(code, text): &(&str, &str)| Page {
        path: format!("docs/errors/{code}.md"),
        text: (*text).to_owned(),
    };
    pages.iter().map(page).collect()
}

/// The targets of the links of a page, outside of its blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if !in_code {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            links.extend(targets.map(str::to_owned));
        }
    }
    links
}

fn follow(page: &Page, link: &str) -> Result<(), String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let here = root().join(&page.path);
    let target = match file {
        "" => here,
        file => here.parent().unwrap_or(Path::new("")).join(file),
    };
    if !target.exists() {
        return Err("leads to no file".to_owned());
    }
    if anchor.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(&target).map_err(|error| error.to_string())?;
    let headings = text.lines().filter(|line| line.starts_with('#'));
    if headings.map(slug).any(|slug| slug == anchor) { Ok(()) } else { Err("leads to no heading".to_owned()) }
}

/// The anchor of a heading, as forges make it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

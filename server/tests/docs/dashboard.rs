//! The dashboard asks for what there is: names and labels of `docs/operations.md`, all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

/// Labels of every metric: the scraper's own.
const SCRAPED: [&str; 2] = ["job", "le"];
/// What histograms are asked for by.
const ENDINGS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// The metrics of the page about operations, with their labels.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md")).unwrap();
    let section = page.split_once("\n## Metrics\n").unwrap().1.split("\n## ").next().unwrap().to_owned();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `pathway_")?.split_once("` |"));
    rows.map(|(row, _)| {
        let (name, labels) = row.split_once('{').unwrap_or((row, ""));
        let labels = labels.trim_end_matches('}').split_terminator(',').map(str::to_owned);
        (format!("pathway_{name}"), labels.collect())
    })
    .collect()
}

/// All that is asked, of panels and of variables.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str().filter(|_| matches!(key.as_str(), "expr" | "definition")) {
                    Some(text) => found.push(text.to_owned()),
                    None => queries(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// Words of a query, without what stands in quotes.
fn words(query: &str) -> Vec<&str> {
    let bare = query.split('"').step_by(2);
    bare.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

/// Lists in parentheses after `by`, and what is compared in braces: labels.
fn labels(query: &str) -> BTreeSet<String> {
    let lists = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    let braces = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let compared =
        braces.flat_map(|inside| inside.split("\",")).filter_map(|one| one.split(['=', '!']).next());
    lists.flat_map(|list| list.split(',')).chain(compared).map(|label| label.trim().to_owned()).collect()
}

#[test]
fn the_dashboard_asks_for_all_that_is_documented_and_for_nothing_else() {
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    let known = documented();
    assert!(known.len() > 10, "the table was not found");
    let mut asked = BTreeSet::new();
    for query in &found {
        let mut allowed: BTreeSet<&str> = SCRAPED.into();
        for word in words(query).into_iter().filter(|word| word.starts_with("pathway_")) {
            let whole = ENDINGS.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word);
            let (name, own) =
                known.get_key_value(word).or_else(|| known.get_key_value(whole)).unwrap_or_else(|| {
                    panic!("`{word}` is in no table: {query}");
                });
            asked.insert(name.clone());
            allowed.extend(own.iter().map(String::as_str));
        }
        for label in labels(query) {
            assert!(allowed.contains(label.as_str()), "`{label}` is no label there: {query}");
        }
    }
    let all: BTreeSet<String> = known.into_keys().collect();
    assert_eq!(asked, all, "what is shown, and what there is");
}

#[test]
fn panels_do_not_cover_each_other() {
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut taken = BTreeMap::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert_eq!(taken.insert((x, y), panel["title"].clone()), None, "{}", panel["title"]);
            }
        }
    }
}

//! Rules of the repository that no compiler knows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::markdown::root;

/// The files of the repository that are text, and their paths in it.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    let wanted = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        extensions.is_empty() || extensions.contains(&extension)
    };
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some((path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text))
    };
    paths.into_iter().filter(wanted).filter_map(named).collect()
}

/// All files below `folder` but those that are built or belong to a tool.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_dir() {
            let kept = !["target", "data", "node_modules", ".git", ".idea", ".vscode"].contains(&name);
            if kept {
                walk(&path, paths);
            }
        } else if name != "Cargo.lock" && name != ".env" && name != ".git" {
            paths.push(path);
        }
    }
}

/// What no file may hold: leftovers, paths of somebody's machine, hosts of registries, and who or
/// what wrote it. They are put together here, since this is a file too.
fn forbidden() -> Vec<String> {
    let parts: [&[&str]; 25] = [
        &["<<<", "<<<<"],
        &[">>>", ">>>>"],
        &["FIX", "ME"],
        &["TO", "DO"],
        &["/wo", "rk/"],
        &["/ro", "ot/"],
        &["/ho", "me/"],
        &["/Use", "rs/"],
        &["/fa", "rm/"],
        &["crates", ".io"],
        &["static.rust", "-lang.org"],
        &["npm", "js."],
        &["py", "pi."],
        &["repo.", "maven"],
        &["repo1.", "maven"],
        &["docker", ".io"],
        &["gh", "cr.io"],
        &["qu", "ay.io"],
        &["proxy.", "golang"],
        &["deb.", "debian"],
        &["Clau", "de"],
        &["Anth", "ropic"],
        &["Chat", "GPT"],
        &["Open", "AI"],
        &["Co", "pilot"],
    ];
    parts.iter().map(|parts| parts.concat()).collect()
}

#[test]
fn nothing_forbidden_is_in_any_file() {
    let forbidden = forbidden();
    let files = files("", &[]);
    assert!(files.len() > 300, "the walk found only {} files", files.len());
    let mut wrong = Vec::new();
    for (path, text) in &files {
        for (line, n) in text.lines().zip(1..) {
            if let Some(word) = forbidden.iter().find(|word| line.contains(word.as_str())) {
                wrong.push(format!("{path}:{n}: `{word}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_engine_is_pure() {
    let manifest = fs::read_to_string(root().join("engine/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for name in ["tokio", "axum", "hyper", "reqwest", "rusqlite", "rdkafka", "rand", "getrandom"] {
        let is_it =
            |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '-']));
        assert!(!dependencies.lines().any(is_it), "the engine depends on {name}");
    }

    let impure = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "std::env",
        "std::process",
        "std::thread",
        "std::os",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "now_v7",
        "new_v4",
        "println!",
    ];
    let files = files("engine/src", &["rs"]);
    assert!(files.len() > 100, "the walk found only {} files", files.len());
    let mut wrong = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (line, n) in code.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            if let Some(word) = impure.iter().find(|word| line.contains(*word)) {
                wrong.push(format!("{path}:{n}: `{word}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_lock_file_names_one_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut sources: Vec<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    assert!(sources.len() > 100);
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources[0].starts_with("source = \"registry+"), "{sources:?}");
}

/// A promise is worth what proves it.
#[test]
fn every_promise_names_tests_that_there_are() {
    let sources: Vec<String> = ["tests", "server/tests", "engine/tests"]
        .iter()
        .flat_map(|folder| files(folder, &["rs"]))
        .map(|(_, text)| text)
        .collect();
    let page = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let (promises, _) = page.split_once("## Not promised").unwrap();
    let mut proven = 0;
    for promise in promises.split("\n\n").filter(|paragraph| paragraph.starts_with("**")) {
        let (_, tests) = promise.rsplit_once("*`").unwrap_or_else(|| panic!("nothing proves it: {promise}"));
        for name in tests.split_whitespace().map(|name| name.trim_matches(['`', '*'])) {
            let definition = format!("fn {name}()");
            // One that is run on each store stands in a list of them.
            let is_run_on_each = |text: &String| {
                let mut lists = text.split("on_each! {").skip(1).filter_map(|list| list.split_once('}'));
                lists.any(|(list, _)| list.split_whitespace().any(|test| test == name))
            };
            let is_test = |text: &String| {
                text.split_once(&definition).is_some_and(|(before, _)| {
                    before
                        .lines()
                        .rev()
                        .take(3)
                        .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
                })
            };
            assert!(
                sources.iter().any(|text| is_test(text) || is_run_on_each(text)),
                "no test is called `{name}`"
            );
            proven += 1;
        }
    }
    assert!(proven > 20, "only {proven} tests are named");
}

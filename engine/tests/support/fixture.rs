//! A project in one file: see `engine/tests/compile/README.md`.

/// The project of a fixture that has none of its own.
const PROJECT: &str = "\
services:
  api: { url: http://127.0.0.1:9, retry: { attempts: 3, delay: 1s, jitter: 0 } }
  model: { url: http://127.0.0.1:9, http: { post: \"\", parse: sse, pick: chunk.text } }
topics: { orders: orders, replies: replies }
vars: { currency: INR, limits: { low: 10 } }
";

/// The files of a fixture: what follows a line `#=== NAME` is the file of that name, and what
/// precedes the first is `main.yaml`.
pub fn files(text: &str) -> Vec<(String, String)> {
    let mut files = vec![("main.yaml".to_owned(), String::new())];
    for line in text.lines() {
        match line.strip_prefix("#=== ") {
            Some(name) => files.push((name.trim().to_owned(), String::new())),
            None => {
                let (_, text) = files.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    if !files.iter().any(|(name, _)| name == "pathway.yaml") {
        files.push(("pathway.yaml".to_owned(), PROJECT.to_owned()));
    }
    files.retain(|(_, text)| !text.trim().is_empty());
    files
}

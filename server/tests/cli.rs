//! The program from outside: what it prints and how it exits.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn pathway(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(pathway(folder, arguments).output().unwrap())
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn project(yaml: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pathway.yaml"), yaml).unwrap();
    folder
}

#[test]
fn exit_codes() {
    let good = project("max_runs: 1");
    let bad = project("max_rusn: 1");
    let code = |folder: &TempDir, arguments: &[&str]| run(folder.path(), arguments).0;
    assert_eq!(code(&good, &["config", "check"]), 0);
    assert_eq!(code(&good, &["config", "show"]), 0);
    assert_eq!(code(&bad, &["config", "check"]), 78);
    assert_eq!(code(&bad, &["config", "show"]), 78);
    assert_eq!(code(&good, &["config", "check", "--project", "none.yaml"]), 78);
    assert_eq!(code(&good, &["config", "check", "-c", "max_runs=none"]), 78);
    assert_eq!(code(&good, &["--help"]), 0);
    assert_eq!(code(&good, &["--version"]), 0);
    assert_eq!(code(&good, &[]), 2);
    assert_eq!(code(&good, &["confg"]), 2);
    assert_eq!(code(&good, &["explain", "PW9999"]), 2);
    assert_eq!(code(&good, &["completions", "bash"]), 0);
}

#[test]
fn warnings_fail_only_where_they_are_denied() {
    let folder = project("services: { a: { url: '${NONE:-}' } }");
    let (code, _, error) = run(folder.path(), &["config", "check"]);
    assert_eq!(code, 0);
    assert!(error.contains("warning[PW0606]") && error.contains("pathway.yaml:1:23"), "{error}");
    assert_eq!(run(folder.path(), &["config", "check", "--deny-warnings"]).0, 78);
}

#[test]
fn pathways_are_checked_with_their_schemas() {
    let folder = project("pathways: [flows/*.yaml]");
    let flow = |name: &str, input: &str| {
        format!("pathway: {name}\ninput: {input}\nreturn: \"{{{{ input.total }}}}\"\n")
    };
    fs::create_dir(folder.path().join("flows")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write(
        "order.json",
        r#"{"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}"#,
    );
    write("flows/good.yaml", &flow("good", "../order.json"));
    assert_eq!(run(folder.path(), &["check"]).0, 0);

    write("flows/outside.yaml", &flow("outside", "../../order.json"));
    write("flows/missing.yaml", &flow("missing", "../none.json"));
    write("flows/wrong.yaml", &flow("wrong", "../wrong.json"));
    write("wrong.json", r#"{"type": "objekt"}"#);
    let (code, output, error) = run(folder.path(), &["check", "--format", "json"]);
    assert_eq!(code, 1, "{error}");
    let codes: Vec<String> = output
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["code"].as_str().unwrap().to_owned()
        })
        .collect();
    for code in ["PW0629", "PW0620", "PW0402"] {
        assert!(codes.iter().any(|found| found == code), "{code} is not in {codes:?}");
    }
    assert!(error.contains("3 errors in 3 of 5 files"), "{error}");

    assert_eq!(run(folder.path(), &["check", "flows/good.yaml"]).0, 0);
    assert_eq!(run(folder.path(), &["check", "flows"]).0, 1);
    assert_eq!(run(&folder.path().join("flows"), &["check", "good.yaml"]).0, 0);
    assert_eq!(run(folder.path(), &["check", "nowhere.yaml"]).0, 2);
}

#[test]
fn a_file_without_a_project_is_checked_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("one.yaml"), "pathway: one\nreturn: 1\n").unwrap();
    assert_eq!(run(folder.path(), &["check", "one.yaml"]).0, 0);
    let file = folder.path().join("one.yaml");
    assert_eq!(run(Path::new("/"), &["check", file.to_str().unwrap()]).0, 0);
}

#[test]
fn problems_are_told_in_every_form() {
    let folder = project("max_rusn: 1\nlisten: x\n");
    let (_, output, error) = run(folder.path(), &["config", "check"]);
    assert_eq!(output, "");
    assert!(error.contains("did you mean `max_runs`?") && error.contains("2 errors, 0 warnings"), "{error}");
    let (_, output, _) = run(folder.path(), &["config", "check", "--format", "json"]);
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert_eq!(lines[0]["code"], "PW0202");
    let (_, output, _) = run(folder.path(), &["config", "check", "--format", "github"]);
    assert!(output.lines().all(|line| line.starts_with("::error")), "{output}");
}

#[test]
fn the_environment_is_a_layer_and_is_masked() {
    let folder = project("vars: { key: '${API_KEY}' }");
    let mut command = pathway(folder.path(), &["config", "show", "--json"]);
    let output = command.env("API_KEY", "hush-hush").env("PATHWAY_MAX_RUNS", "3").output().unwrap();
    let (code, output, error) = ended(output);
    assert_eq!(code, 0, "{error}");
    assert!(!output.contains("hush-hush"), "{output}");
    let settings: serde_json::Value = serde_json::from_str(&output).unwrap();
    let of = |key: &str| settings.as_array().unwrap().iter().find(|s| s["key"] == key).unwrap().clone();
    assert_eq!((&of("max_runs")["value"], &of("max_runs")["origin"]), (&3.into(), &"environment".into()));
    assert_eq!(of("vars.key")["value"], "…");
}

#[test]
fn a_new_project_is_complete_and_never_overwrites() {
    let folder = TempDir::new().unwrap();
    let (code, _, error) = run(folder.path(), &["init", "my shop"]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("cd 'my shop'") && error.contains("pathway run hello"), "{error}");
    let made = folder.path().join("my shop");
    for path in [
        "pathway.yaml",
        "pathways/hello.pathway.yaml",
        "pathways/hello.test.yaml",
        ".env.example",
        ".gitignore",
    ] {
        assert!(made.join(path).is_file(), "{path}");
    }
    for path in ["pathway.yaml", "pathways/hello.pathway.yaml", "pathways/hello.test.yaml"] {
        let text = fs::read_to_string(made.join(path)).unwrap();
        let (kind, schema) = text.lines().next().unwrap().split_once(" $schema=").unwrap();
        assert_eq!(kind, "# yaml-language-server:");
        let schema = made.join(path).parent().unwrap().join(schema);
        let name = schema.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
        let (_, printed, _) = run(&made, &["schema", &name]);
        assert_eq!(fs::read_to_string(&schema).unwrap(), printed, "{path}");
    }
    let settings = fs::read_to_string(made.join(".vscode/settings.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    let schemas = settings["yaml.schemas"].as_object().unwrap();
    assert!(schemas.len() == 4 && schemas.keys().all(|path| made.join(path).is_file()), "{settings}");
    let (code, _, error) = run(&made, &["config", "check", "--deny-warnings"]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("1 pathway file"), "{error}");
    let (code, _, error) = run(&made, &["check", "--deny-warnings"]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("1 pathway, no problems"), "{error}");
    let (code, told, error) = run(&made, &["test", "--coverage"]);
    assert_eq!(code, 0, "{told}{error}");
    assert!(told.contains("hello  1 of 1 steps"), "{told}");

    fs::write(made.join("pathway.yaml"), "mine").unwrap();
    fs::remove_file(made.join(".gitignore")).unwrap();
    let (code, _, error) = run(&made, &["init"]);
    assert_eq!(code, 1);
    assert!(error.contains("pathway.yaml"), "{error}");
    assert_eq!(fs::read_to_string(made.join("pathway.yaml")).unwrap(), "mine");
    assert!(!made.join(".gitignore").exists(), "nothing is made where something would be overwritten");
}

#[test]
fn the_api_is_printed() {
    let folder = project("max_runs: 1");
    fs::create_dir(folder.path().join("pathways")).unwrap();
    let pathway = "pathway: hello\non: { http: { post: /hello, auth: none } }\nreturn: 1\n";
    fs::write(folder.path().join("pathways/hello.yaml"), pathway).unwrap();
    let (code, printed, error) = run(folder.path(), &["openapi"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["paths"]["/hello"]["post"]["operationId"], "hello");
    fs::write(folder.path().join("pathways/hello.yaml"), "pathway: hello\nretrun: 1\n").unwrap();
    let (code, printed, _) = run(folder.path(), &["openapi"]);
    assert_eq!((code, printed.as_str()), (65, ""));
}

#[test]
fn codes_are_explained() {
    let folder = TempDir::new().unwrap();
    let (_, page, _) = run(folder.path(), &["explain", "pw0606"]);
    assert!(page.starts_with("# PW0606: "), "{page}");
    let (_, list, _) = run(folder.path(), &["explain"]);
    assert!(list.lines().any(|line| line.starts_with("PW0606  ")), "{list}");
    let (_, _, error) = run(folder.path(), &["explain", "PW06O6"]);
    assert!(error.contains("did you mean `PW0606`?"), "{error}");
}

#[test]
fn verbs_and_filters_are_explained_as_in_the_reference() {
    let folder = TempDir::new().unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (name, page) in [("http", "language.md"), ("return", "language.md"), ("sum_by", "filters.md")] {
        let (_, told, _) = run(folder.path(), &["explain", name]);
        assert!(fs::read_to_string(docs.join(page)).unwrap().contains(told.trim_end()), "{told}");
    }
    let (_, told, _) = run(folder.path(), &["explain", "selectattr"]);
    assert!(told.contains("as Jinja"), "{told}");
    let (_, _, error) = run(folder.path(), &["explain", "htpt"]);
    assert!(error.contains("did you mean `http`?"), "{error}");
}

#[test]
fn colours_are_for_terminals() {
    let folder = project("max_rusn: 1");
    let colours = |arguments: &[&str], no_color: bool| {
        let mut command = pathway(folder.path(), arguments);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        ended(command.output().unwrap()).2.contains('\u{1b}')
    };
    assert!(!colours(&["config", "check"], false), "a pipe is no terminal");
    assert!(colours(&["config", "check", "--color", "always"], false));
    assert!(colours(&["--color", "always", "config", "check"], true), "a flag is stronger");
    assert!(!colours(&["config", "check", "--color", "never"], false));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["completions", "bash"][..], &["explain"], &["config", "show"], &["--help"]] {
        let mut child =
            pathway(folder.path(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

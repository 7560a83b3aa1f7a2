//! Layers of configuration, where values came from, and what is never shown.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;

use pathway_engine::diagnostic::{Diagnostics, Format, render};
use pathway_engine::project::{LogLevel, Project, Store};
use pathway_engine::source::{Limits, Sources, parse};
use pathway_server::config::{Config, FileError, Request};
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(directory: &Path, environment: &[(&str, &str)], flags: &[&str]) -> Config {
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let request = Request { directory: directory.to_owned(), environment, flags, ..Request::default() };
    Config::load(&request).unwrap()
}

fn codes(config: &Config) -> Vec<&'static str> {
    config.diagnostics.clone().sorted().iter().map(|d| d.code.0).collect()
}

fn origin(config: &Config, key: &str) -> String {
    let settings = config.settings();
    settings.iter().find(|s| s.key == key).unwrap().origin.clone()
}

fn told(config: &Config) -> String {
    let found = config.diagnostics.clone().sorted();
    render(&found, &config.sources, Format::Human { color: false })
}

#[test]
fn built_in_defaults_are_those_of_the_engine() {
    let mut sources = Sources::new();
    let file = sources.add("defaults.yaml", include_str!("../src/config/defaults.yaml"));
    let mut diagnostics = Diagnostics::new();
    let node = parse(&sources, file, Limits::default(), &mut diagnostics).unwrap();
    let read = Project::read(&node, &pathway_engine::expression::Variables::new(), &mut diagnostics);
    assert!(diagnostics.is_empty());
    assert_eq!(read.pathways.iter().map(|p| p.value.as_str()).collect::<Vec<_>>(), ["pathways/**/*.yaml"]);
    let read = Project { pathways: Vec::new(), ..read };
    assert_eq!(format!("{read:?}"), format!("{:?}", Project::default()));
}

#[test]
fn without_a_project_the_defaults_hold() {
    let folder = folder(&[(".env", "PATHWAY_MAX_RUNS=1")]);
    let mut config = load(folder.path(), &[], &[]);
    assert_eq!(codes(&config), Vec::<&str>::new());
    assert_eq!((config.file.as_ref(), config.project.max_runs), (None, 64), "`.env` stands beside a project");
    assert_eq!(config.pathway_files(), Vec::<String>::new());
    assert_eq!(codes(&config), Vec::<&str>::new(), "nobody asked for files");
    assert_eq!(origin(&config, "max_runs"), "default");
}

#[test]
fn each_layer_lies_over_those_before_it() {
    let with = |files: &[(&str, &str)], environment: &[(&str, &str)], flags: &[&str]| {
        let folder = folder(files);
        let config = load(folder.path(), environment, flags);
        assert_eq!(codes(&config), Vec::<&str>::new());
        (config.project.max_runs, origin(&config, "max_runs"))
    };
    let empty = ("pathway.yaml", "{}");
    let file = ("pathway.yaml", "listen: 127.0.0.1:1\nmax_runs: 2\n");
    let dotenv = (".env", "# first\nPATHWAY_MAX_RUNS=3\n");
    let environment = [("PATHWAY_MAX_RUNS", "4")];
    assert_eq!(with(&[empty], &[], &[]), (64, "default".to_owned()));
    assert_eq!(with(&[file], &[], &[]), (2, "pathway.yaml:2".to_owned()));
    assert_eq!(with(&[file, dotenv], &[], &[]), (3, ".env:2".to_owned()));
    assert_eq!(with(&[file, dotenv], &environment, &[]), (4, "environment".to_owned()));
    assert_eq!(with(&[file, dotenv], &environment, &["max_runs=5"]), (5, "flag".to_owned()));
}

#[test]
fn the_file_is_found_upwards() {
    let folder = folder(&[("pathway.yaml", "max_runs: 9"), ("a/b/c.txt", "")]);
    let config = load(&folder.path().join("a/b"), &[], &[]);
    assert_eq!(config.project.max_runs, 9);
    assert_eq!(config.root.folder(), folder.path().canonicalize().unwrap());

    let missing =
        Request { project: Some("x.yaml".into()), directory: folder.path().into(), ..Request::default() };
    assert!(Config::load(&missing).is_err());
    let named = Request { project: Some(".".into()), directory: folder.path().into(), ..Request::default() };
    assert_eq!(Config::load(&named).unwrap().project.max_runs, 9);
}

#[test]
fn variables_come_from_dotenv_and_over_it_the_environment() {
    let yaml = "topics: { a: '${A}', b: '${B:-none}', c: '${C:-x}' }";
    let folder = folder(&[("pathway.yaml", yaml), (".env", "A=file\nB='file too'\nC=")]);
    let config = load(folder.path(), &[("B", "outside")], &[]);
    assert_eq!(codes(&config), Vec::<&str>::new());
    let real = |topic| config.project.topics.real(topic);
    assert_eq!((real("a"), real("b"), real("c")), ("file", "outside", "x"));
    assert_eq!(origin(&config, "topics.a"), "pathway.yaml:1, A from .env:1");
    assert_eq!(origin(&config, "topics.b"), "pathway.yaml:1, B from environment");
}

#[test]
fn settings_of_variables_are_typed_by_their_place_and_never_templates() {
    let yaml = "services: { api: { url: 'http://a.test', http: { accept: [404] } } }\nvars: { limit: 1 }";
    let folder = folder(&[("pathway.yaml", yaml)]);
    let set = [
        ("PATHWAY_VARS__LIMIT", "5"),
        ("PATHWAY_VARS__ODD", "${X} {{ y }}"),
        ("PATHWAY_VARS__LIST", "[a, 2]"),
        ("PATHWAY_BUS__KAFKA__SERVERS", "h:1"),
        ("PATHWAY_BUS__KAFKA__GROUP", "2024"),
        ("PATHWAY_BUS__KAFKA__SECURITY_PROTOCOL", "SSL"),
        ("PATHWAY_SERVICES__API__TIMEOUT", "3s"),
        ("PATHWAY_CORS__ORIGINS", "[http://a.test]"),
        ("PATHWAY_LOG__LEVEL", "debug"),
        ("PATHWAY_LOG", "trace"),
        ("PATHWAY_SERVICE_HOST", "10.0.0.1"),
        ("PATHWAY_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("PATHWAY_ADMIN_TOKEN", "t"),
    ];
    let config = load(
        folder.path(),
        &set,
        &["store.path=./other", "vars.limit=6", "services.api.headers.X-One={{ auth.token }}"],
    );
    assert_eq!(codes(&config), Vec::<&str>::new());
    let project = &config.project;
    assert_eq!(project.vars["limit"].value, 6.into());
    assert_eq!(project.vars["odd"].value.as_str(), Some("${X} {{ y }}"));
    assert_eq!(project.vars["list"].value.to_string(), "['a', 2]");
    let pathway_engine::project::Bus::Kafka(kafka) = &project.bus else { panic!() };
    assert_eq!(kafka.group.value, "2024");
    assert_eq!(kafka.options[0].0, "security.protocol");
    assert_eq!(project.services["api"].timeout.as_secs(), 3);
    assert_eq!(project.origins, ["http://a.test"]);
    let (name, value) = &project.services["api"].headers[0];
    assert_eq!(
        (name.as_str(), value.as_constant().and_then(|v| v.as_str())),
        ("X-One", Some("{{ auth.token }}"))
    );
    assert_eq!(project.log.level, LogLevel::Debug);
    assert_eq!(project.store, Store::Path("./other".to_owned()));
}

#[test]
fn spans_go_where_the_environment_says_unless_the_project_does() {
    let traces = |yaml: &str, environment: &[(&str, &str)]| {
        let folder = folder(&[("pathway.yaml", yaml)]);
        let config = load(folder.path(), environment, &[]);
        assert_eq!(codes(&config), Vec::<&str>::new());
        config.project.traces.map(|it| {
            let headers = it.headers.iter().map(|(name, value)| format!("{name}: {}", value.reveal()));
            (it.url.value, headers.collect::<Vec<_>>(), it.sample, it.service)
        })
    };
    let set = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://there.test:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, x-team=a"),
        ("OTEL_SERVICE_NAME", "shop"),
    ];
    assert_eq!(traces("{}", &[]), None, "off where nobody says where");
    assert_eq!(traces("traces: { sample: 0.5 }", &[]), None);
    let headers = ["authorization: Bearer x", "x-team: a"].map(str::to_owned).to_vec();
    assert_eq!(traces("{}", &set), Some(("http://there.test:4318".into(), headers, 1.0, "shop".into())));
    let yaml =
        "traces: { url: 'http://here.test', headers: { X-Key: '${KEY}' }, sample: 0.1, service: mine }";
    let (set, key) = (&set[..], ("KEY", "k"));
    let own = Some(("http://here.test".into(), vec!["X-Key: k".to_owned()], 0.1, "mine".into()));
    assert_eq!(traces(yaml, &[set, &[key]].concat()), own);
    assert_eq!(traces("traces: { url: '' }", set), None, "an empty URL turns them off");
}

#[test]
fn mistakes_are_told_where_they_were_made() {
    let files = [("pathway.yaml", "max_runs: x\n"), (".env", "A=1\nA=2\nbad line\nPATHWAY_LISTEN=nowhere\n")];
    let folder = folder(&files);
    let config =
        load(folder.path(), &[("PATHWAY_MAX_RUN", "1"), ("PATHWAY_STORE__PAHT", "x")], &["=1", "abc=1"]);
    let mut found = codes(&config);
    found.sort_unstable();
    assert_eq!(found, ["PW0201", "PW0202", "PW0202", "PW0610", "PW0622", "PW0623", "PW0625", "PW0626"]);
    let text = told(&config);
    for place in ["pathway.yaml:1:11", ".env:2:1", ".env:3:1", ".env:4:16", "environment:1:1", "flag:1:1"] {
        assert!(text.contains(place), "{place} is not in\n{text}");
    }
}

#[test]
fn a_named_file_gives_a_secret_when_something_names_the_variable() {
    let yaml = "auth: { secret: '${JWT}', introspect: 'http://a.test' }\nvars: { jwt: '${JWT}' }\n";
    let folder = folder(&[
        ("pathway.yaml", yaml),
        ("jwt.txt", "hush hush hush hush hush hush hush\n"),
        ("pathways/a.yaml", "x: ${LATER}"),
    ]);
    let path = folder.path().join("jwt.txt").display().to_string();
    let unrelated = [("SSL_CERT_FILE", "/nowhere/cert.pem"), ("LATER_FILE", path.as_str())];

    let mut config = load(folder.path(), &[&unrelated[..], &[("JWT_FILE", &path)]].concat(), &[]);
    assert_eq!(codes(&config), Vec::<&str>::new());
    assert_eq!(
        config.project.auth.as_ref().unwrap().secret.as_ref().unwrap().reveal(),
        "hush hush hush hush hush hush hush"
    );
    assert!(config.project.vars["jwt"].secret, "though its name does not say so");
    assert!(config.variables.get("LATER").is_none());
    config.add_file("pathways/a.yaml", None).unwrap();
    assert!(config.variables.get("LATER").unwrap().secret);
    assert_eq!(origin(&config, "vars.jwt"), "pathway.yaml:2, JWT from the file of JWT_FILE");

    let missing = load(folder.path(), &[("JWT_FILE", "/nowhere/at/all")], &[]);
    assert!(codes(&missing).contains(&"PW0630"));
    let over = load(folder.path(), &[("PATHWAY_AUTH__SECRET_FILE", &path), ("JWT", "")], &[]);
    assert_eq!(over.project.auth.unwrap().secret.unwrap().reveal(), "hush hush hush hush hush hush hush");
    let both = load(folder.path(), &[("DB_PASSWORD", "a"), ("DB_PASSWORD_FILE", &path)], &[]);
    assert!(codes(&both).contains(&"PW0624"));
}

#[test]
fn files_of_the_project() {
    let folder = folder(&[
        ("pathway.yaml", "pathways: [pathways/**/*.yaml, one.yaml]"),
        ("pathways/b.yaml", "b"),
        ("pathways/deep/er/a.yaml", "a"),
        ("pathways/a.test.yaml", ""),
        ("pathways/note.md", ""),
        ("pathways/.hidden/x.yaml", ""),
        ("one.yaml", ""),
        ("other.yaml", ""),
    ]);
    let mut config = load(folder.path(), &[], &[]);
    assert_eq!(config.pathway_files(), ["one.yaml", "pathways/b.yaml", "pathways/deep/er/a.yaml"]);
    assert_eq!(config.test_files(), ["pathways/a.test.yaml"]);
    assert_eq!(codes(&config), Vec::<&str>::new());

    let mut config = load(folder.path(), &[], &["pathways=[../x/*.yaml, /etc/*, none/*.yaml]"]);
    assert_eq!(config.pathway_files(), Vec::<String>::new());
    assert_eq!(codes(&config), ["PW0627", "PW0627", "PW0628"]);
}

#[cfg(unix)]
#[test]
fn nothing_outside_the_folder_is_read() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.yaml", "x"), ("folder/y.yaml", "y")]);
    let folder = folder(&[("pathway.yaml", "{}"), ("pathways/a.yaml", "a"), ("schemas/s.json", "{}")]);
    let pathways = folder.path().join("pathways");
    symlink(outside.path().join("secret.yaml"), pathways.join("leak.yaml")).unwrap();
    symlink(outside.path().join("folder"), pathways.join("leaks")).unwrap();
    symlink(&pathways, pathways.join("round")).unwrap();
    symlink(pathways.join("a.yaml"), pathways.join("link.yaml")).unwrap();
    let mut config = load(folder.path(), &[], &[]);
    assert_eq!(config.pathway_files(), ["pathways/a.yaml", "pathways/link.yaml"]);

    let root = &config.root;
    assert_eq!(root.resolve("pathways/a.yaml", "../schemas/s.json").unwrap(), "schemas/s.json");
    assert_eq!(root.read("schemas/s.json").unwrap(), "{}");
    for reference in ["../../x", "/etc/passwd", "../schemas/../../x"] {
        assert!(matches!(root.resolve("pathways/a.yaml", reference), Err(FileError::Outside)), "{reference}");
    }
    assert!(matches!(root.read("pathways/leak.yaml"), Err(FileError::Outside)));
    assert!(matches!(root.read("pathways/leaks/y.yaml"), Err(FileError::Outside)));
    assert!(matches!(root.read("pathways"), Err(FileError::NotAFile)));
    assert!(matches!(root.read("pathways/none.yaml"), Err(FileError::Missing)));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = folder(&[("pathway.yaml", "{}"), ("big.yaml", &"#".repeat((8 << 20) + 1))]);
    fs::write(folder.path().join("odd.yaml"), b"a: \xff\xfe").unwrap();
    let mut config = load(folder.path(), &[], &[]);
    for path in ["odd.yaml", "big.yaml", "none.yaml"] {
        assert!(config.add_file(path, None).is_none());
    }
    assert_eq!(codes(&config), ["PW0620", "PW0620", "PW0621"]);
    assert!(told(&config).contains("odd.yaml:1:4"), "{}", told(&config));
}

#[test]
fn the_effective_configuration_is_yaml() {
    let yaml = "vars: { text: \"a: b # c\\nd\", list: [{ a: 1 }, '0755', 'true'], empty: {}, nothing: }\nmax_runs: ${N}";
    let folder = folder(&[("pathway.yaml", yaml)]);
    let config = load(folder.path(), &[("N", "7")], &[]);
    let shown = config.to_yaml();
    let value: serde_json::Value = serde_yaml::from_str(&shown).unwrap();
    assert_eq!(value["vars"]["text"], "a: b # c\nd");
    assert_eq!(value["vars"]["list"], serde_json::json!([{ "a": 1 }, "0755", "true"]));
    assert_eq!(value["vars"]["empty"], serde_json::json!({}));
    assert_eq!((&value["max_runs"], &value["listen"]), (&7.into(), &"127.0.0.1:8000".into()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However a secret came in, no one sees it.
    #[test]
    fn secrets_are_never_shown(secret in "[a-zA-Z0-9]{10,16}", way in 0..10usize) {
        let yaml = "
auth: { secret: '${JWT_SECRET:-}', introspect: 'http://a.test' }
store: { postgres: '${DATABASE_URL:-postgres://h/db}' }
services: { a: { url: 'http://a.test', headers: { Authorization: 'Bearer ${API_KEY:-none}' } } }
vars: { a: '${API_KEY:-}', b: '${PLAIN:-}', c: [\"${DB_PASSWORD:-}\"] }
max_runs: 5
";
        let literal = format!("auth: {{ secret: {secret} }}\nservices: {{ a: {{ url: 'http://u:{secret}@a.test', headers: {{ apikey: {secret} }} }} }}\ntraces: {{ url: 'http://u:{secret}@a.test', headers: {{ x-team: {secret} }} }}");
        let quoted = format!("DB_PASSWORD=\"{secret}\nAPI_KEY='{secret}' {secret}");
        let url = format!("postgres://u:{secret}@h/db");
        let headers = format!("x-team={secret},other");
        let (yaml, dotenv, environment): (&str, String, Vec<(&str, &str)>) = match way {
            0 => (yaml, format!("API_KEY={secret}\n# was {secret}\nbad {secret}\n"), vec![]),
            1 => (yaml, quoted, vec![]),
            2 => (yaml, String::new(), vec![("JWT_SECRET", &secret), ("DB_PASSWORD", &secret)]),
            3 => (yaml, String::new(), vec![("DATABASE_URL", &url)]),
            4 => (yaml, String::new(), vec![("PATHWAY_AUTH__SECRET", &secret), ("PATHWAY_VARS__API_KEY", &secret)]),
            5 => (yaml, String::new(), vec![("PATHWAY_MAX_RUNS_FILE", "named.txt"), ("PLAIN_FILE", "named.txt")]),
            6 => (&literal, String::new(), vec![]),
            7 => (yaml, format!("DATABASE_URL={url}\nPATHWAY_STORE__POSTGRES={url}"), vec![]),
            8 => (yaml, String::new(), vec![("OTEL_EXPORTER_OTLP_HEADERS", &headers), ("PATHWAY_TRACES__HEADERS__X", &secret)]),
            _ => (yaml, String::new(), vec![("PATHWAY_MAX__SECRET", &secret), ("API_KEY", &url)]),
        };
        let folder = folder(&[("pathway.yaml", yaml), (".env", &dotenv), ("named.txt", &secret)]);
        let config = load(folder.path(), &environment, &[]);
        for shown in [config.to_yaml(), format!("{:?}", config.settings())] {
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
        if way != 6 {
            for shown in [told(&config), format!("{config:?}")] {
                prop_assert!(!shown.contains(&secret), "{shown}");
            }
        }
    }
}

//! The project file: what it means, and what is said of mistakes in it.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use pathway_engine::document::Keep;
use pathway_engine::expression::{Now, Scope, Slot, Variable, Variables};
use pathway_engine::project::{Bus, OnGap, Project, Start, Store};
use pathway_engine::source::{Limits, Sources, parse};
use proptest::prelude::*;

fn variables(set: &[(&str, &str)]) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in set {
        let secret = name.contains("KEY");
        variables.set(*name, Variable { value: (*value).to_owned(), secret });
    }
    variables
}

fn read(text: &str, set: &[(&str, &str)]) -> (Project, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::new();
    let file = sources.add("pathway.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let node = parse(&sources, file, Limits::default(), &mut diagnostics).unwrap();
    let project = Project::read(&node, &variables(set), &mut diagnostics);
    (project, diagnostics.sorted(), sources)
}

fn good(text: &str, set: &[(&str, &str)]) -> Project {
    let (project, found, _) = read(text, set);
    assert!(found.is_empty(), "{found:#?}");
    project
}

/// Codes, and the text that each points at.
fn problems(text: &str, set: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let (_, found, sources) = read(text, set);
    found.iter().map(|d| (d.code.0, sources.slice(d.labels[0].span).to_owned())).collect()
}

fn one(text: &str, code: &'static str, at: &str) {
    assert_eq!(problems(text, &[("KEY", "s3cret"), ("EMPTY", "")]), [(code, at.to_owned())], "{text}");
}

/// A scope with a caller's token.
struct Token;

impl Scope for Token {
    fn get(&self, slot: Slot) -> Value {
        assert_eq!(slot, Slot::Auth);
        Value::from_pairs([("token", "t0ken")])
    }

    fn now(&self) -> Now {
        Now::UNIX_EPOCH
    }

    fn uuid(&self, _: u32) -> String {
        String::new()
    }
}

#[test]
fn headers_of_a_service_carry_the_callers_token() {
    let text = "services: { a: { url: 'http://h', headers: { Authorization: 'Bearer {{ auth.token }}' } } }";
    let project = good(text, &[]);
    let (_, header) = &project.services["a"].headers[0];
    assert_eq!(header.render(&Token, None).unwrap(), "Bearer t0ken");
}

#[test]
fn a_whole_project() {
    let text = r#"
listen: ${LISTEN:-0.0.0.0:80}
admin: localhost:81
max_runs: ${RUNS}
max_parallel: 7
defaults:
  pathway: { max_parallel: 3 }
  service: { timeout: 9s, retry: { attempts: "${TRIES:-5}" } }
bus:
  kafka:
    { servers: "a:1,b:2", group: g, start: latest, on_gap: halt, take_over: true, security.protocol: SSL, socket_timeout_ms: 10 }
store: { postgres: "postgres://u:${KEY}@h/db" }
topics: { orders: '${PREFIX}orders', plain: }
auth: { secret: "${KEY}, and as long as it has to be", query_token: streams, apikey: "${KEY}" }
cors: { origins: [http://localhost:5173, "*"] }
log: { format: json, level: debug }
services:
  base:
    url: https://x.test/${PATH_:-v1}
    headers: { X-A: one, X-N: 5 }
    timeout: 2s
    circuit: { failures: 4, open: 1m }
    max_parallel: 2
    rate: 50/s
    http: { parse: sse }
  user:
    like: base
    retry: { attempts: 1 }
    headers: {}
    without_token: base
vars: { limit: 5, list: [a, { b: "${PREFIX}" }], key: "${KEY}", none: }
"#;
    let project = good(text, &[("RUNS", "12"), ("PREFIX", "p-"), ("KEY", "s3cret")]);
    assert_eq!(project.listen.to_string(), "0.0.0.0:80");
    assert_eq!(project.admin.to_string(), "127.0.0.1:81");
    assert_eq!((project.max_runs, project.max_parallel), (12, 7));
    assert_eq!(project.pathway.max_parallel, 3);
    assert_eq!(project.pathway.timeout, Duration::from_secs(300));
    assert_eq!((project.service.retry.attempts, project.service.retry.factor), (5, 2.0));
    let Bus::Kafka(kafka) = &project.bus else { panic!("{:?}", project.bus) };
    assert_eq!((kafka.servers.value.as_str(), kafka.group.value.as_str()), ("a:1,b:2", "g"));
    assert_eq!((kafka.start, kafka.on_gap, kafka.take_over), (Start::Latest, OnGap::Halt, true));
    let options: Vec<_> = kafka.options.iter().map(|(k, v)| (k.as_str(), v.value.as_str())).collect();
    assert_eq!(options, [("security.protocol", "SSL"), ("socket.timeout.ms", "10")]);
    let Store::Postgres(url) = &project.store else { panic!("{:?}", project.store) };
    assert_eq!(url.reveal(), "postgres://u:s3cret@h/db");
    assert_eq!(project.topics.real("orders"), "p-orders");
    assert_eq!(project.topics.logical("p-orders"), "orders");
    assert_eq!(project.topics.real("plain"), "plain");
    assert!(project.topics.admits("plain") && !project.topics.admits("other"));
    assert_eq!(
        project.auth.as_ref().unwrap().secret.as_ref().unwrap().reveal(),
        "s3cret, and as long as it has to be"
    );
    assert_eq!(project.auth.as_ref().unwrap().apikey.as_ref().unwrap().reveal(), "s3cret");

    let base = &project.services["base"];
    assert_eq!(base.url.value, "https://x.test/v1");
    assert_eq!((base.limits_of.as_str(), base.max_parallel, base.headers.len()), ("base", Some(2), 2));
    let circuit = base.circuit.unwrap();
    assert_eq!((circuit.failures, circuit.open, circuit.half_open), (4, Duration::from_secs(60), 3));
    let user = &project.services["user"];
    assert_eq!(user.url, base.url);
    assert_eq!(user.timeout, Duration::from_secs(2));
    assert_eq!((user.retry.attempts, base.retry.attempts), (1, 5));
    assert!(user.headers.is_empty() && user.http.is_some());
    assert_eq!((user.limits_of.as_str(), user.circuit, user.rate), ("base", base.circuit, base.rate));
    assert_eq!(user.without_token.as_deref(), Some("base"));

    assert_eq!(project.vars["limit"].value, 5.into());
    assert_eq!(project.vars["list"].value.to_string(), "['a', {'b': 'p-'}]");
    assert!(project.vars["key"].secret && !project.vars["list"].secret);
}

#[test]
fn nothing_at_all() {
    let project = good("{}", &[]);
    assert_eq!(format!("{project:?}"), format!("{:?}", Project::default()));
}

#[test]
fn empty_values_are_as_if_not_written() {
    let text = "
listen:
max_runs: ${NONE:-}
bus: { kafka: { servers: '${NONE:-}', group: g } }
store:
auth: { secret: '${NONE:-}', introspect: 'https://x.test', apikey: '${NONE:-}' }
";
    let project = good(text, &[]);
    assert_eq!(project.max_runs, 64);
    assert_eq!(project.bus, Bus::Embedded);
    let auth = project.auth.unwrap();
    assert_eq!((auth.secret, auth.apikey), (None, None));
    assert_eq!(good("bus: '${BUS}'", &[("BUS", "embedded")]).bus, Bus::Embedded);
}

#[test]
fn mistakes_in_values() {
    one("max_rusn: 1", "PW0202", "max_rusn");
    one("max_runs: 0", "PW0204", "0");
    one("max_runs: ten", "PW0201", "ten");
    one("max_runs: '${KEY}'", "PW0604", "'${KEY}'");
    one("listen: 8000", "PW0201", "8000");
    one("listen: host:80", "PW0610", "host:80");
    one("listen: '{{ x }}'", "PW0617", "{{");
    one("log: { level: loud }", "PW0207", "loud");
    one("defaults: { pathway: { timeout: 5 } }", "PW0205", "5");
    one("bus: { redis: x }", "PW0202", "redis");
    one("bus: embeded", "PW0201", "embeded");
    one("bus: { kafka: { servers: x, on_gap: stop } }", "PW0207", "stop");
    one("bus: { kafka: { servers: x, enable_auto_commit: true } }", "PW0650", "enable_auto_commit");
    one("bus: { kafka: { servers: x, group.id: y } }", "PW0650", "group.id");
    one("store: { path: here, postgres: 'postgres://h/d' }", "PW0652", "'postgres://h/d'");
    one("store: { postgres: 'host=h' }", "PW0653", "'host=h'");
    let hour = Duration::from_secs(3600);
    let keep = good("store: { keep: 1h }", &[]).keep;
    assert_eq!((keep.runs, keep.records), (Keep::all(hour), hour));
    let keep = good("store: { keep: { failed: '${LONG}', records: 1h } }", &[("LONG", "30d")]).keep;
    assert_eq!((keep.runs.failed, keep.records), (Some(720 * hour), hour));
    assert_eq!(keep.runs.succeeded, Some(168 * hour), "what is not said is as usual");
    one("store: { keep: 7 }", "PW0205", "7");
    one("store: { keep: { failed: long } }", "PW0205", "long");
    one("store: { keep: { parked: 1d } }", "PW0202", "parked");
    assert_eq!(good("store: { max_run: 2MiB }", &[]).max_run, 2 << 20);
    one("store: { max_run: 2GiB }", "PW0277", "2GiB");
    let traces = |field: &str| format!("traces: {{ url: 'http://x.test', {field} }}");
    one("traces: { url: there }", "PW0605", "there");
    one(&traces("sample: 2"), "PW0204", "2");
    one(&traces("headers: { 'a b': c }"), "PW0613", "'a b'");
    one(&traces("headers: { a: \"b\\nc\" }"), "PW0654", "\"b\\nc\"");
    one(&traces("headers: abc"), "PW0654", "abc");
    one("topics: { a: x, b: x }", "PW0614", "x");
    one("topics: { a: 'x y' }", "PW0614", "'x y'");
    one("auth: { issuer: 'http://x.test' }", "PW0616", "{ issuer: 'http://x.test' }");
    one("auth: { jwks: /auth, introspect: 'https://x.test' }", "PW0605", "/auth");
    one("auth: { secret: a-secret-of-thirty-one-bytes... }", "PW0640", "a-secret-of-thirty-one-bytes...");
    one("cors: { origins: ['http://x.test/'] }", "PW0615", "'http://x.test/'");
    one("vars: { a: ['{{ x }}'] }", "PW0617", "{{");
    one("vars: { A: 1 }", "PW0206", "A");
    one("[]", "PW0201", "[]");
}

#[test]
fn mistakes_in_services() {
    let service = |field: &str| format!("services: {{ a: {{ url: 'http://x.test', {field} }} }}");
    one("services: { a: {} }", "PW0203", "{}");
    one("services: { a: { url: 'ftp://x' } }", "PW0605", "'ftp://x'");
    one("services: { a: { url: '${EMPTY}/v1' } }", "PW0606", "'${EMPTY}/v1'");
    one("services: { A-b: { url: 'http://x.test' } }", "PW0206", "A-b");
    one(&service("rate: 5"), "PW0609", "5");
    one(&service("rate: 5/y"), "PW0609", "5/y");
    one(&service("headers: { 'a b': x }"), "PW0613", "'a b'");
    one(&service("headers: { A: x, a: y }"), "PW0613", "a");
    one(&service("headers: { Host: x }"), "PW0613", "Host");
    one(&service("circuit: { failures: 0 }"), "PW0204", "0");
    one(&service("retry: { on: [outtage] }"), "PW0208", "outtage");
    one(&service("without_token: b"), "PW0607", "b");
    one(&service("without_token: a"), "PW0608", "a");
    one("services: { a: { like: b } }", "PW0607", "b");
    one("services: { a: { like: b }, b: { like: a } }", "PW0608", "b");
    let own = "services: { a: { like: b, rate: 1/s }, b: { url: 'http://x.test' } }";
    one(own, "PW0611", "1/s");
}

#[test]
fn an_empty_url_is_only_a_warning() {
    let (project, found, _) = read("services: { a: { url: '${U:-}' } }", &[]);
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!(project.services["a"].url.value, "");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "listen: x\nmax_runs: y\nservices: { a: { like: z, rate: q }, b: { url: w } }\nvras: {}\n";
    let codes: Vec<_> = problems(text, &[]).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["PW0610", "PW0201", "PW0607", "PW0609", "PW0605", "PW0202"]);
}

proptest! {
    /// Wherever a secret variable may stand, neither the project nor a message shows it.
    #[test]
    fn no_secret_is_shown(secret in "[a-zA-Z0-9]{12,20}", place in 0..15usize) {
        let places = [
            "listen: ${KEY}", "max_runs: ${KEY}", "log: { format: '${KEY}' }",
            "bus: { kafka: { servers: '${KEY}', sasl_password: '${KEY}', start: '${KEY}' } }",
            "store: { postgres: 'postgres://u:${KEY}@h' }", "store: { path: '${KEY}' }",
            "topics: { a: '${KEY}' }", "auth: { secret: '${KEY}', issuer: '${KEY}', apikey: '${KEY}' }",
            "cors: { origins: ['${KEY}'] }", "services: { a: { url: '${KEY}', rate: '${KEY}' } }",
            "services: { a: { url: 'http://u:${KEY}@h' } }",
            "services: { a: { url: 'http://h', like: '${KEY}', retry: { attempts: '${KEY}' } } }",
            "vars: { a: [{ b: 'x${KEY}' }] }", "pathways: ['${KEY}']",
            "services: { a: { url: 'http://h', headers: { X: 'Bearer ${KEY}', Y: '${KEY} {{ auth.token }}' } } }",
        ];
        let (project, found, _) = read(places[place], &[("KEY", &secret)]);
        prop_assert!(!format!("{project:?}").contains(&secret), "{project:?}");
        prop_assert!(!format!("{found:?}").contains(&secret), "{found:?}");
        let variables = format!("{:?}", variables(&[("KEY", &secret)]));
        prop_assert!(!variables.contains(&secret), "{variables}");
    }

    #[test]
    fn nothing_that_is_yaml_breaks_it(text in r"(pathways|listen|services|vars|a|b|like|url|rate|: |\n|\n  |\n    |- |\[|\]|\{|\}|, |\$\{A\}|1|x)*") {
        let mut sources = Sources::new();
        let file = sources.add("pathway.yaml", text);
        let mut diagnostics = Diagnostics::new();
        if let Some(node) = parse(&sources, file, Limits::default(), &mut diagnostics) {
            let project = Project::read(&node, &Variables::new(), &mut diagnostics);
            prop_assert!(project.max_runs > 0);
        }
    }
}

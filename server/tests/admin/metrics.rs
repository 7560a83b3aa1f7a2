//! `/metrics` of a server that has done something.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use crate::world::{DEADLINE, World, client, told};

const PROJECT: &str = concat!(
    "  flaky: { url: \"http://127.0.0.1:9\", retry: { attempts: 1 }, circuit: { failures: 1, open: 1h } }\n",
    "  never: { url: \"http://127.0.0.1:9\", circuit: { failures: 1, open: 1h } }\n",
);

const PATHWAY: &str = concat!(
    "pathway: p\n",
    "max_runs: { slots: 9, per: auth.sub or none }\n",
    "on: { http: { post: /p, auth: none } }\n",
    "steps:\n",
    "  a: { each: input.calls, http: { service: api, get: \"/{{ item }}\" } }\n",
    "  b: { when: input.flaky, http: { service: flaky, get: /any } }\n",
);

/// A metric: its kind, the labels of its values, and these.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    values: BTreeMap<Vec<(String, String)>, f64>,
}

/// A page, by the names that are asked for.
struct Page(BTreeMap<String, Family>);

impl Page {
    async fn scrape(world: &World) -> Self {
        let request = client().get(world.url("/metrics")).bearer_auth(&world.token);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        Self::parse(&response.text().await.unwrap())
    }

    /// The first page that says so: nobody is told when something has been counted.
    async fn until(world: &World, says: impl Fn(&Self) -> bool) -> Self {
        let wait = async {
            loop {
                let page = Self::scrape(world).await;
                if says(&page) {
                    return page;
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("in time")
    }

    /// Reads a page; it has to be one.
    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("the end is said");
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut known = ("", "");
        for line in text.lines() {
            if let Some(said) = line.strip_prefix("# TYPE ") {
                known = said.split_once(' ').unwrap();
                let family = Family { kind: known.1.to_owned(), ..Family::default() };
                assert!(families.insert(asked(known), family).is_none(), "{line} twice");
                continue;
            }
            if line.starts_with("# HELP ") {
                continue;
            }
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
            let ending = name.strip_prefix(known.0).expect("below its own type");
            let endings: &[&str] = match known.1 {
                "counter" => &["_total"],
                "histogram" => &["_sum", "_count", "_bucket"],
                _ => &[""],
            };
            assert!(endings.contains(&ending), "{line}");
            let mut labels: Vec<(String, String)> = labels
                .strip_suffix('}')
                .unwrap()
                .split_terminator("\",")
                .map(|label| label.split_once("=\"").unwrap())
                .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()))
                .collect();
            let family = families.get_mut(&asked(known)).unwrap();
            let own = labels.iter().map(|(name, _)| name.clone()).filter(|name| name != "le");
            let own: BTreeSet<String> = own.collect();
            assert!(family.values.is_empty() || family.labels == own, "{line}");
            family.labels = own;
            labels.push((String::new(), ending.to_owned()));
            assert!(family.values.insert(labels, value.parse().unwrap()).is_none(), "{line} twice");
        }
        Self(families)
    }

    /// The sum of a metric's values with these labels; of a histogram, of how many there are.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let family = &self.0[name];
        let has = |own: &[(String, String)], (name, value): (&str, &str)| {
            own.iter().any(|(n, v)| n == name && v == value)
        };
        let ending = match family.kind.as_str() {
            "histogram" => "_count",
            "counter" => "_total",
            _ => "",
        };
        let meant = family
            .values
            .iter()
            .filter(|(own, _)| has(own, ("", ending)) && labels.iter().all(|label| has(own, *label)));
        meant.map(|(_, value)| value).sum()
    }
}

/// The name that a metric is asked for by.
fn asked((name, kind): (&str, &str)) -> String {
    if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
}

/// What the page about operations says that there is: names with their labels.
fn documented() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, section) = page.split_once("\n## Metrics\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix("| `pathway_")?.split_once("` |"));
    names.map(|(name, _)| format!("pathway_{name}")).collect()
}

async fn start(world: &World, body: serde_json::Value) -> u16 {
    let url = format!("http://{}/p", world.app.address);
    let request = client().post(url).header("content-type", "application/json").body(body.to_string());
    told(request.send().await.unwrap()).await.0
}

#[tokio::test]
async fn what_is_documented_is_there_and_adds_up() {
    let world = World::start_in(PROJECT, PATHWAY).await;
    world.upstream.breaks("broken");
    let before = Page::scrape(&world).await;
    for result in ["succeeded", "failed", "cancelled", "parked"] {
        let labels = [("pathway", "p"), ("result", result)];
        assert_eq!(before.sum("pathway_runs_total", &labels), 0.0, "is there before there is any");
    }
    assert_eq!(before.0["pathway_runs_total"].values.len(), 4);

    let mut statuses = BTreeMap::<u16, f64>::new();
    for calls in [json!([]), json!(["x"]), json!(["x", "y", "x"]), json!(["broken"]), json!(["x", "broken"])]
    {
        let status = start(&world, json!({ "calls": calls, "flaky": false })).await;
        *statuses.entry(status).or_default() += 1.0;
    }
    let nowhere = client().get(format!("http://{}/nowhere/alice", world.app.address)).send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    let run = client().get(format!("http://{}/api/runs/alice", world.app.address)).send().await.unwrap();
    let of_a_run = run.status().as_u16().to_string();

    let page = Page::until(&world, |page| page.sum("pathway_runs_total", &[]) >= 5.0).await;
    let found = page.0.iter().map(|(name, family)| {
        let labels: Vec<&str> = family.labels.iter().map(String::as_str).collect();
        (name, labels)
    });
    let said = documented();
    let mut known = BTreeSet::new();
    for name in &said {
        let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
        let mut labels: Vec<&str> = labels.trim_end_matches('}').split_terminator(',').collect();
        labels.sort_unstable();
        known.insert((name.to_owned(), labels));
    }
    let found: BTreeSet<_> = found.map(|(name, labels)| (name.clone(), labels)).collect();
    assert_eq!(known, found, "the table of docs/operations.md, and what is told");

    for (result, status) in [("succeeded", "succeeded"), ("parked", "parked")] {
        let runs = world.get(&format!("/runs?status={status}")).await["runs"].as_array().unwrap().len();
        let counted = page.sum("pathway_runs_total", &[("pathway", "p"), ("result", result)]);
        assert_eq!(counted, runs as f64, "{result}");
    }
    assert_eq!(page.sum("pathway_run_duration_seconds", &[]), page.sum("pathway_runs_total", &[]));
    assert_eq!(page.sum("pathway_runs_total", &[]), 5.0);
    assert_eq!(page.sum("pathway_runs_started_total", &[("pathway", "p")]), 5.0);
    assert_eq!(page.sum("pathway_runs_parked", &[]), 2.0);
    let calls = ["x", "y", "broken"].map(|path| world.upstream.keys(path).len()).iter().sum::<usize>();
    let step = [("pathway", "p"), ("step", "a")];
    assert_eq!(page.sum("pathway_step_duration_seconds", &step), calls as f64);
    assert_eq!(page.sum("pathway_step_queue_seconds", &step), calls as f64);
    assert!(page.sum("pathway_store_commit_seconds", &[("change", "admit")]) > 0.0);
    for (status, count) in statuses {
        let labels = [("route", "/p"), ("status", &status.to_string())];
        assert_eq!(page.sum("pathway_http_requests_total", &labels), count, "{status}");
    }
    assert_eq!(page.sum("pathway_http_requests_total", &[("route", "-"), ("status", "404")]), 1.0);
    let labels = [("route", "/api/runs/{id}"), ("status", of_a_run.as_str())];
    assert_eq!(page.sum("pathway_http_requests_total", &labels), 1.0);
    // Of histograms every bucket holds those before it, and the last one all.
    for (name, family) in page.0.iter().filter(|(_, family)| family.kind == "histogram") {
        let mut last = BTreeMap::<_, Vec<(f64, f64)>>::new();
        for (labels, value) in &family.values {
            let Some((_, le)) = labels.iter().find(|(name, _)| name == "le") else { continue };
            let bound = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
            let own = labels.iter().filter(|(name, _)| name != "le" && !name.is_empty());
            let own: Vec<(String, String)> = own.cloned().collect();
            last.entry(own).or_default().push((bound, *value));
        }
        for (labels, mut buckets) in last {
            buckets.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name} {labels:?}");
            let own: Vec<_> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(buckets.last().unwrap().1, page.sum(name, &own), "{name} {labels:?}");
        }
    }
    world.app.stop().await;
}

#[tokio::test]
async fn a_circuit_that_opens_is_seen_and_so_is_one_that_never_did() {
    let world = World::start_in(PROJECT, PATHWAY).await;
    let states = async |open: bool| {
        let page = Page::scrape(&world).await;
        for (circuit, is_open) in [("flaky", open), ("never", false)] {
            let of = |state| page.sum("pathway_circuit_state", &[("circuit", circuit), ("state", state)]);
            let expected = if is_open { (0.0, 1.0, 0.0) } else { (1.0, 0.0, 0.0) };
            assert_eq!((of("closed"), of("open"), of("half_open")), expected, "{circuit}");
        }
        assert_eq!(page.0["pathway_circuit_state"].values.len(), 6, "all states of both, and of no other");
    };
    states(false).await;
    assert_eq!(start(&world, json!({ "calls": [], "flaky": true })).await, 503);
    states(true).await;
    world.app.stop().await;
}

#[tokio::test]
async fn a_limit_that_is_set_is_seen_with_who_has_a_place_and_who_waits() {
    let calls = "pathway: p\non: { topic: t }\nsteps: { a: { http: { service: api, get: /slow } } }\n";
    let world = World::start(calls).await;
    let service = [("limit", "service/api")];
    let before = Page::scrape(&world).await;
    assert!(!before.0["pathway_limit_permits"].values.keys().any(|own| own[0].1 == "service/api"));
    assert_eq!(world.ask(Method::PUT, "/limits/service/api", Some(json!({ "permits": 1 }))).await.0, 200);
    for _ in 0..3 {
        world.publish("t", "{}").await;
    }
    world.called().await;
    let page = Page::until(&world, |page| page.sum("pathway_limit_waiting", &service) >= 2.0).await;
    assert_eq!(page.sum("pathway_limit_permits", &service), 1.0);
    assert_eq!(page.sum("pathway_limit_in_use", &service), 1.0);
    assert_eq!(page.sum("pathway_runs_active", &[]), 3.0);
    assert_eq!(page.sum("pathway_consumer_lag_records", &[("topic", "t"), ("partition", "0")]), 0.0);
    for done in 1..=3 {
        world.upstream.go.notify_one();
        world.until("succeeded", done).await;
    }
    let page = Page::scrape(&world).await;
    let waited = page.0["pathway_step_queue_seconds"].values.iter();
    let waited = waited.filter(|(own, _)| own.iter().any(|(_, value)| value == "_sum"));
    assert!(waited.map(|(_, sum)| sum).sum::<f64>() > 0.0);
    world.app.stop().await;
}

#[tokio::test]
async fn whoever_scrapes_shows_the_token() {
    let world = World::start("pathway: p\nreturn: 1\n").await;
    let answer = client().get(world.url("/metrics")).send().await.unwrap();
    assert_eq!(told(answer).await.0, 401);
    world.app.stop().await;
}

//! Every benchmark runs, prints what it promises and looks at its outputs. No timings.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::{Command, Output};

use pathway_tests::binary;
use pathway_tests::kafka::Kafka;
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pathway-bench")).args(arguments).output().unwrap()
}

/// Runs a benchmark with tiny counts; `figures` must be among its figures.
fn runs(name: &str, count: &str, figures: &[&str]) {
    runs_with(name, count, &[], figures);
}

fn runs_with(name: &str, count: &str, more: &[&str], figures: &[&str]) {
    let small = [&[name, "--rounds", "2", "--count", count], more].concat();
    let json = bench(&[&small[..], &["--json"]].concat());
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["benchmark"], name);
    for figure in figures {
        let all = &report["figures"][figure];
        assert!(report[figure].is_number(), "{figure} is missing: {report}");
        assert_eq!(report[figure], all["median"]);
        assert!(all["rounds"].as_u64() >= Some(2));
        assert!(all["min"].as_f64() <= all["max"].as_f64());
    }

    let table = bench(&small);
    assert!(table.status.success());
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(figures.iter().all(|figure| table.contains(figure)), "{table}");

    let spoilt = bench(&[&small[..], &["--spoil"]].concat());
    let reason = String::from_utf8(spoilt.stderr).unwrap();
    assert!(!spoilt.status.success() && reason.contains("wrong output"), "{reason}");
}

#[test]
fn vm() {
    runs("vm", "300", &["three_step_runs_per_second", "machine_to_expressions"]);
}

#[test]
fn adaptive() {
    let [binary, path, ..] = target();
    let figures = ["fixed_64_per_second", "fixed_8_p99_ms", "adaptive_p99_ms", "adaptive_at_once"];
    runs_with("adaptive", "20", &[&binary, &path], &figures);
}

#[test]
fn fan() {
    runs("fan", "20", &["fan_out_ns_per_step", "long_to_short", "each_ns_per_item"]);
}

#[test]
fn compile() {
    runs("compile", "3", &["pathways_per_second"]);
}

#[test]
fn expression() {
    runs("expression", "10", &["sum_ns", "sum_minijinja_ns", "template_ns", "path_ns", "filters_ns"]);
}

#[test]
fn journal() {
    runs("journal", "300", &["durable_runs_per_second", "store_appends_per_second"]);
}

/// The arguments that name the binary, on a project that needs nothing.
fn target() -> [String; 4] {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../pathway.yaml");
    ["--binary".into(), binary().display().to_string(), "--project".into(), project.into()]
}

#[test]
fn start() {
    runs_with("start", "1", &target().each_ref().map(String::as_str), &["ready_ms"]);
}

#[test]
fn idle() {
    let figures = ["resident_mib", "cpu_percent", "wakes_per_second"];
    runs_with("idle", "1", &target().each_ref().map(String::as_str), &figures);
}

#[test]
fn gateway() {
    let [binary, path, ..] = target();
    runs_with("gateway", "20", &[&binary, &path], &["embedded_p50_ms", "embedded_p99_ms"]);
}

#[test]
fn durable() {
    let [binary, path, ..] = target();
    let figures =
        ["pure_1_per_second", "pure_256_p99_ms", "pure_cpu_us", "calls_32_per_second", "calls_kept_bytes"];
    runs_with("durable", "20", &[&binary, &path], &figures);
}

#[test]
fn recovery() {
    let [binary, path, ..] = target();
    runs_with(
        "recovery",
        "20",
        &[&binary, &path],
        &["waiting_mib", "ready_ms", "last_ms", "let_go_per_second"],
    );
}

#[test]
#[ignore = "takes minutes on a busy machine: run it by hand"]
fn streams() {
    let [binary, path, ..] = target();
    let figures = ["all_reached_ms", "many_ms", "many_beside_slow_ms"];
    runs_with("streams", "20", &[&binary, &path], &figures);
}

/// Runs what needs a broker, on the one that the tests share, if there is one.
async fn over_kafka(name: &'static str, count: &'static str, figures: &'static [&'static str]) {
    let Some(kafka) = Kafka::shared().await else { return };
    let servers = kafka.servers().to_owned();
    let run = move || {
        let [binary, path, ..] = target();
        runs_with(name, count, &[&binary, &path, "--kafka", &servers], figures);
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

#[tokio::test]
async fn kafka() {
    let figures = &["none_per_second", "none_cpu_us", "journal_per_second", "journal_peak_mib"];
    over_kafka("kafka", "2000", figures).await;
}

#[tokio::test]
async fn gateway_over_kafka() {
    over_kafka("gateway", "20", &["kafka_p50_ms", "at_once_p99_ms", "burst_ms", "budgets_ms"]).await;
}

#[tokio::test]
#[ignore = "takes minutes on a busy machine: run it by hand"]
async fn soak() {
    over_kafka("soak", "2", &["resident_mib"]).await;
}

//! `pathway topics` from outside.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROJECT: &str = "
bus: { kafka: { servers: '${SERVERS:-}', group: shop } }
topics: { orders: shop.orders, receipts: shop.receipts, answers: shop.answers }
";

const PATHWAY: &str = "
pathway: order
on: { topic: orders, reply: { topic: answers } }
steps:
  receipt: { publish: { topic: receipts, value: 1 } }
return: 1
";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("pathway.yaml"), PROJECT).unwrap();
    fs::create_dir(folder.path().join("pathways")).unwrap();
    fs::write(folder.path().join("pathways/order.yaml"), PATHWAY).unwrap();
    folder
}

fn run(folder: &Path, servers: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pathway"));
    command.arg("topics").args(arguments).args(["--color", "never"]);
    let output = command.current_dir(folder).env_clear().env("SERVERS", servers).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn listed(folder: &Path, servers: &str, arguments: &[&str]) -> Vec<Value> {
    let (code, output, error) = run(folder, servers, arguments);
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&output).unwrap()
}

#[test]
fn topics_are_listed_with_who_reads_and_writes_them() {
    let folder = folder();
    let topics = listed(folder.path(), "", &["--json"]);
    let named: Vec<_> =
        topics.iter().map(|it| json!([it["topic"], it["name"], it["read_by"], it["written_by"]])).collect();
    let expected = [
        json!(["answers", "shop.answers", [], ["order"]]),
        json!(["orders", "shop.orders", ["order"], []]),
        json!(["orders.dlq", "shop.orders.dlq", [], ["order"]]),
        json!(["receipts", "shop.receipts", [], ["order"]]),
    ];
    assert_eq!(named, expected);
    let (code, table, note) = run(folder.path(), "", &[]);
    assert_eq!((code, table.lines().count()), (0, 5), "{table}");
    assert!(note.contains("without the store"), "{note}");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_embedded_bus_needs_no_topics_to_be_made() {
    let (code, output, note) = run(folder().path(), "", &["create"]);
    assert_eq!((code, output.as_str()), (0, ""));
    assert!(note.contains("nothing to do"), "{note}");
}

#[test]
fn a_broker_that_is_away_is_said() {
    // Nothing listens at port 9.
    for arguments in [&["list"][..], &["lag", "--json"], &["create", "--dry-run"]] {
        let (code, output, error) = run(folder().path(), "127.0.0.1:9", arguments);
        assert_eq!((code, output.as_str()), (75, ""), "{error}");
        assert!(error.contains("127.0.0.1:9") && error.contains("refused"), "{error}");
    }
}

#[test]
fn options_that_make_no_sense_are_a_matter_of_the_project() {
    let (code, _, error) = run(folder().path(), "x:1", &["-c", "bus.kafka.fetch_max_bites=1"]);
    assert_eq!(code, 78, "{error}");
    assert!(error.contains("fetch.max.bites"), "{error}");
}

#[test]
fn lag_is_what_nobody_has_worked_on() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("shop.orders", 2, 1).unwrap();
    let servers = mock.bootstrap_servers();
    let config = |group: &str| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &servers).set("group.id", group);
        config
    };
    let producer: BaseProducer = config("none").create().unwrap();
    for _ in 0..5 {
        producer.send(BaseRecord::<(), _>::to("shop.orders").partition(1).payload("{}")).unwrap();
    }
    producer.flush(std::time::Duration::from_secs(60)).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("shop.orders", 1, Offset::Offset(3)).unwrap();
    let member: BaseConsumer = config("shop").create().unwrap();
    member.commit(&list, CommitMode::Sync).unwrap();

    let folder = folder();
    let lag = listed(folder.path(), &servers, &["lag", "--json"]);
    let partition = |n: i32, end: i64, committed: Value, lag: Value| {
        json!({ "name": "shop.orders", "partition": n, "oldest": 0, "end": end, "committed": committed,
                "next": null, "lag": lag })
    };
    assert_eq!(lag, [partition(0, 0, Value::Null, Value::Null), partition(1, 5, json!(3), json!(2))]);
    let (code, table, _) = run(folder.path(), &servers, &["list"]);
    assert_eq!(code, 0);
    assert!(table.lines().any(|line| line.starts_with("receipts") && line.contains("missing")), "{table}");
}

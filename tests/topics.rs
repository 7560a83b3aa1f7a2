//! `pathway topics create`, on a real broker.

use std::path::Path;
use std::process::Output;

use pathway_tests::binary;
use pathway_tests::kafka::{Kafka, Message};
use tokio::process::Command;

const PROJECT: &str = "
bus: { kafka: { servers: '${SERVERS}' } }
topics: { orders: made.orders, receipts: made.receipts }
";
const PATHWAY: &str = "
pathway: order
on: { topic: orders }
steps:
  receipt: { publish: { topic: receipts, value: 1 } }
return: 1
";

async fn topics(folder: &Path, kafka: &Kafka, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let mut command = Command::new(binary());
    command.arg("topics").args(arguments).current_dir(folder).env_clear().env("SERVERS", kafka.servers());
    let Output { status, stdout, stderr } = command.output().await.expect("it runs");
    let lines = String::from_utf8_lossy(&stdout).lines().map(str::to_owned).collect();
    (status.code(), lines, String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test]
async fn what_is_missing_is_made_once() {
    let Some(kafka) = Kafka::shared().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pathway.yaml"), PROJECT).expect("a project");
    std::fs::create_dir(folder.path().join("pathways")).expect("its pathways");
    std::fs::write(folder.path().join("pathways/order.yaml"), PATHWAY).expect("a pathway");
    kafka.make(&["made.receipts"], 1).await;
    let missing = ["made.orders", "made.orders.dlq"];

    let tried = topics(folder.path(), &kafka, &["create", "--partitions", "3", "--dry-run"]).await;
    assert_eq!((tried.0, &tried.1[..]), (Some(0), &missing.map(str::to_owned)[..]), "{}", tried.2);
    let refused = topics(folder.path(), &kafka, &["create", "--replication", "7"]).await;
    assert_eq!((refused.0, refused.1.len()), (Some(1), 0), "{}", refused.2);
    let made = topics(folder.path(), &kafka, &["create", "--partitions", "3"]).await;
    assert_eq!(made, (Some(0), tried.1, made.2.clone()));
    let again = topics(folder.path(), &kafka, &["create"]).await;
    assert_eq!((again.0, again.1.len()), (Some(0), 0), "{}", again.2);

    kafka.write((0..6).map(|n| Message::to("made.orders").key(&n.to_string()).bytes("{}"))).await;
    let (code, lines, error) = topics(folder.path(), &kafka, &["lag"]).await;
    assert_eq!((code, lines.len()), (Some(0), 4), "{error}");
    let ends = lines.iter().skip(1).filter_map(|line| line.split_whitespace().nth(3)?.parse::<i64>().ok());
    assert_eq!(ends.sum::<i64>(), 6, "{lines:?}");
}

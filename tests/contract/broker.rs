//! The broker itself, as the other tests rely on it.

use pathway_tests::kafka::{Kafka, Member, Message, Reader};
use serde_json::json;

#[tokio::test]
async fn records_are_kept_over_a_restart_and_groups_share_them() {
    let Some(kafka) = Kafka::own().await else { return };
    kafka.make(&["letters"], 2).await;
    let letter =
        |n: i32| Message::to("letters").key(&n.to_string()).json(&json!({ "n": n })).header("from", "me");
    kafka.write((0..10).map(letter)).await;
    kafka.kill().await;
    kafka.start().await;
    let records = kafka.collect("letters").await;
    let mut numbers: Vec<_> = records.iter().filter_map(|record| record.json()["n"].as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    assert!(records.iter().all(|record| record.header("from").as_deref() == Some("me")));

    let mut member = Member::join(&kafka, "readers", &["letters"], "range");
    member.owns().await;
    member.leave().await;
    assert_eq!(kafka.committed("readers", "letters").await, [None, None]);
    kafka.commit("readers", "letters", &[1, 2]).await;
    assert_eq!(kafka.committed("readers", "letters").await, [Some(1), Some(2)]);

    let mut reader = Reader::from_start(&kafka, &["letters"]).await;
    reader.take(10).await;
    kafka.stop().await;
    kafka.start().await;
    kafka.write([letter(10)]).await;
    assert_eq!(reader.next().await.json(), json!({"n": 10}));
}

//! What the shop says on the topics of its replies, as somebody hears it who reads all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pathway_tests::kafka::{Kafka, Reader, Record};
use serde_json::Value;

use crate::load::{Asked, number_of};

const TOPICS: [&str; 3] = ["answers", "deliveries", "approvals"];
/// For a reader that reads all of them anew.
const ANEW: Duration = Duration::from_secs(60);

/// All replies so far.
#[derive(Debug)]
pub(crate) struct Replies {
    kafka: Kafka,
    reader: Reader,
    /// By topic and key.
    heard: BTreeMap<(String, String), Vec<Record>>,
}

impl Replies {
    pub(crate) async fn listen(kafka: &Kafka) -> Self {
        let reader = Reader::from_start(kafka, &TOPICS).await;
        Self { kafka: kafka.clone(), reader, heard: BTreeMap::new() }
    }

    /// Listens until everything has a reply that was asked for; else says which are missing.
    pub(crate) async fn all(&mut self, asked: &Asked, patience: Duration) -> Result<(), String> {
        let mut missing: BTreeSet<(String, String)> = BTreeSet::new();
        for number in asked.orders() {
            missing.insert(("answers".to_owned(), number.to_string()));
            missing.insert(("deliveries".to_owned(), format!("order {number}")));
        }
        missing.extend(asked.approvals.iter().map(|number| ("approvals".to_owned(), number.to_string())));
        self.heard.values().flatten().for_each(|record| {
            missing.remove(&about(record));
        });
        if !self.hear(&mut missing, patience).await {
            // A client may never come back from a broker that was killed; what is there another one reads.
            println!("{} replies were not heard; another reader begins", missing.len());
            self.reader = Reader::from_start(&self.kafka, &TOPICS).await;
            self.hear(&mut missing, ANEW).await;
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(format!("{} replies are missing: {missing:?}", missing.len())),
        }
    }

    /// Listens until nothing is missing; false where that takes too long.
    async fn hear(&mut self, missing: &mut BTreeSet<(String, String)>, patience: Duration) -> bool {
        let heard = async {
            while !missing.is_empty() {
                let record = self.reader.coming().await;
                missing.remove(&about(&record));
                self.heard.entry((record.topic.clone(), record.key())).or_default().push(record);
            }
        };
        tokio::time::timeout(patience, heard).await.is_ok()
    }

    /// Orders whose parcels nobody knows of, as their replies say.
    pub(crate) fn lost(&self) -> BTreeSet<i64> {
        let deliveries = self.of("deliveries").into_iter();
        let lost = deliveries.filter(|said| said["class"] == "outage");
        lost.map(|said| number_of(said["order"].as_str().unwrap())).collect()
    }

    /// What each run said on a topic. It may be there more than once where whoever sent it was
    /// interrupted, but always as the same message.
    pub(crate) fn of(&self, topic: &str) -> Vec<Value> {
        let mut ids = BTreeSet::new();
        let runs = self.heard.iter().filter(|((other, _), _)| other == topic);
        let said = runs.map(|((_, run), records)| {
            let first = records.first().unwrap();
            for other in records {
                let same = other.value == first.value && other.headers == first.headers;
                assert!(same, "{topic} of {run}: {first:?}, then {other:?}");
            }
            let id = first.header("message-id").unwrap();
            assert!(ids.insert(id), "{topic} of {run} and of another are one message: {first:?}");
            first.json()
        });
        said.collect()
    }
}

/// What a reply is about: its topic, and the number of an order or an approval, or the order that a
/// parcel is of.
fn about(record: &Record) -> (String, String) {
    let said = record.json();
    let about = match &said["order"] {
        Value::String(order) => order.clone(),
        _ => said["number"].to_string(),
    };
    (record.topic.clone(), about)
}

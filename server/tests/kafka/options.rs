//! What the project says of Kafka.

use pathway_engine::project::Resolved;
use pathway_server::bus::*;

use crate::cluster::Cluster;
use crate::support::*;

fn refused(name: &str, value: Resolved) -> String {
    let mut kafka = kafka(Cluster::shared());
    kafka.options.push((name.to_owned(), value));
    let bus = KafkaBus::new(&kafka, store(), "this-store".to_owned());
    match bus.map(drop) {
        Err(BusError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_option_that_does_not_exist_is_named() {
    let why = refused("fetch.max.bites", Resolved::open("1"));
    assert!(why.contains("`bus.kafka.fetch.max.bites`"), "{why}");
}

#[tokio::test]
async fn a_value_that_makes_no_sense_is_told_unless_it_is_a_secret() {
    let why = refused("fetch.min.bytes", Resolved::open("planted"));
    assert!(why.contains("fetch.min.bytes"), "{why}");
    let why = refused("fetch.min.bytes", Resolved { value: "planted".to_owned(), secret: true });
    assert!(why.contains("fetch.min.bytes") && !why.contains("planted"), "{why}");
}

#[tokio::test]
#[cfg(not(feature = "kafka-tls"))]
async fn a_build_without_tls_says_so() {
    let options = [
        ("security.protocol", "SSL"),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
    ];
    for (name, value) in options {
        let why = refused(name, Resolved::open(value));
        assert!(why.contains("kafka-tls"), "{why}");
    }
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let mut kafka = kafka(Cluster::shared());
    let planted = || Resolved { value: "planted".to_owned(), secret: true };
    kafka.servers = planted();
    kafka.options.push(("sasl.password".to_owned(), planted()));
    let bus = KafkaBus::new(&kafka, store(), "this-store".to_owned()).unwrap();
    let why = bus.reach().borrow().clone().unwrap_err();
    assert!(!format!("{bus:?} {kafka:?} {why}").contains("planted"), "{bus:?} {kafka:?} {why}");
}

//! The same over Kafka: a trace goes through its topics.

use pathway_server::store::Status;
use serde_json::json;

use crate::cluster::Cluster;
use crate::world::World;

const ASKS: &str = "
pathway: asks
on: { http: { post: /asks, auth: none } }
steps: { told: { publish: { topic: answers, value: {} } } }
";

const ANSWERS: &str =
    "pathway: answers\non: { topic: answers }\nsteps: { a: { http: { service: shop, get: /a } } }\n";

#[tokio::test]
async fn a_trace_goes_through_topics_of_kafka() {
    let cluster = Cluster::mock();
    for topic in ["pathway.asks", "answers"] {
        cluster.create(topic, 1).await;
    }
    let bus = format!("bus: {{ kafka: {{ servers: \"{}\", group: shop }} }}\n", cluster.servers);
    let world = World::start_in("", &bus, &[ASKS, ANSWERS]).await;
    world.ready().await;
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(world.post("/asks", Some(caller), &json!({})).await.status(), 200);
    let runs = world.until(Status::Succeeded, 2).await;
    let id = |pathway: &str| runs.iter().find(|run| run.pathway == pathway).unwrap().public_id.clone();
    let (asks, answers) = (id("asks"), id("answers"));
    world.collector.until(8).await;
    let (collector, upstream) = world.stop().await;
    let port = format!("server.port={}", upstream.address.split_once(':').unwrap().1);
    let hidden =
        [(asks.as_str(), "ASKS"), (answers.as_str(), "ANSWERS"), (port.as_str(), "server.port=PORT")];
    insta::assert_snapshot!(collector.spans().drawn(&hidden));
}

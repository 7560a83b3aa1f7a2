//! A request, and all that follows from it, as one tree.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use pathway_server::store::Status;
use serde_json::json;

use crate::world::World;

const ORDER: &str = "
pathway: order
on: { http: { post: /orders, auth: none } }
input:
  type: object
  required: [item, card]
  properties: { item: { type: string }, card: { type: string, writeOnly: true } }
steps:
  stock: { http: { service: shop, get: '/stock/{{ input.item }}' } }
  charge: { needs: stock, http: { service: shop, post: /flaky, json: { card: '{{ input.card }}' } } }
  told: { needs: charge, publish: { topic: orders, value: { item: '{{ input.item }}' } } }
return: { done: true }
";

const SHIP: &str = "
pathway: ship
on: { topic: orders }
steps:
  parts:
    each: '[1, 2]'
    steps:
      label: { http: { service: shop, post: /labels } }
";

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_request_is_followed_through_calls_and_topics() {
    let world = World::start(&[ORDER, SHIP]).await;
    let body = json!({ "item": "pens-of-ada", "card": "4000-0000-0000-0002" });
    let answer = world.post("/orders", Some(CALLER), &body).await;
    assert_eq!(answer.status(), 200);
    let order = answer.headers()["pathway-run"].to_str().unwrap().to_owned();
    let runs = world.until(Status::Succeeded, 2).await;
    let ship = runs.iter().find(|run| run.pathway == "ship").unwrap().public_id.clone();
    let (collector, upstream) = world.stop().await;

    let spans = collector.spans();
    let (host, port) = upstream.address.split_once(':').unwrap();
    assert_eq!(host, "127.0.0.1");
    let port = format!("server.port={port}");
    let hidden = [(order.as_str(), "ORDER"), (ship.as_str(), "SHIP"), (port.as_str(), "server.port=PORT")];
    insta::assert_snapshot!(spans.drawn(&hidden));
    assert_eq!(spans.places(SpanKind::Client), upstream.traces(), "what services are told are attempts");
    assert!(spans.0.iter().all(|span| span.trace_id == spans.0[0].trace_id));
    assert_eq!(collector.resource()["service.name"], "orders");

    for body in collector.bytes() {
        for secret in ["pens-of-ada", "4000-0000-0000-0002"] {
            assert!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn who_comes_without_a_trace_begins_one() {
    let pathway = "pathway: p\non: { http: { post: /p, auth: none }, topic: t }\nreturn: 1\n";
    let world = World::start(&[pathway]).await;
    assert_eq!(world.post("/p", None, &json!({})).await.status(), 200);
    assert_eq!(world.post("/nowhere", None, &json!({})).await.status(), 404);
    assert_eq!(world.post("/p", None, &json!([])).await.status(), 422);
    let run = world.until(Status::Succeeded, 1).await[0].public_id.clone();
    world.publish("t", None).await;
    let runs = world.until(Status::Succeeded, 2).await;
    let of_record = runs.iter().map(|run| &run.public_id).find(|id| **id != run).unwrap().clone();
    // What ends while a process stops may be told by nobody.
    world.collector.until(5).await;
    let (collector, _) = world.stop().await;
    let spans = collector.spans();
    let hidden = [(run.as_str(), "RUN"), (of_record.as_str(), "RECORD")];
    insta::assert_snapshot!(spans.drawn(&hidden));
    let traces: std::collections::BTreeSet<_> = spans.0.iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces.len(), 3, "of each request that came to a door, and of the record");
}

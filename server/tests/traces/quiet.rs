//! What is not told, and a collector that takes nothing: no run is the worse for it.

use serde_json::json;

use crate::collector::Mood;
use crate::world::World;

const PATHWAY: &str = "
pathway: p
on: { http: { post: /p, auth: none } }
steps: { a: { http: { service: shop, get: /a } } }
return: 1
";

#[tokio::test]
async fn what_the_caller_does_not_sample_is_not_told() {
    let world = World::start(&[PATHWAY]).await;
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    assert_eq!(world.post("/p", Some(unsampled), &json!({})).await.status(), 200);
    let (collector, upstream) = world.stop().await;
    assert_eq!(collector.bytes().len(), 0);
    let told = upstream.traces().into_iter().next().unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-";
    assert!(told.starts_with(trace) && told.ends_with("-00"), "{told}: the trace goes on");
}

#[tokio::test]
async fn of_traces_that_begin_here_a_part_is_told() {
    let world = World::start_in(", sample: 0", "", &[PATHWAY]).await;
    assert_eq!(world.post("/p", None, &json!({})).await.status(), 200);
    let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (collector, upstream) = {
        assert_eq!(world.post("/p", Some(sampled), &json!({})).await.status(), 200);
        world.stop().await
    };
    assert_eq!(upstream.traces().iter().filter(|trace| trace.ends_with("-00")).count(), 1);
    let spans = collector.spans();
    assert!(!spans.0.is_empty());
    for span in spans.0 {
        assert_eq!(span.trace_id[..2], [0x0a, 0xf7], "whoever asked has decided otherwise");
    }
}

#[tokio::test]
async fn the_collector_is_sent_its_headers_and_nothing_else_that_is_secret() {
    let world = World::start_in(", headers: { X-Team: a-secret-of-theirs }", "", &[PATHWAY]).await;
    assert_eq!(world.post("/p", None, &json!({ "x": "an-input" })).await.status(), 200);
    let (collector, _) = world.stop().await;
    assert!(!collector.bytes().is_empty());
    assert!(collector.header("x-team").iter().all(|value| value == "a-secret-of-theirs"));
    for body in collector.bytes() {
        for secret in ["a-secret-of-theirs", "an-input"] {
            assert!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn a_collector_that_refuses_costs_spans_and_nothing_else() {
    let world = World::start(&[PATHWAY]).await;
    world.collector.is_in(Mood::Refuses);
    for _ in 0..20 {
        assert_eq!(world.post("/p", None, &json!({})).await.status(), 200);
    }
    world.collector.asked().await;
    let runner = world.app.runner.clone();
    let (collector, _) = world.stop().await;
    let traces = runner.traces().unwrap();
    // Of each request: its span, that of its record, and its run.
    assert_eq!((traces.sent_spans(), traces.dropped_items()), (0, 60));
    assert!(collector.bytes().len() <= 2, "it is left alone for a while");
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_nothing() {
    let world = World::start(&[PATHWAY]).await;
    world.collector.is_in(Mood::NeverAnswers);
    assert_eq!(world.post("/p", None, &json!({})).await.status(), 200);
    world.collector.asked().await;
    for _ in 0..20 {
        assert_eq!(world.post("/p", None, &json!({})).await.status(), 200);
    }
    let runner = world.app.runner.clone();
    world.stop().await;
    assert_eq!(runner.traces().unwrap().sent_spans(), 0);
}

//! What is told of runs that do not simply go through.

use pathway_server::runner::Version;
use pathway_server::store::Status;

use crate::world::World;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_run_that_is_redriven_is_told_twice_each_time_what_it_did() {
    let pathway = "
pathway: p
on: { topic: t }
steps:
  first: { http: { service: shop, get: /first } }
  second: { needs: first, http: { service: shop, get: /second } }
";
    let world = World::start(&[pathway]).await;
    world.upstream.broken.lock().unwrap().insert("second".to_owned());
    world.publish("t", Some(CALLER)).await;
    let run = world.until(Status::Parked, 1).await.remove(0);
    let id = run.public_id.clone();
    world.upstream.broken.lock().unwrap().clear();
    world.app.runner.redrive(run, Version::Pinned).await.unwrap();
    world.until(Status::Succeeded, 1).await;
    let (collector, upstream) = world.stop().await;
    let port = format!("server.port={}", upstream.address.split_once(':').unwrap().1);
    let hidden = [(id.as_str(), "RUN"), (port.as_str(), "server.port=PORT")];
    let spans = collector.spans();
    insta::assert_snapshot!(spans.drawn(&hidden));
    let clients = spans.places(opentelemetry_proto::tonic::trace::v1::span::SpanKind::Client);
    assert_eq!(clients, upstream.traces());
}

#[tokio::test]
async fn a_run_that_outlives_its_process_is_told_as_a_whole() {
    let pathway = "
pathway: p
on: { topic: t }
steps:
  first: { http: { service: shop, get: /first } }
  second: { needs: first, http: { service: shop, get: /slow } }
";
    let world = World::start(&[pathway]).await;
    world.publish("t", Some(CALLER)).await;
    world.called().await;
    let world = world.restart().await;
    world.called().await;
    world.upstream.go.notify_one();
    world.upstream.go.notify_one();
    world.until(Status::Succeeded, 1).await;
    let (collector, _) = world.stop().await;
    let spans = collector.spans();
    for (name, count) in [("process t", 1), ("first", 1), ("second", 1), ("GET", 2)] {
        assert_eq!(spans.0.iter().filter(|span| span.name == name).count(), count, "{name}");
    }
}

#[tokio::test]
async fn runs_that_are_called_are_below_the_call_and_failures_are_said() {
    let caller =
        "pathway: caller\non: { topic: t }\nsteps: { asks: { call: { pathway: called, input: {} } } }\n";
    let called = "
pathway: called
on: { topic: other }
steps: { no: { fail: { message: nothing is left, class: conflict } } }
";
    let world = World::start(&[caller, called]).await;
    world.publish("t", Some(CALLER)).await;
    let caller = world.until(Status::Parked, 1).await[0].public_id.clone();
    let called = world.until(Status::Failed, 1).await[0].public_id.clone();
    let (collector, _) = world.stop().await;
    let hidden = [(caller.as_str(), "CALLER"), (called.as_str(), "CALLED")];
    insta::assert_snapshot!(collector.spans().drawn(&hidden));
}

#[tokio::test]
async fn of_runs_without_a_journal_there_is_the_run() {
    let pathway = "
pathway: p
durability: none
on: { topic: t }
steps: { first: { http: { service: shop, get: /slow } } }
";
    let world = World::start(&[pathway]).await;
    world.publish("t", Some(CALLER)).await;
    world.called().await;
    world.upstream.go.notify_one();
    let (collector, _) = world.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.0.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["process t"]);
}

//! A service of which it is found out how many calls are worth making at once.

use pathway_engine::limits::Range;
use pathway_server::runner::LimitState;
use pathway_server::store::{SqliteStore, Status};

use super::{DEADLINE, Upstream, World, program};

const PATHWAY: &str = r#"
pathway: p
on: { topic: t }
max_parallel: 100
steps:
  all: { each: "range(0, 300) | list", max_parallel: 100, keep_going: true, http: { service: api, get: "/{{ input.path }}" } }
"#;

impl World {
    /// Makes three hundred calls; tells of the limit after them.
    async fn call(&self, path: &str, runs: usize) -> LimitState {
        self.publish("t", &format!(r#"{{"path": "{path}"}}"#)).await;
        self.until(Status::Succeeded, runs).await;
        self.limit()
    }

    fn limit(&self) -> LimitState {
        let (_, limits) = self.runner.slots().limits();
        limits.into_iter().find(|limit| limit.name == "service/api").unwrap()
    }
}

#[tokio::test]
async fn it_rises_while_calls_take_no_longer_falls_when_they_are_refused_and_an_operator_overrules_it() {
    let upstream = Upstream::default();
    let url = upstream.start().await;
    let service = "retry: { attempts: 1 }, max_parallel: { adaptive: true, min: 2, max: 32 }";
    let project = format!("services: {{ api: {{ url: \"{url}\", {service} }} }}\n");
    let world = World::start(SqliteStore::in_memory().unwrap(), program(&project, &[PATHWAY])).await;
    let before = world.limit();
    assert_eq!((before.permits, before.adaptive), (Some(2), Some(Range { min: 2, max: 32 })));
    let steady = world.call("steady", 1).await;
    assert!(steady.permits > Some(2) && steady.permits <= Some(32), "{steady:?}");
    assert_eq!((world.call("busy", 2).await.permits, upstream.count("busy")), (Some(2), 300));

    world.runner.slots().tune("service/api", Some(7), None).unwrap();
    let tuned = world.call("steady", 3).await;
    assert_eq!((tuned.permits, tuned.is_tuned), (Some(7), true));
    world.runner.slots().reset("service/api", None).unwrap();
    assert_eq!(world.limit().permits, tuned.configured);
    world.runner.stop(DEADLINE).await;
}

//! Parked runs: they go on where they failed, or are given up.

use reqwest::Method;
use serde_json::json;

use crate::world::World;

const PATHWAY: &str = r#"
pathway: p
on:
  topic: t
  key: input.k
  reply: { topic: replies }
steps:
  first: { http: { service: api, get: /first } }
  beside: { http: { service: api, get: "/{{ input.beside | default('beside') }}" } }
  second: { needs: [first], http: { service: api, get: "/{{ input.second | default('second') }}" } }
  third: { needs: [second, beside], http: { service: api, get: /third } }
return: "{{ steps.third.body }}, {{ run.attempt }}"
"#;

#[tokio::test]
async fn a_redriven_run_goes_on_at_the_step_that_failed_and_answers_nobody_twice() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": 1}"#).await;
    let id = world.one("parked").await;
    let shown = world.get(&format!("/runs/{id}")).await;
    assert_eq!(shown["failure"]["step"], "second", "{shown}");

    // What failed for good may fail again.
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    world.until("parked", 1).await;
    world.upstream.works();
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    world.until("succeeded", 1).await;

    let keys = world.upstream.keys("second");
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "one key over all attempts");
    assert_eq!(world.upstream.keys("first").len(), 1, "what was finished stays");
    assert_eq!(world.upstream.keys("third").len(), 1);
    let replies = world.records("replies").await;
    assert_eq!(replies.len(), 1, "no second reply");
    let run = world.app.store.run(&id).await.unwrap().unwrap();
    assert_eq!(run.outcome.as_deref(), Some(&br#"{"answer":"got third, 3"}"#[..]));
    let (status, said) = world.post(&format!("/runs/{id}/redrive")).await;
    assert_eq!((status, said["detail"].as_str()), (409, Some("the run is not parked")));
    world.app.stop().await;
}

#[tokio::test]
async fn what_was_cut_off_by_the_failure_is_asked_for_again_under_its_old_key() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": 1, "beside": "slow"}"#).await;
    let id = world.one("parked").await;
    world.upstream.works();
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    let slow = async {
        while world.upstream.keys("slow").len() < 2 {
            world.called().await;
        }
    };
    tokio::time::timeout(crate::world::DEADLINE, slow).await.unwrap();
    // And it survives the end of the process.
    let world = world.restart().await;
    let slow = async {
        while world.upstream.keys("slow").len() < 3 {
            world.called().await;
        }
    };
    tokio::time::timeout(crate::world::DEADLINE, slow).await.unwrap();
    world.upstream.go.notify_waiters();
    world.until("succeeded", 1).await;
    let keys = world.upstream.keys("slow");
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(world.upstream.keys("first").len(), 1);
    assert_eq!(world.records("replies").await.len(), 1, "no second reply after a restart either");
    world.app.stop().await;
}

#[tokio::test]
async fn a_redriven_run_waits_for_its_lane() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": "lane"}"#).await;
    let id = world.one("parked").await;
    world.upstream.works();
    world.publish("t", r#"{"k": "lane", "second": "slow"}"#).await;
    world.called().await;
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    let shown = world.get(&format!("/runs/{id}")).await;
    assert_eq!(shown["waits"], json!([{ "for": "lane", "name": "lane" }]), "{shown}");
    assert_eq!(world.upstream.keys("second").len(), 1);
    world.upstream.go.notify_waiters();
    world.until("succeeded", 2).await;
    assert_eq!(world.upstream.keys("second").len(), 2);
    world.app.stop().await;
}

#[tokio::test]
async fn a_run_that_holds_its_lane_is_redriven_or_dropped_and_the_next_follows() {
    let pathway = r#"
pathway: p
on: { topic: t, key: input.k, park: hold }
steps: { a: { http: { service: api, get: "/{{ input.to }}" } } }
"#;
    let world = World::start(pathway).await;
    world.upstream.breaks("bad");
    world.publish("t", r#"{"k": 1, "to": "bad"}"#).await;
    let first = world.one("parked").await;
    for to in ["bad", "good"] {
        world.publish("t", &format!(r#"{{"k": 1, "to": "{to}"}}"#)).await;
    }
    let queued = async {
        while world.app.runner.queued("p") < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::DEADLINE, queued).await.unwrap();
    assert_eq!(world.post(&format!("/runs/{first}/drop")).await.0, 202);
    let second = loop {
        let second = world.one("parked").await;
        if second != first {
            break second;
        }
    };
    world.upstream.works();
    assert_eq!(world.post(&format!("/runs/{second}/redrive")).await.0, 202);
    world.until("succeeded", 2).await;
    let dropped = world.get(&format!("/runs/{first}")).await;
    assert_eq!((&dropped["status"], &dropped["failure"]["step"]), (&json!("failed"), &json!("a")));
    assert_eq!(world.post(&format!("/runs/{first}/drop")).await.0, 409);
    world.app.stop().await;
}

#[tokio::test]
async fn many_are_redriven_by_what_they_have_in_common() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    for k in 0..3 {
        world.publish("t", &format!("{{\"k\": {k}}}")).await;
    }
    world.publish("t", "no json").await;
    let parked = world.until("parked", 4).await;
    let ids: Vec<_> = parked.iter().map(|run| run["id"].clone()).collect();
    world.upstream.works();
    let ask = async |selection| world.ask(Method::POST, "/dlq/redrive", Some(selection)).await;

    let (status, said) = ask(json!({ "dry_run": true })).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!((&said["runs"], &said["more"]), (&json!(ids[..3]), &json!(false)), "the oldest first");
    assert_eq!(said["skipped"][0]["id"], ids[3], "what was refused would be refused again");
    let class = parked[0]["failure"]["class"].clone();
    for nothing in [json!({ "pathway": "other" }), json!({ "older_than": 3600 }), json!({ "class": "bug" })] {
        let (_, said) = ask(nothing.clone()).await;
        assert_eq!(said["runs"], json!([]), "{nothing}");
    }
    for wrong in [json!({ "class": "odd" }), json!({ "klass": "bug" }), json!({ "limit": 0 })] {
        assert_eq!(ask(wrong.clone()).await.0, 422, "{wrong}");
    }
    assert_eq!(world.until("parked", 4).await.len(), 4, "nothing has happened yet");

    let (_, said) = ask(json!({ "class": class, "limit": 2, "rate": 1000 })).await;
    assert_eq!((&said["runs"], &said["more"]), (&json!(ids[..2]), &json!(true)));
    world.until("succeeded", 2).await;
    let (_, said) = ask(json!({ "class": class, "after": said["last"] })).await;
    assert_eq!((&said["runs"], &said["more"]), (&json!(ids[2..3]), &json!(false)));
    world.until("succeeded", 3).await;
    world.app.stop().await;
}

#[tokio::test]
async fn what_the_on_error_of_the_pathway_did_counts_no_more() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  first: { http: { service: api, get: /first } }
  second: { needs: first, http: { service: api, get: /second } }
on_error:
  steps:
    tell: { http: { service: api, get: /tell } }
return: "{{ steps.second.body }}"
"#;
    let world = World::start(pathway).await;
    world.upstream.breaks("second");
    world.publish("t", "{}").await;
    let id = world.one("parked").await;
    world.upstream.works();
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    world.until("succeeded", 1).await;
    let counts = ["first", "second", "tell"].map(|path| world.upstream.keys(path).len());
    assert_eq!(counts, [1, 2, 1]);
    world.app.stop().await;
}

#[tokio::test]
async fn an_answer_that_came_stays_although_the_run_failed_because_of_it() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  first: { http: { service: api, get: /first } }
  wrong: { set: "{{ steps.first.body.no.such.thing }}" }
return: "{{ steps.wrong }}"
"#;
    let world = World::start(pathway).await;
    world.publish("t", "{}").await;
    let id = world.one("parked").await;
    for _ in 0..2 {
        assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
        let run = &world.until("parked", 1).await[0];
        assert_eq!(run["failure"]["step"], "wrong");
    }
    assert_eq!(world.upstream.keys("first").len(), 1);
    world.app.stop().await;
}

#[tokio::test]
async fn a_parked_run_goes_on_by_the_current_definition_and_stays_with_it() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": 1}"#).await;
    let id = world.one("parked").await;
    let before = world.get(&format!("/runs/{id}")).await["digest"].clone();
    let mended = PATHWAY.replace("/{{ input.second | default('second') }}", "/mended");
    let mended = mended.replace("get: /third", "get: /slow");
    let world = world.restart_with(&mended).await;
    let redrive =
        async |world: &World, how| world.ask(Method::POST, &format!("/runs/{id}/redrive"), Some(how)).await.0;
    assert_eq!(redrive(&world, json!({ "definition": "pinned" })).await, 202);
    world.until("parked", 1).await;
    assert_eq!(world.upstream.keys("second").len(), 2, "it is asked as it was");
    assert_eq!(world.get(&format!("/runs/{id}")).await["digest"], before);

    assert_eq!(redrive(&world, json!({ "definition": "current" })).await, 202);
    world.called().await;
    let after = world.get(&format!("/runs/{id}")).await["digest"].clone();
    assert_ne!(before, after);
    // A restart takes it up with what it goes on by, whatever is served then.
    let world = world.restart_with("pathway: p\non: { topic: t }\nreturn: 1\n").await;
    world.called().await;
    world.upstream.go.notify_waiters();
    world.until("succeeded", 1).await;
    assert_eq!(world.get(&format!("/runs/{id}")).await["digest"], after);
    let counts = ["first", "beside", "second", "mended", "slow"].map(|path| world.upstream.keys(path).len());
    assert_eq!(counts, [1, 1, 2, 1, 2]);
    assert_eq!(world.upstream.keys("mended")[0], world.upstream.keys("second")[0], "it is the same step");
    assert_eq!(world.records("replies").await.len(), 1, "no second reply");
    let run = world.app.store.run(&id).await.unwrap().unwrap();
    assert_eq!(run.outcome.as_deref(), Some(&br#"{"answer":"got slow, 3"}"#[..]));
    world.app.stop().await;
}

#[tokio::test]
async fn where_its_journal_does_not_agree_with_the_current_definition_it_stays_parked() {
    let world = World::start(PATHWAY).await;
    world.upstream.breaks("second");
    world.publish("t", r#"{"k": 1}"#).await;
    let id = world.one("parked").await;
    world.upstream.works();
    let world = world.restart_with(&PATHWAY.replace("get: /first", "get: /other")).await;
    let why = "it cannot go on by the current definition: `first` would ask for something else than it did; \
               run it again instead (`pathway runs rerun`)";
    let current = json!({ "definition": "current" });
    let (status, said) = world.ask(Method::POST, &format!("/runs/{id}/redrive"), Some(current)).await;
    assert_eq!((status, said["detail"].as_str()), (409, Some(why)));
    let dry = json!({ "definition": "current", "dry_run": true });
    let (_, said) = world.ask(Method::POST, "/dlq/redrive", Some(dry)).await;
    assert_eq!(said["skipped"], json!([{ "id": id, "why": why }]));
    assert_eq!(world.until("parked", 1).await.len(), 1);
    assert_eq!(world.upstream.keys("other").len(), 0);
    // By its own it goes on.
    assert_eq!(world.post(&format!("/runs/{id}/redrive")).await.0, 202);
    world.until("succeeded", 1).await;
    world.app.stop().await;
}

#[tokio::test]
async fn a_run_that_holds_its_lane_gives_it_up_also_if_the_current_definition_holds_none() {
    let pathway = r#"
pathway: p
on: { topic: t, key: input.k, park: hold }
steps: { a: { http: { service: api, get: "/{{ input.to }}" } } }
"#;
    let world = World::start(pathway).await;
    world.upstream.breaks("bad");
    world.publish("t", r#"{"k": 1, "to": "bad"}"#).await;
    let id = world.one("parked").await;
    world.publish("t", r#"{"k": 1, "to": "good"}"#).await;
    world.upstream.works();
    let world = world.restart_with(&pathway.replace(", park: hold", "")).await;
    // The next one went on.
    world.until("succeeded", 1).await;
    let current = json!({ "definition": "current" });
    assert_eq!(world.ask(Method::POST, &format!("/runs/{id}/redrive"), Some(current)).await.0, 202);
    world.until("succeeded", 2).await;
    world.app.stop().await;
}

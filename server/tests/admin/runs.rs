//! Looking at runs, and telling them something.

use reqwest::Method;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn runs_are_listed_by_status_and_pathway_page_by_page() {
    let world = World::start("pathway: p\non: { topic: t }\nreturn: \"{{ input.n }}\"\n").await;
    for n in 0..5 {
        world.publish("t", &format!("{{\"n\": {n}}}")).await;
    }
    world.until("succeeded", 5).await;
    let page = world.get("/runs?limit=3&pathway=p").await;
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = ids(&page);
    let rest = ids(&world.get(&format!("/runs?limit=3&before={}", first[2])).await);
    assert_eq!((first.len(), rest.len()), (3, 2));
    assert!(first.iter().all(|id| !rest.contains(id)));
    assert_eq!(page["runs"][0]["source"], json!(["t", 0, 4]), "the newest first");
    assert_eq!(world.get("/runs?pathway=other").await, json!({ "runs": [] }));
    for (wrong, status) in [("status=odd", 422), ("limit=many", 400), ("stat=x", 400), ("before=x", 404)] {
        assert_eq!(world.ask(Method::GET, &format!("/runs?{wrong}"), None).await.0, status, "{wrong}");
    }
    world.app.stop().await;
}

#[tokio::test]
async fn a_run_is_shown_with_its_steps_and_what_it_waits_for() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  one: { http: { service: api, get: /one } }
  bad: { needs: one, http: { service: api, get: /bad }, on_error: continue }
  ok: { needs: bad, wait: { signal: approved } }
return: "{{ steps.ok.by }}"
"#;
    let world = World::start(pathway).await;
    world.upstream.breaks("bad");
    world.publish("t", "{}").await;
    let id = world.one("ready").await;
    let mut observed = world.app.runner.observe();
    let shown = async {
        loop {
            let shown = world.get(&format!("/runs/{id}")).await;
            if shown["waits"][0]["for"] == "signal" {
                return shown;
            }
            observed.recv().await.unwrap();
        }
    };
    let shown = tokio::time::timeout(crate::world::DEADLINE, shown).await.unwrap();
    let steps: Vec<_> = shown["steps"].as_array().unwrap().iter().collect();
    let said = |n: usize| (steps[n]["path"].as_str().unwrap(), steps[n]["status"].as_str().unwrap());
    assert_eq!([said(0), said(2)], [("one", "finished"), ("ok", "running")]);
    assert_eq!((&steps[1]["path"], &steps[1]["attempts"]), (&json!("bad"), &json!(1)));
    assert_eq!(shown["waits"], json!([{ "for": "signal", "name": "approved", "step": "ok" }]));
    assert!(!shown.to_string().contains("got one"), "answers of services are not shown: {shown}");

    let signal = format!("/runs/{id}/signals/approved");
    assert_eq!(world.ask(Method::POST, &signal, Some(json!({ "by": "ops" }))).await.0, 202);
    world.until("succeeded", 1).await;
    let (status, said) = world.ask(Method::POST, &signal, Some(json!({}))).await;
    assert_eq!((status, said["detail"].as_str()), (409, Some("the run has ended")));
    assert_eq!(world.post("/runs/x/signals/approved").await.0, 404);
    world.app.stop().await;
}

#[tokio::test]
async fn a_journal_is_given_as_it_is_stored_with_its_secrets_sealed() {
    let pathway = r#"
pathway: p
on: { topic: t }
steps:
  hidden: { secret: true, http: { service: api, get: /hidden } }
  open: { needs: hidden, http: { service: api, get: /open } }
return: 1
"#;
    let world = World::start(pathway).await;
    world.publish("t", r#"{"n": 7}"#).await;
    let id = world.one("succeeded").await;
    let journal = world.get(&format!("/runs/{id}/journal")).await;
    let events = journal["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "performed", "performed"]);
    let input = r#""input":{"n": 7}"#;
    assert!(events[0]["payload"].as_str().unwrap().contains(input), "as it came: {journal}");
    assert!(events[1]["payload"].as_str().unwrap().starts_with(r#"{"sealed":"#), "{journal}");
    assert!(!journal.to_string().contains("got hidden") && journal.to_string().contains("got open"));
    assert_eq!(
        (&journal["id"], &journal["digest"]),
        (&json!(id), &world.get(&format!("/runs/{id}")).await["digest"])
    );
    assert!(journal["definition"]["files"]["pathways/p.yaml"].as_str().unwrap().contains("pathway: p"));
    assert_eq!(world.ask(Method::GET, "/runs/x/journal", None).await.0, 404);
    world.app.stop().await;
}

#[tokio::test]
async fn a_run_is_called_off() {
    let pathway = "pathway: p\non: { topic: t }\nsteps: { a: { http: { service: api, get: /slow } } }\n";
    let world = World::start(pathway).await;
    world.publish("t", "{}").await;
    world.called().await;
    let id = world.one("ready").await;
    let shown = world.get(&format!("/runs/{id}")).await;
    assert_eq!(shown["waits"], json!([{ "for": "call", "name": "api", "step": "a", "attempt": 1 }]));
    assert_eq!(world.post(&format!("/runs/{id}/cancel")).await.0, 202);
    let run = &world.until("cancelled", 1).await[0];
    assert_eq!(run["failure"]["message"], "cancelled by an operator");
    assert_eq!(world.post(&format!("/runs/{id}/cancel")).await.0, 409);
    world.app.stop().await;
}

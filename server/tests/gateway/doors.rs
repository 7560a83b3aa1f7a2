//! Doors that answer once: what they publish, what they answer.

use pathway_engine::Value;
use pathway_engine::schema::Violation;
use pathway_engine::vm::{Class, Failure};
use pathway_server::store::Status;
use serde_json::json;

use crate::world::{Runner, World, failure, send, token};

pub(crate) const BUDGET: &str = r#"
pathway: budget
on:
  topic: budget_requests
  correlation: correlation_id
  key: input.userId or input.user_id or none
  subject: input.userId or input.user_id
  http: { post: /api/budget, auth: user, timeout: 20s }
input:
  type: object
  required: [totalIncome]
  properties:
    totalIncome: { type: number, exclusiveMinimum: 0 }
    userId: { type: string }
    user_id: { type: string }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const OPEN: &str = r#"
pathway: open
on: { http: { post: /open, auth: none, timeout: 20s } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const SHORT: &str = r#"
pathway: short
on: { http: { post: /short, auth: none, timeout: 50ms } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const ACCEPT: &str = r#"
pathway: later
on: { correlation: cid, http: { post: /later, auth: none, mode: accept } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const SEARCH: &str = r#"
pathway: search
on: { http: { get: /search, auth: none } }
input: { type: object, required: [q], properties: { q: { type: string }, n: { type: string } } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

#[tokio::test]
async fn a_request_becomes_a_record_and_the_run_the_answer() {
    let mut world = World::start(&[BUDGET], Runner::Manual).await;
    let body = json!({ "correlation_id": "mine", "totalIncome": 5, "userId": "ann" });
    let request = tokio::spawn(send(world.post("/api/budget", &body)));
    let run = world.admitted().await;

    assert_eq!(run.envelope.pathway, "budget");
    assert_eq!(run.input, json!({ "totalIncome": 5, "userId": "ann", "correlation_id": run.public_id }));
    assert_eq!(run.record.key.as_deref(), Some(&b"ann"[..]));
    assert_eq!(run.envelope.correlation, run.public_id);
    assert!(run.envelope.deadline.is_some_and(|at| at > run.record.time && at <= run.record.time + 20_000));
    assert_eq!(uuid::Uuid::parse_str(&run.public_id).unwrap().get_version_num(), 7);
    let sealed = world.sealed(&run);
    assert_eq!(sealed.token.as_deref(), Some(&*token("ann")));
    assert_eq!(
        (sealed.principal.sub.as_str(), sealed.principal.role.as_deref()),
        ("ann", Some("authenticated"))
    );
    assert!(sealed.principal.has_token);
    let record = format!("{:?}", run.record);
    assert!(
        !record.contains(&token("ann"))
            && !String::from_utf8_lossy(run.record.value.as_ref().unwrap()).contains("email")
    );

    world.returns(&run, json!({ "success": true, "correlation_id": "wrong" })).await;
    let answer = request.await.unwrap();
    assert_eq!(answer.header("pathway-run"), run.public_id);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.ok(), json!({ "success": true, "correlation_id": run.public_id }));
}

#[tokio::test]
async fn what_is_no_map_is_returned_as_it_is() {
    for value in [json!(null), json!([1, "ü"]), json!("text"), json!(1.5)] {
        let mut world = World::start(&[BUDGET], Runner::Manual).await;
        let request = tokio::spawn(send(world.post("/api/budget", &json!({ "totalIncome": 5 }))));
        let run = world.admitted().await;
        assert_eq!(run.record.key.as_deref(), Some(run.public_id.as_bytes()), "no key: the correlation id");
        world.returns(&run, value.clone()).await;
        assert_eq!(request.await.unwrap().ok(), value);
    }
}

#[tokio::test]
async fn input_that_breaks_the_schema_is_not_published() {
    let mut world = World::start(&[BUDGET], Runner::Echo).await;
    let problem = send(world.post("/api/budget", &json!({ "userId": 7 }))).await.problem(422);
    assert_eq!(problem["type"], "urn:pathway:problem:invalid");
    assert_eq!(problem["class"], "invalid");
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/totalIncome", "/userId"]);
    assert_eq!(problem["errors"][0]["code"], "required");
    let problem = send(world.post("/api/budget", &json!([1]))).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "");
    assert!(world.nothing_admitted());
}

#[tokio::test]
async fn a_request_about_somebody_else_is_denied() {
    let mut world = World::start(&[BUDGET], Runner::Echo).await;
    let body = json!({ "totalIncome": 5, "userId": "bob" });
    assert_eq!(send(world.post("/api/budget", &body)).await.problem(403)["class"], "denied");
    let body = json!({ "totalIncome": 5, "user_id": "bob" });
    send(world.post("/api/budget", &body)).await.problem(403);
    assert!(world.nothing_admitted());
    send(world.post("/api/budget", &json!({ "totalIncome": 5 }))).await.ok();
}

#[tokio::test]
async fn a_query_is_input_as_text() {
    let world = World::start(&[SEARCH], Runner::Echo).await;
    let answer = send(world.get("/search?q=a%20%C3%BC&n=5&")).await.ok();
    assert_eq!(answer, json!({ "q": "a ü", "n": "5" }));
    send(world.get("/search?n=5")).await.problem(422);
    assert!(
        send(world.get("/search?q=1&q=2")).await.problem(400)["detail"].as_str().unwrap().contains("`q`")
    );
    let head = world.client.head(format!("{}/search?q=1", world.url)).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.text().await.unwrap(), "");
}

#[tokio::test]
async fn failures_are_problems_with_the_status_of_their_class() {
    let mut world = World::start(&[OPEN], Runner::Manual).await;
    let upstream = |class, status| {
        let mut failure = Failure { status: Some(status), ..failure(class, "`api` answered badly") };
        failure.details =
            Some(Value::from_pairs([("method", "GET"), ("url", "/secret"), ("body", "secret")]));
        failure
    };
    let own = |class, status| Failure {
        status: Some(status),
        code: Some("full".to_owned()),
        ..failure(class, "no")
    };
    let cases = [
        (failure(Class::Invalid, "no"), 422),
        (failure(Class::Denied, "no"), 403),
        (failure(Class::NotFound, "no"), 404),
        (failure(Class::Conflict, "no"), 409),
        (failure(Class::RateLimited, "no"), 429),
        (failure(Class::Cancelled, "no"), 409),
        (failure(Class::Expression, "no"), 500),
        (failure(Class::Bug, "no"), 500),
        (failure(Class::Timeout, "no"), 504),
        (own(Class::Invalid, 418), 418),
        (own(Class::Outage, 507), 507),
        (upstream(Class::Upstream, 404), 502),
        (upstream(Class::Outage, 500), 503),
        (upstream(Class::RateLimited, 429), 503),
        (upstream(Class::Timeout, 408), 504),
        (upstream(Class::NotFound, 404), 404),
    ];
    for (failure, status) in cases {
        let request = tokio::spawn(send(world.post("/open", &json!({}))));
        let run = world.admitted().await;
        let (code, class) = (failure.code.clone(), failure.class);
        let stored = if status >= 500 { Status::Parked } else { Status::Failed };
        world.fails(&run, stored, failure).await;
        let answer = request.await.unwrap();
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
        if matches!(status, 429 | 503) {
            assert!(!answer.header("retry-after").is_empty());
        }
        let problem = answer.problem(status);
        assert_eq!(problem["class"], class.name());
        assert_eq!(problem["code"].as_str(), code.as_deref());
        assert_eq!(problem["run"], run.public_id);
    }
}

#[tokio::test]
async fn a_failure_shows_its_violations_and_how_long_to_wait() {
    let mut world = World::start(&[OPEN], Runner::Manual).await;
    let violation = Violation { pointer: "/a".to_owned(), detail: "is odd".to_owned(), code: "x".to_owned() };
    let request = tokio::spawn(send(world.post("/open", &json!({}))));
    let run = world.admitted().await;
    let failure_ =
        Failure { retry_after: Some(1_500), ..Failure::violated(Class::Outage, "it", vec![violation]) };
    world.fails(&run, Status::Failed, failure_).await;
    let answer = request.await.unwrap();
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(answer.problem(503)["errors"], json!([{ "pointer": "/a", "detail": "is odd", "code": "x" }]));
}

#[tokio::test]
async fn who_prefers_not_to_wait_is_told_where_to_ask() {
    let mut world = World::start(&[OPEN, SHORT], Runner::Manual).await;
    for (prefer, applied) in [
        ("respond-async", "respond-async"),
        ("wait=0", "wait=0"),
        ("respond-async, wait=0", "respond-async, wait=0"),
    ] {
        let answer = send(world.post("/open", &json!({})).header("prefer", prefer)).await;
        let run = world.admitted().await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("preference-applied"), applied);
        assert_eq!(answer.header("location"), format!("/api/runs/{}", run.public_id));
        assert_eq!(answer.body["id"], run.public_id);
        assert_eq!(run.envelope.deadline, None, "it may begin later");
        let shown = send(world.get(answer.header("location"))).await.ok();
        assert_eq!(shown["status"], "ready");
        world.returns(&run, json!([1])).await;
        assert_eq!(send(world.get(answer.header("location"))).await.ok()["result"], json!([1]));
    }
    let request = tokio::spawn(send(world.post("/open", &json!({})).header("prefer", "wait=10")));
    let run = world.admitted().await;
    world.returns(&run, json!(1)).await;
    let answer = request.await.unwrap();
    assert_eq!((answer.status, answer.header("preference-applied")), (200, "wait=10"));
    // The door's own time is shorter than the client's.
    let answer = send(world.post("/short", &json!({})).header("prefer", "wait=100")).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn a_wait_that_runs_out_names_the_run_which_goes_on() {
    let mut world = World::start(&[SHORT], Runner::Manual).await;
    let answer = send(world.post("/short", &json!({}))).await;
    let run = world.admitted().await;
    let place = answer.header("location").to_owned();
    assert_eq!(place, format!("/api/runs/{}", run.public_id));
    let problem = answer.problem(504);
    assert_eq!(problem["run"], run.public_id);
    world.returns(&run, json!(1)).await;
    assert_eq!(send(world.get(&place)).await.ok()["result"], 1);
}

#[tokio::test]
async fn without_a_runner_a_door_gives_up_in_time() {
    let world = World::start(&[SHORT], Runner::Absent).await;
    send(world.post("/short", &json!({}))).await.problem(504);
}

#[tokio::test]
async fn an_accepting_door_answers_at_once() {
    let mut world = World::start(&[ACCEPT], Runner::Manual).await;
    let answer = send(world.post("/later", &json!({ "a": 1 }))).await;
    assert_eq!(answer.status, 202);
    let run = world.admitted().await;
    assert_eq!(run.envelope.deadline, None);
    assert_eq!(send(world.get(answer.header("location"))).await.ok()["correlation_id"], run.public_id);
}

#[tokio::test]
async fn a_second_run_of_one_id_is_a_conflict() {
    let world = World::start(&[OPEN], Runner::Echo).await;
    send(world.post("/open", &json!({ "dedupe": "x" }))).await.ok();
    send(world.post("/open", &json!({ "dedupe": "x", "more": 1 }))).await.problem(409);
}

//! Tickets: streams for clients that can set no headers.

use pathway_server::seal::SealKey;
use reqwest::Response;
use serde_json::{Value as Json, json};

use crate::login::{Clock, NOW_AND_AN_HOUR, VERIFIED, login, login_for, login_with, start};
use crate::world::{ADMIN, Answer, Runner, World, send};

const STREAM: &str = r#"
pathway: live
on: { http: { get: /live, mode: stream } }
input: { type: object, additionalProperties: false, properties: { q: { type: string } } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const OTHER: &str = r#"
pathway: other
on: { http: { get: /other, mode: stream } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const ONCE: &str = r#"
pathway: once
on: { http: { get: /once } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

const POSTED: &str = r#"
pathway: posted
on: { http: { post: /posted, mode: stream } }
steps: { s: { set: 1 } }
return: "{{ steps.s }}"
"#;

async fn world() -> (World, Clock) {
    start(VERIFIED, &[STREAM, OTHER, ONCE, POSTED], Runner::Echo).await
}

async fn ask(world: &World, token: &str, body: &Json) -> Answer {
    let request = world.client.post(format!("{}/api/stream-tickets", world.url));
    send(request.bearer_auth(token).header("content-type", "application/json").body(body.to_string())).await
}

async fn ticket(world: &World, subject: &str, body: &Json) -> String {
    ask(world, &login(subject), body).await.ok()["ticket"].as_str().unwrap().to_owned()
}

/// The URL of `path`, which may have a query, with a ticket.
fn with(world: &World, path: &str, ticket: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{}{path}{sign}ticket={ticket}", world.url)
}

async fn open(world: &World, path: &str, ticket: &str) -> Response {
    world.client.get(with(world, path, ticket)).send().await.unwrap()
}

async fn reopen(world: &World, path: &str, ticket: &str) -> Response {
    let request = world.client.get(with(world, path, ticket));
    request.header("last-event-id", "1.0").send().await.unwrap()
}

#[tokio::test]
async fn a_ticket_opens_a_stream_in_the_name_of_who_asked() {
    let (mut world, _) = world().await;
    let answer = ask(&world, &login("ann"), &json!({})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = answer.ok();
    assert_eq!(answer["expires_in"], 60);
    let ticket = answer["ticket"].as_str().unwrap();

    assert_eq!(open(&world, "/live?q=a", ticket).await.status(), 200);
    let run = world.admitted().await;
    assert_eq!(run.input, json!({ "q": "a" }));
    let sealed = world.sealed(&run);
    assert_eq!((sealed.principal.sub.as_str(), sealed.token), ("ann", None));
    assert!(!sealed.principal.has_token);

    let events = format!("/api/runs/{}/events", run.public_id);
    assert_eq!(open(&world, &events, ticket).await.status(), 200);
    let strangers = self::ticket(&world, "bob", &json!({})).await;
    assert_eq!(open(&world, &events, &strangers).await.status(), 404);
}

#[tokio::test]
async fn a_ticket_may_be_for_one_stream() {
    let (world, _) = world().await;
    let ticket = ticket(&world, "ann", &json!({ "path": "/live" })).await;
    assert_eq!(open(&world, "/live", &ticket).await.status(), 200);
    assert_eq!(open(&world, "/live?q=b", &ticket).await.status(), 200);
    assert_eq!(open(&world, "/other", &ticket).await.status(), 401);
}

#[tokio::test]
async fn a_ticket_is_fresh_for_a_minute_and_then_for_who_had_opened_it() {
    let (world, clock) = world().await;
    let ticket = ticket(&world, "ann", &json!({})).await;
    for (at, first, again) in [(59, 200, 200), (60, 401, 200), (3599, 401, 200), (3600, 401, 401)] {
        clock.set(at);
        assert_eq!(open(&world, "/live", &ticket).await.status(), first, "{at}");
        assert_eq!(reopen(&world, "/live", &ticket).await.status(), again, "{at}");
    }
    clock.set(0);
    let short = ask(&world, &login_for("ann", 20), &json!({})).await.ok();
    assert_eq!(short["expires_in"], 20);
    clock.set(20);
    assert_eq!(reopen(&world, "/live", short["ticket"].as_str().unwrap()).await.status(), 401);
}

#[tokio::test]
async fn a_ticket_opens_streams_alone() {
    let (mut world, _) = world().await;
    let ticket = ticket(&world, "ann", &json!({})).await;
    assert_eq!(open(&world, "/once", &ticket).await.status(), 401);
    open(&world, "/live", &ticket).await.text().await.unwrap();
    let run = world.admitted().await.public_id;
    assert_eq!(open(&world, &format!("/api/runs/{run}"), &ticket).await.status(), 404);
    for path in ["/posted", "/api/stream-tickets", &format!("/api/runs/{run}/cancel")] {
        let request = world.client.post(with(&world, path, &ticket));
        assert!([401, 404].contains(&send(request).await.status), "{path}");
        // Nor is it a token.
        let request = world.client.post(format!("{}{path}", world.url)).bearer_auth(&ticket);
        send(request).await.problem(401);
    }
    assert!(world.nothing_admitted());
}

#[tokio::test]
async fn what_was_not_sealed_as_a_ticket_is_none() {
    let (world, _) = world().await;
    let ticket = ticket(&world, "ann", &json!({})).await;
    let plain = world.keys.open(&ticket, &["stream-ticket"]).unwrap();
    let foreign = SealKey::generate().unwrap().seal(plain.reveal(), &["stream-ticket"]).unwrap();
    let other = world.keys.seal(plain.reveal(), &["posted", "run"]).unwrap();
    let odd = world.keys.seal("{}", &["stream-ticket"]).unwrap();
    let altered = format!("{}A", ticket.strip_suffix(|_: char| true).unwrap());
    let altered = if altered == ticket { format!("{ticket}B") } else { altered };
    for bad in [foreign, other, odd, altered, login("ann"), "v1.".into(), String::new()] {
        assert_eq!(open(&world, "/live", &bad).await.status(), 401, "{bad}");
    }
    let twice = format!("/live?ticket={ticket}");
    assert_eq!(open(&world, &twice, &ticket).await.status(), 401);
    // What is in it, beside whom it is of: no token.
    assert!(!plain.reveal().contains(&login("ann")), "{}", plain.reveal());
}

#[tokio::test]
async fn who_asks_for_a_ticket_shows_a_token_and_says_a_path() {
    let (world, _) = world().await;
    let bare = || world.client.post(format!("{}/api/stream-tickets", world.url));
    send(bare()).await.problem(401);
    send(bare().bearer_auth(ADMIN)).await.problem(401);
    send(bare().bearer_auth(login("ann"))).await.ok();
    for path in
        [json!("live"), json!("/live?q=a"), json!(""), json!(7), json!(format!("/{}", "x".repeat(1024)))]
    {
        let problem = ask(&world, &login("ann"), &json!({ "path": path })).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/path");
    }
    ask(&world, &login("ann"), &json!({ "path": null })).await.ok();
    ask(&world, &login("ann"), &json!([])).await.problem(422);
    ask(&world, &login("ann"), &json!({ "x": "y".repeat(5000) })).await.problem(413);
    let many = json!({ "sub": "ann", "exp": NOW_AND_AN_HOUR, "groups": "y".repeat(5000) });
    ask(&world, &login_with(&many), &json!({})).await.problem(422);
}

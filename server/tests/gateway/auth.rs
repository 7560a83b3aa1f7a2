//! Who may call which door, when tokens are believed as they come.

use pathway_server::gateway::check;
use serde_json::json;

use crate::world::{ADMIN, Runner, UNVERIFIED, World, compiled, send, token, token_of};

fn door(auth: &str) -> String {
    format!(
        "pathway: p_{auth}\non: {{ http: {{ post: /{auth}, auth: {auth} }} }}\nsteps: {{ s: {{ set: 1 }} }}\nreturn: \"{{{{ steps.s }}}}\"\n"
    )
}

#[tokio::test]
async fn doors_ask_for_what_they_need() {
    let doors = ["user", "optional", "none", "service"].map(door);
    let mut world = World::start(&doors.each_ref().map(String::as_str), Runner::Echo).await;
    let bare = |path: &str| world.client.post(format!("{}{path}", world.url)).body("{}");

    let answer = send(bare("/user")).await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    answer.problem(401);
    send(bare("/optional")).await.ok();
    send(bare("/none")).await.ok();
    send(bare("/service")).await.problem(401);
    send(world.post("/user", &json!({}))).await.ok();
    send(world.post("/service", &json!({}))).await.problem(401);
    send(bare("/service").bearer_auth(ADMIN)).await.ok();
    send(bare("/none").header("authorization", "Bearer nonsense")).await.ok();
    send(bare("/user").header("authorization", format!("bearer  {}", token("ann")))).await.ok();

    let no_subject = token_of(&json!({ "role": "anon" }));
    let odd_subject = token_of(&json!({ "sub": 7 }));
    let empty = token_of(&json!({ "sub": "" }));
    let long = token_of(&json!({ "sub": "a", "x": "y".repeat(20_000) }));
    let tokens = ["", "nonsense", "a.b.c", "a.b", &no_subject, &odd_subject, &empty, &long, "a.e30.c.d"];
    for token in tokens {
        for path in ["/user", "/optional"] {
            let answer = send(bare(path).header("authorization", format!("Bearer {token}"))).await;
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer error=\"invalid_token\", error_description="), "{token}");
            answer.problem(401);
        }
    }
    send(bare("/optional").header("authorization", "Basic YTpi")).await.problem(401);
    let mut started = 0;
    while !world.nothing_admitted() {
        started += 1;
    }
    assert_eq!(started, 6);
}

#[test]
fn a_project_is_not_served_as_it_should_not_be() {
    let user = door("user");
    let served = |project: &str, door: &str| {
        let (project, program) = compiled(project, &[door]);
        check(&project, &program)
    };
    assert_eq!(served(UNVERIFIED, &user), Ok(()));
    let open = "listen: 0.0.0.0:8000\nauth: { mode: unverified }\n";
    assert!(served(open, &user).unwrap_err().contains("0.0.0.0:8000"));
    assert!(served("", &user).unwrap_err().contains("`p_user`"));
    let verified = "listen: 0.0.0.0:8000\nauth: { secret: a-shared-secret-of-32-bytes-or-more }\n";
    assert_eq!(served(verified, &user), Ok(()));
    assert_eq!(served("", &door("none")), Ok(()));
}

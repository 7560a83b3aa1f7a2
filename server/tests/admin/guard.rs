//! Who is answered at all.

use crate::world::{World, client, told};

const PATHWAY: &str = "pathway: p\non: { topic: t }\nreturn: 1\n";

#[tokio::test]
async fn nobody_without_the_token_learns_anything() {
    let world = World::start(PATHWAY).await;
    for path in ["/runs", "/runs/x", "/nowhere", "/"] {
        let (status, said) = told(client().get(world.url(path)).send().await.unwrap()).await;
        assert_eq!((status, &said["class"]), (401, &"denied".into()), "{path}");
        let wrong = client().get(world.url(path)).bearer_auth("not-the-token-of-operators");
        assert_eq!(told(wrong.send().await.unwrap()).await.0, 401, "{path}");
    }
    let right = client().get(world.url("/runs")).bearer_auth(&world.token);
    assert_eq!(told(right.send().await.unwrap()).await.0, 200);
    let nowhere = client().get(world.url("/nowhere")).bearer_auth(&world.token);
    assert_eq!(told(nowhere.send().await.unwrap()).await.0, 404);
    let wrong_method = client().put(world.url("/runs")).bearer_auth(&world.token);
    assert_eq!(told(wrong_method.send().await.unwrap()).await.0, 405);
    world.app.stop().await;
}

#[tokio::test]
async fn pages_in_browsers_are_refused_although_they_have_the_token() {
    let world = World::start(PATHWAY).await;
    let port = world.app.admin.port();
    let cases = [
        ("origin", "http://localhost:5173".to_owned(), 403),
        ("origin", "null".to_owned(), 403),
        ("host", format!("evil.example:{port}"), 403),
        ("host", format!("localhost.evil.example:{port}"), 403),
        ("host", format!("localhost:{port}"), 200),
        ("host", format!("[::1]:{port}"), 200),
    ];
    for (name, value, expected) in cases {
        let request = client().get(world.url("/runs")).bearer_auth(&world.token).header(name, &value);
        assert_eq!(told(request.send().await.unwrap()).await.0, expected, "{name}: {value}");
    }
    world.app.stop().await;
}

#[tokio::test]
async fn a_listener_that_others_reach_goes_by_any_name() {
    let world = World::start_in("listen: 127.0.0.1:0\nadmin: 0.0.0.0:0\n", PATHWAY).await;
    let url = format!("http://127.0.0.1:{}/metrics", world.app.admin.port());
    let named = |host: &str| client().get(&url).header("host", host);
    let scraped = named("pathway.internal:8001").bearer_auth(&world.token).send().await.unwrap();
    assert_eq!(scraped.status(), 200);
    assert_eq!(told(named("pathway.internal:8001").send().await.unwrap()).await.0, 401);
    let page = named("pathway.internal:8001").bearer_auth(&world.token).header("origin", "http://x.example");
    assert_eq!(told(page.send().await.unwrap()).await.0, 403);
    world.app.stop().await;
}

#[tokio::test]
async fn the_token_opens_nothing_of_the_gateway_and_the_gateway_has_no_such_routes() {
    let world = World::start(PATHWAY).await;
    let url = format!("http://{}/runs", world.app.address);
    assert_eq!(told(client().get(url).bearer_auth(&world.token).send().await.unwrap()).await.0, 404);
    world.app.stop().await;
}

//! What goes over the wire.

use pathway_engine::Value;
use pathway_engine::vm::{Body, Class, HttpRequest, Method, Parse};
use pathway_server::effects::http::{Context, HttpClient};

use crate::upstream::{Seen, Upstream, answer};
use crate::{context, get, post, read_as, send_to, target, written};

async fn wire(base: &str, request: &HttpRequest) -> Seen {
    let upstream = Upstream::answering(answer("200 OK", "", "")).await;
    let target = target(&format!("{}{base}", upstream.url));
    send_to(&target, request).await.unwrap();
    upstream.seen().remove(0)
}

async fn refused(request: &HttpRequest) -> String {
    let upstream = Upstream::answering(answer("200 OK", "", "")).await;
    let failure = send_to(&target(&upstream.url), request).await.unwrap_err();
    assert_eq!(failure.class, Class::Expression);
    assert_eq!(upstream.connections(), 0, "{failure:?}");
    failure.message
}

#[tokio::test]
async fn path_and_query_are_appended_to_the_services() {
    let mut request = get("/budgets");
    for (base, line) in [
        ("", "/budgets"),
        ("/", "/budgets"),
        ("/rest/v1", "/rest/v1/budgets"),
        ("/rest/v1/", "/rest/v1/budgets"),
        ("/a%2Fb?alt=sse", "/a%2Fb/budgets?alt=sse"),
        ("/m:generate?alt=sse#part", "/m:generate/budgets?alt=sse"),
    ] {
        assert_eq!(wire(base, &request).await.line, format!("GET {line} HTTP/1.1"));
    }
    request.path = String::new();
    request.query = vec![("user id".into(), "eq.a&b=c?d#e%/é+".into()), ("limit".into(), String::new())];
    let encoded = "user%20id=eq.a%26b%3Dc%3Fd%23e%25%2F%C3%A9%2B&limit=";
    for (base, line) in [
        ("", format!("/?{encoded}")),
        ("/m:generate?alt=sse", format!("/m:generate?alt=sse&{encoded}")),
        ("/rest/?", format!("/rest/?{encoded}")),
    ] {
        assert_eq!(wire(base, &request).await.line, format!("GET {line} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_path_is_never_a_reference() {
    for path in ["//evil.example/x", "/http://evil.example", "/@evil.example", "/:80/x", "/a/...", "/a//b"] {
        let line = wire("/rest", &get(path)).await.line;
        assert_eq!(line, format!("GET /rest{path} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_path_that_could_lead_elsewhere_is_refused() {
    for path in [
        "x",
        "http://evil.example",
        "/..",
        "/a/../b",
        "/a/%2e%2E/b",
        "/.%2e/b",
        "/.",
        "/a?admin=1",
        "/a#b",
        "/a\\..\\b",
        "/a\r\nHost: evil",
        "/a\tb",
    ] {
        let message = refused(&get(path)).await;
        assert!(message.starts_with("`shop` was not called: the path"), "{path:?}: {message}");
    }
}

#[tokio::test]
async fn a_steps_headers_win_over_the_services_and_ours() {
    let upstream = Upstream::answering(answer("200 OK", "", "")).await;
    let mut target = target(&upstream.url);
    let pairs = [("authorization", "Bearer service"), ("accept", "text/csv"), ("x-kept", "yes")];
    target.headers = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).to_vec();
    let mut request = post(Body::Json(Value::from(1)));
    request.headers =
        [("AUTHORIZATION", "Bearer step"), ("Content-Type", "application/vnd.api+json"), ("X-Name", "प्रेम")]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec();
    send_to(&target, &request).await.unwrap();
    let seen = upstream.seen().remove(0);
    assert_eq!(seen.header("authorization"), ["Bearer step"]);
    assert_eq!(seen.header("content-type"), ["application/vnd.api+json"]);
    assert_eq!(seen.header("accept"), ["text/csv"]);
    assert_eq!(seen.header("x-kept"), ["yes"]);
    assert_eq!(seen.header("x-name"), ["प्रेम"]);
}

#[tokio::test]
async fn headers_that_frame_or_route_the_message_are_refused() {
    for name in ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "te", "Upgrade"] {
        let mut request = get("/a");
        request.headers = vec![(name.into(), "1".into())];
        assert!(refused(&request).await.contains("may not set the header"), "{name}");
    }
    for (name, value) in [("a b", "1"), ("", "1"), ("x", "a\r\nHost: evil"), ("x", "\0"), ("x\r\ny", "1")] {
        let mut request = get("/a");
        request.headers = vec![(name.into(), value.into())];
        assert!(refused(&request).await.contains("cannot be a header"), "{name:?}");
    }
}

#[tokio::test]
async fn every_request_says_which_execution_it_belongs_to() {
    let upstream = Upstream::answering(answer("200 OK", "", "")).await;
    let client = HttpClient::new().unwrap();
    let traced = Context { traceparent: Some("00-a-b-01"), ..context() };
    for context in [context(), traced] {
        client.send(&target(&upstream.url), &get("/a"), &context, None).await.unwrap();
    }
    let seen = upstream.seen();
    assert_eq!(seen[0].header("idempotency-key"), ["key-1"]);
    assert!(seen[0].header("traceparent").is_empty());
    assert_eq!(seen[1].header("traceparent"), ["00-a-b-01"]);
    assert!(seen[0].header("user-agent")[0].starts_with("pathway/"));
}

#[tokio::test]
async fn bodies() {
    let json =
        wire("", &post(Body::Json(serde_json::from_str(r#"{"b": 1, "a": [2.0, "é", null]}"#).unwrap())))
            .await;
    assert_eq!(json.body, r#"{"b":1,"a":[2.0,"é",null]}"#);
    assert_eq!(json.header("content-type"), ["application/json"]);

    let fields = vec![("url".to_owned(), "https://a/b?c=d&e".to_owned()), ("isTable".into(), "tr ue".into())];
    let form = wire("", &post(Body::Form(fields.clone()))).await;
    assert_eq!(form.body, "url=https%3A%2F%2Fa%2Fb%3Fc%3Dd%26e&isTable=tr%20ue");
    assert_eq!(form.header("content-type"), ["application/x-www-form-urlencoded"]);

    let text = wire("", &post(Body::Text("grüß\n".into()))).await;
    assert_eq!(text.body, "grüß\n");
    assert_eq!(text.header("content-type"), ["text/plain; charset=utf-8"]);

    let empty = wire("", &post(Body::Empty)).await;
    assert_eq!((empty.body.as_str(), empty.header("content-length")), ("", vec!["0"]));
    assert!(empty.header("content-type").is_empty());
}

#[tokio::test]
async fn multipart_fields_cannot_break_out_of_their_part() {
    let fields = vec![("a\"\r\nb".to_owned(), "1\r\n--x--".to_owned()), ("c".into(), "é".into())];
    let mut request = post(Body::Multipart(fields));
    request.headers = vec![("content-type".into(), "multipart/form-data".into())];
    let seen = wire("", &request).await;
    let boundary = seen.header("content-type")[0].strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\"\r\n\r\n1\r\n--x--\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\né\r\n--{boundary}--\r\n"
    );
    assert_eq!(seen.body, expected);
    assert_eq!(boundary.len(), 32);
}

#[tokio::test]
async fn methods_and_what_they_accept() {
    for (method, name) in [
        (Method::Get, "GET"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Patch, "PATCH"),
        (Method::Delete, "DELETE"),
    ] {
        let seen = wire("", &HttpRequest { method, ..get("/a") }).await;
        assert_eq!(seen.line, format!("{name} /a HTTP/1.1"));
    }
    for (parse, accept) in
        [(Parse::Auto, "*/*"), (Parse::Sse, "text/event-stream"), (Parse::Json, "application/json")]
    {
        assert_eq!(wire("", &read_as(parse)).await.header("accept"), [accept]);
    }
}

#[tokio::test]
async fn user_info_of_the_services_url_is_sent_as_basic_auth() {
    let upstream = Upstream::answering(answer("500 Oh", "", "")).await;
    let url = upstream.url.replace("http://", "http://ann:s3cret-word@");
    let failure = send_to(&target(&url), &get("/a")).await.unwrap_err();
    assert_eq!(upstream.seen()[0].header("authorization"), ["Basic YW5uOnMzY3JldC13b3Jk"]);
    assert!(!written(&failure).contains("s3cret"));
}

#[tokio::test]
async fn connections_are_kept_and_shared() {
    let upstream = Upstream::answering(answer("200 OK", "", "ok")).await;
    let client = HttpClient::new().unwrap();
    for _ in 0..5 {
        client.clone().send(&target(&upstream.url), &get("/a"), &context(), None).await.unwrap();
    }
    assert_eq!((upstream.seen().len(), upstream.connections()), (5, 1));
}

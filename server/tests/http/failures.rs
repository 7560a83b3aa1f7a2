//! What is said when a call fails, and how it is classed.

use std::time::Duration;

use jiff::Timestamp;
use pathway_engine::vm::{Class, Failure, HttpRequest};
use pathway_server::effects::http::{Context, HttpClient, counts_against_circuit};
use tokio::net::TcpListener;

use crate::upstream::{Act, Upstream, answer, head};
use crate::{context, get, json, send, send_to, target, written};

const SOON: Option<Duration> = Some(Duration::from_millis(200));

async fn failing(acts: Vec<Act>) -> Failure {
    let upstream = Upstream::start(vec![acts]).await;
    send(&upstream, &get("/a")).await.unwrap_err()
}

async fn status(line: &str, headers: &str, as_caller: bool) -> Failure {
    let upstream = Upstream::answering(answer(line, headers, "")).await;
    let mut target = target(&upstream.url);
    target.as_caller = as_caller;
    send_to(&target, &get("/a")).await.unwrap_err()
}

#[tokio::test]
async fn statuses_and_their_classes() {
    use Class::{Conflict, Denied, Invalid, NotFound, Outage, RateLimited, Timeout, Upstream};
    // Status, class, class when called as the caller, whether the circuit counts it.
    let table = [
        (301, Upstream, Upstream, false),
        (304, Upstream, Upstream, false),
        (400, Upstream, Invalid, false),
        (401, Upstream, Denied, false),
        (403, Upstream, Denied, false),
        (404, Upstream, NotFound, false),
        (408, Timeout, Timeout, true),
        (409, Upstream, Conflict, false),
        (418, Upstream, Upstream, false),
        (422, Upstream, Invalid, false),
        (425, RateLimited, RateLimited, false),
        (429, RateLimited, RateLimited, true),
        (500, Outage, Outage, true),
        (502, Outage, Outage, true),
        (503, Outage, Outage, true),
        (504, Timeout, Timeout, true),
        (599, Outage, Outage, true),
    ];
    for (code, class, as_caller, counts) in table {
        let failure = status(&format!("{code} Whatever"), "", false).await;
        assert_eq!((failure.class, failure.status), (class, Some(code)));
        assert_eq!(failure.message, format!("`shop` answered {code}"));
        assert_eq!(counts_against_circuit(&failure), counts, "{code}");
        assert_eq!(status(&format!("{code} Whatever"), "", true).await.class, as_caller, "{code}");
    }
}

#[tokio::test]
async fn retry_after_is_read_and_bounded() {
    let after = async |value: String| {
        status("503 Busy", &format!("Retry-After: {value}\r\n"), false).await.retry_after
    };
    assert_eq!(after("7".into()).await, Some(7_000));
    assert_eq!(after("86400".into()).await, Some(3_600_000));
    assert_eq!(after("soon".into()).await, None);
    assert_eq!(after("-1".into()).await, None);
    assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT".into()).await, Some(0));
    assert_eq!(after("Thu, 31 Dec 2099 23:59:59 GMT".into()).await, Some(3_600_000));
    let in_a_while = Timestamp::now() + Duration::from_secs(600);
    let date = in_a_while.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let wait = after(date).await.unwrap();
    assert!((1..=600_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for url in [url.as_str(), "http://nowhere.invalid", "https://nowhere.invalid"] {
        let failure = send_to(&target(url), &get("/a")).await.unwrap_err();
        assert_eq!((failure.class, failure.status), (Class::Outage, None));
        assert_eq!(failure.message, "`shop` could not be reached");
        assert!(counts_against_circuit(&failure));
    }
}

#[tokio::test]
async fn tls_with_someone_who_does_not_speak_it() {
    let upstream = Upstream::answering(answer("200 OK", "", "")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let call = async { send_to(&target(&url), &get("/a")).await.unwrap_err() };
    let peer = async {
        use tokio::io::AsyncWriteExt;
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket
    };
    let (failure, _) = tokio::join!(call, peer);
    assert_eq!(failure.class, Class::Outage);
    drop(upstream);
}

#[tokio::test]
async fn closed_or_reset_before_or_in_the_middle_of_an_answer() {
    let begun = || Act::Send(head("content-length: 10\r\n").into_iter().chain(*b"12345").collect());
    let chunked = || Act::Send([head("transfer-encoding: chunked\r\n"), b"5\r\nhello\r\n".to_vec()].concat());
    for acts in [
        vec![Act::Close],
        vec![Act::Reset],
        vec![Act::Send(b"HTTP/1.1 200".to_vec()), Act::Close],
        vec![begun(), Act::Close],
        vec![begun(), Act::Reset],
        vec![chunked(), Act::Close],
        vec![chunked(), Act::Send(b"zz\r\n".to_vec()), Act::Close],
    ] {
        let failure = failing(acts).await;
        assert_eq!(failure.class, Class::Outage, "{failure:?}");
        assert!(counts_against_circuit(&failure));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    for acts in [
        vec![Act::Send(b"220 mail.example ESMTP\r\n\r\n".to_vec()), Act::Close],
        vec![Act::Send(vec![0; 1000]), Act::Close],
        vec![Act::Send(many.into_bytes()), Act::Close],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), Act::Flood(vec![b'a'; 4096])],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Flood(b"a: b\r\n".repeat(1000))],
    ] {
        let failure = failing(acts).await;
        assert_eq!(failure.class, Class::Upstream, "{failure:?}");
        assert_eq!(failure.message, "`shop` answered with something that is not HTTP");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_wherever_it_begins() {
    for acts in [
        vec![Act::Hang],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Hang],
        vec![Act::Send(head("content-length: 10\r\n")), Act::Hang],
        vec![Act::Send(head("content-length: 10\r\n")), Act::Send(b"12345".to_vec()), Act::Hang],
    ] {
        let upstream = Upstream::start(vec![acts]).await;
        let request = HttpRequest { timeout: SOON, ..get("/a") };
        let failure = send(&upstream, &request).await.unwrap_err();
        assert_eq!((failure.class, failure.status), (Class::Timeout, None));
        assert_eq!(failure.message, "`shop` took longer than 200ms");
        assert!(counts_against_circuit(&failure));
    }
}

#[tokio::test]
async fn the_services_timeout_holds_where_the_request_has_none() {
    let upstream = Upstream::start(vec![vec![Act::Hang]]).await;
    let mut target = target(&upstream.url);
    target.timeout = Duration::from_millis(150);
    let failure = send_to(&target, &get("/a")).await.unwrap_err();
    assert_eq!(failure.message, "`shop` took longer than 150ms");
}

#[tokio::test]
async fn a_refusal_keeps_its_status_though_its_body_never_ends() {
    let refusal = b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n123".to_vec();
    let failure = failing(vec![Act::Send(refusal), Act::Hang]).await;
    assert_eq!((failure.class, failure.status), (Class::Outage, Some(503)));
    assert_eq!(json(&failure.details.unwrap())["body"], "123");

    let endless = b"HTTP/1.1 503 Busy\r\n\r\n".to_vec();
    let failure = failing(vec![Act::Send(endless), Act::Flood(vec![b'x'; 100_000])]).await;
    assert_eq!(json(&failure.details.unwrap())["body"].as_str().unwrap().len(), 4096);
}

#[tokio::test]
async fn details_are_for_operators_and_hold_no_secret() {
    let echo = "denied: Bearer service-role-secret, apikey=anon-secret-key, x=step-secret-value";
    let upstream = Upstream::answering(answer("403 No", "", echo)).await;
    let url =
        upstream.url.replace("http://", "http://user:password-1@") + "/bot-secret-token/?key=url-secret";
    let mut target = target(&url);
    target.headers = vec![
        ("x-auth".parse().unwrap(), "Bearer service-role-secret".parse().unwrap()),
        ("apikey".parse().unwrap(), "anon-secret-key".parse().unwrap()),
    ];
    let mut request = get("/budgets");
    request.query = vec![("user_id".into(), "eq.private-value".into()), ("limit".into(), "1".into())];
    request.headers = vec![("x".into(), "step-secret-value".into())];
    let failure = send_to(&target, &request).await.unwrap_err();
    let all = written(&failure);
    for secret in
        ["service-role-secret", "anon-secret", "password-1", "bot-secret", "url-secret", "private-value"]
    {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let details = json(failure.details.as_ref().unwrap());
    assert_eq!(details["method"], "GET");
    assert_eq!(details["url"], "/budgets?user_id&limit");
    assert_eq!(details["status"], 403);
    assert_eq!(details["body"], "denied: Bearer ***, apikey=***, x=***");
    assert!(!format!("{target:?}").contains("secret"));

    let unreachable = target.clone();
    drop(upstream);
    let failure = send_to(&unreachable, &request).await.unwrap_err();
    assert_eq!(failure.class, Class::Outage);
    let all = written(&failure);
    for secret in ["service-role-secret", "password-1", "bot-secret", "url-secret", "private-value"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    assert!(json(&failure.details.unwrap())["cause"].as_str().is_some_and(|cause| !cause.is_empty()));
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let upstream = Upstream::start(vec![vec![Act::Hang], vec![Act::Send(answer("200 OK", "", ""))]]).await;
    let client = HttpClient::new().unwrap();
    let target = target(&upstream.url);
    let request = get("/a");
    let context: Context<'_> = context();
    {
        let call = client.send(&target, &request, &context, None);
        tokio::pin!(call);
        while upstream.seen().is_empty() {
            tokio::select! {
                _ = &mut call => unreachable!("the upstream hangs"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    client.send(&target, &request, &context, None).await.unwrap();
    assert_eq!(upstream.connections(), 2);
}

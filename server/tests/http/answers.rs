//! How answers are read.

use pathway_engine::vm::{Class, HttpRequest, Parse};
use serde_json::{Value as Json, json as j};

use crate::upstream::{Act, Upstream, answer, chunk, head};
use crate::{get, json, read_as, send, send_to, target};

async fn body(parse: Parse, content_type: &str, bytes: &[u8]) -> Result<Json, Class> {
    let headers = format!("Content-Type: {content_type}\r\n");
    let upstream = Upstream::answering(answer("200 OK", &headers, bytes)).await;
    let output = send(&upstream, &read_as(parse)).await.map_err(|failure| failure.class)?;
    Ok(json(&output)["body"].clone())
}

#[tokio::test]
async fn an_answer_is_status_headers_and_body() {
    let headers =
        "Content-Type: application/json; charset=utf-8\r\nX-Two: a\r\nx-two: b\r\nX-Odd: \u{e9}\r\n";
    let upstream =
        Upstream::answering(answer("201 Created", headers, r#"{"b": 1, "a": {"c": [1.5]}}"#)).await;
    let output = json(&send(&upstream, &get("/a")).await.unwrap());
    let expected = j!({
        "status": 201,
        "headers": {
            "content-type": "application/json; charset=utf-8", "x-two": "a, b", "x-odd": "é", "content-length": "27",
        },
        "body": {"b": 1, "a": {"c": [1.5]}},
    });
    assert_eq!(output, expected);
    assert_eq!(output["body"].to_string(), r#"{"b":1,"a":{"c":[1.5]}}"#, "the order of keys is kept");
}

#[tokio::test]
async fn json_is_read_where_the_type_says_so() {
    for media in
        ["application/json", "Application/JSON ; charset=utf-8", "application/problem+json", "text/json"]
    {
        assert_eq!(body(Parse::Auto, media, b"[1]").await, Ok(j!([1])), "{media}");
        assert_eq!(body(Parse::Auto, media, b"[1").await, Err(Class::Upstream), "{media}");
    }
    for media in ["text/html", "application/jsonp", ""] {
        assert_eq!(body(Parse::Auto, media, b"[1]").await, Ok(j!("[1]")), "{media}");
    }
    assert_eq!(body(Parse::Json, "text/html", b"\xEF\xBB\xBF{\"a\": 1}\n").await, Ok(j!({"a": 1})));
    assert_eq!(body(Parse::Json, "text/html", b"<html>").await, Err(Class::Upstream));
    assert_eq!(body(Parse::Text, "application/json", b"[1]").await, Ok(j!("[1]")));
    assert_eq!(body(Parse::Bytes, "application/json", b"\xFF\x00").await, Ok(j!("/wA=")));
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let text = b"[9007199254740993, 18446744073709551615, -1, 0.1, 2.0]";
    let read = body(Parse::Json, "", text).await.unwrap();
    assert_eq!(read.to_string(), "[9007199254740993,18446744073709551615,-1,0.1,2.0]");
}

#[tokio::test]
async fn an_empty_body_is_none() {
    for parse in [Parse::Auto, Parse::Json, Parse::Text, Parse::Bytes, Parse::Sse, Parse::Lines] {
        for bytes in [
            answer("201 Created", "content-type: application/json\r\n", ""),
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        ] {
            let upstream = Upstream::answering(bytes).await;
            assert_eq!(json(&send(&upstream, &read_as(parse)).await.unwrap())["body"], Json::Null);
        }
    }
}

#[tokio::test]
async fn text_is_read_in_its_charset() {
    let latin = "text/plain; charset=\"ISO-8859-1\"";
    assert_eq!(body(Parse::Text, latin, b"caf\xE9").await, Ok(j!("café")));
    assert_eq!(body(Parse::Auto, "text/plain; charset=klingon", "é".as_bytes()).await, Ok(j!("é")));
    assert_eq!(body(Parse::Text, "text/plain", b"caf\xE9").await, Ok(j!("caf\u{FFFD}")));
    assert_eq!(body(Parse::Json, "", b"\"caf\xE9\"").await, Err(Class::Upstream));
}

#[tokio::test]
async fn json_that_is_too_deep_is_refused() {
    assert_eq!(body(Parse::Json, "", "[".repeat(100_000).as_bytes()).await, Err(Class::Upstream));
}

#[tokio::test]
async fn accepted_statuses_are_answers() {
    let upstream = Upstream::answering(answer("404 Not Found", "", "gone")).await;
    let output = send(&upstream, &HttpRequest { accept: vec![404], ..get("/a") }).await.unwrap();
    assert_eq!(json(&output)["status"], 404);
    assert_eq!(json(&output)["body"], "gone");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let upstream =
        Upstream::start(vec![vec![Act::Send(head("content-length: 5000000000\r\n")), Act::Hang]]).await;
    let failure = send(&upstream, &get("/a")).await.unwrap_err();
    assert_eq!(failure.class, Class::Upstream);
    assert_eq!(failure.message, "`shop` answered with more than 16777216 bytes");
}

#[tokio::test]
async fn an_endless_body_is_left_at_the_limit() {
    for parse in [Parse::Auto, Parse::Lines, Parse::Sse] {
        let upstream = Upstream::start(vec![vec![
            Act::Send(head("transfer-encoding: chunked\r\n")),
            Act::Flood(chunk([b'\n'; 4096])),
        ]])
        .await;
        let failure = send(&upstream, &read_as(parse)).await.unwrap_err();
        assert_eq!(failure.message, "`shop` answered with more than 16777216 bytes");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let upstream = Upstream::answering(answer("200 OK", "", "12345")).await;
    let mut target = target(&upstream.url);
    target.limits.body = 5;
    assert!(send_to(&target, &get("/a")).await.is_ok());
    target.limits.body = 4;
    assert_eq!(send_to(&target, &get("/a")).await.unwrap_err().class, Class::Upstream);
}

#[tokio::test]
async fn a_content_encoding_that_nobody_asked_for_is_refused() {
    let upstream = Upstream::answering(answer("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b")).await;
    let failure = send(&upstream, &get("/a")).await.unwrap_err();
    assert_eq!(failure.class, Class::Upstream);
    assert!(upstream.seen()[0].header("accept-encoding").is_empty());
    assert_eq!(json(&send(&upstream, &read_as(Parse::Bytes)).await.unwrap())["body"], "H4s=");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let upstream = Upstream::answering(answer("302 Found", "Location: /elsewhere\r\n", "")).await;
    let failure = send(&upstream, &get("/a")).await.unwrap_err();
    assert_eq!((failure.class, failure.status), (Class::Upstream, Some(302)));
    assert_eq!(upstream.seen().len(), 1);
}

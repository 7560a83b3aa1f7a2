//! Streams: in pieces as they arrive, in order, and only as much as is wanted.

use std::sync::Arc;
use std::time::Duration;

use pathway_engine::Value;
use pathway_engine::vm::{Class, Failure, HttpRequest, Parse, Stream};
use pathway_server::effects::http::{HttpClient, Target};
use serde_json::json as j;
use tokio::sync::{Notify, mpsc};

use crate::upstream::{Act, Upstream, answer, chunk, head};
use crate::{context, json, pick, read_as, send, send_to, target};

fn emitting(parse: Parse) -> HttpRequest {
    HttpRequest { stream: Stream { pick: None, emit: true }, ..read_as(parse) }
}

fn begin() -> Act {
    Act::Send(head("content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"))
}

fn event(data: &str) -> Act {
    Act::Send(chunk(format!("data: {data}\n\n")))
}

fn end() -> Act {
    Act::Send(b"0\r\n\r\n".to_vec())
}

/// The outcome, and what was handed on by then.
async fn listen(target: &Target, request: &HttpRequest) -> (Result<Value, Failure>, Vec<serde_json::Value>) {
    let (sender, mut receiver) = mpsc::channel(1);
    let call = async { HttpClient::new().unwrap().send(target, request, &context(), Some(sender)).await };
    let listener = async {
        let mut heard = Vec::new();
        while let Some(piece) = receiver.recv().await {
            heard.push(json(&piece));
        }
        heard
    };
    tokio::join!(call, listener)
}

#[tokio::test]
async fn events_are_json_where_they_are_json() {
    let body = "\u{feff}: hello\r\n\r\nevent: x\r\nid: 1\r\nretry: 5\r\ndata: {\"a\": 1}\r\n\r\n\
                data: two\ndata:  lines\n\ndata: 7\r\rdata: [DONE]\n\ndata\n\nnothing\n\n";
    let upstream = Upstream::answering(answer("200 OK", "", body)).await;
    let output = json(&send(&upstream, &read_as(Parse::Sse)).await.unwrap());
    assert_eq!(output["chunks"], j!([{"a": 1}, "two\n lines", 7, "[DONE]", ""]));
    assert_eq!(output["text"], "{\"a\":1}two\n lines7[DONE]");
    assert_eq!(output["body"], j!(null));
    assert_eq!(output["status"], 200);
}

#[tokio::test]
async fn lines_are_json_where_they_are_json() {
    let body = "{\"a\": 1}\n\n\r\nnot json\r\nnull\n\"text\"\n{\"b\":";
    let upstream = Upstream::answering(answer("200 OK", "", body)).await;
    let output = json(&send(&upstream, &read_as(Parse::Lines)).await.unwrap());
    assert_eq!(output["chunks"], j!([{"a": 1}, "not json", "text", "{\"b\":"]));
}

#[tokio::test]
async fn pieces_are_handed_on_as_they_arrive() {
    let go_on = Arc::new(Notify::new());
    let upstream = Upstream::start(vec![vec![
        begin(),
        event("one"),
        Act::Wait(Arc::clone(&go_on)),
        event("two"),
        end(),
    ]])
    .await;
    let target = target(&upstream.url);
    let (sender, mut receiver) = mpsc::channel(1);
    let request = emitting(Parse::Sse);
    let call =
        async { HttpClient::new().unwrap().send(&target, &request, &context(), Some(sender)).await.unwrap() };
    let listener = async {
        // The second is not sent before the first was heard.
        assert_eq!(receiver.recv().await, Some(Value::from("one")));
        go_on.notify_one();
        assert_eq!(receiver.recv().await, Some(Value::from("two")));
        assert_eq!(receiver.recv().await, None);
    };
    let (output, ()) = tokio::join!(call, listener);
    assert_eq!(json(&output)["chunks"], j!(["one", "two"]));
}

#[tokio::test]
async fn nothing_is_lost_or_shuffled_however_slow_the_listener() {
    let words: Vec<String> = (0..500).map(|n| format!("word-{n}")).collect();
    let events = words.iter().map(|word| event(word));
    let acts = std::iter::once(begin()).chain(events).chain([end()]).collect();
    let upstream = Upstream::start(vec![acts]).await;
    let (outcome, heard) = listen(&target(&upstream.url), &emitting(Parse::Sse)).await;
    assert_eq!(heard, words);
    assert_eq!(json(&outcome.unwrap())["text"], words.concat());
}

#[tokio::test]
async fn a_step_that_does_not_emit_tells_nobody() {
    let upstream = Upstream::start(vec![vec![begin(), event("one"), end()]]).await;
    let (outcome, heard) = listen(&target(&upstream.url), &read_as(Parse::Sse)).await;
    assert_eq!(json(&outcome.unwrap())["text"], "one");
    assert!(heard.is_empty());
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_outage_and_what_came_before_was_heard() {
    for last in [Act::Close, Act::Reset] {
        let go_on = Arc::new(Notify::new());
        let acts = vec![begin(), event("one"), Act::Wait(Arc::clone(&go_on)), last];
        let upstream = Upstream::start(vec![acts]).await;
        let target = target(&upstream.url);
        let request = emitting(Parse::Sse);
        let (sender, mut receiver) = mpsc::channel(1);
        let client = HttpClient::new().unwrap();
        let context = context();
        let call = client.send(&target, &request, &context, Some(sender));
        let listener = async {
            assert_eq!(receiver.recv().await, Some(Value::from("one")));
            go_on.notify_one();
        };
        let (outcome, ()) = tokio::join!(call, listener);
        let failure = outcome.unwrap_err();
        assert_eq!(failure.class, Class::Outage);
        assert_eq!(failure.message, "`shop` broke off its answer");
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let acts = vec![Act::Send(head("")), Act::Send(b"data: one\n\ndata: last".to_vec()), Act::Close];
    let upstream = Upstream::start(vec![acts]).await;
    let output = send(&upstream, &read_as(Parse::Sse)).await.unwrap();
    assert_eq!(json(&output)["chunks"], j!(["one", "last"]));
}

#[tokio::test]
async fn characters_may_be_cut_anywhere_and_broken_ones_do_no_harm() {
    let bytes = "data: ₹é🙂\n\n".as_bytes().iter().map(|byte| Act::Send(chunk([*byte])));
    let broken = Act::Send(chunk(b"data: a\xFF\xE2\x82b\n\n"));
    let acts = std::iter::once(begin()).chain(bytes).chain([broken, end()]).collect();
    let upstream = Upstream::start(vec![acts]).await;
    let output = send(&upstream, &read_as(Parse::Sse)).await.unwrap();
    assert_eq!(json(&output)["chunks"], j!(["₹é🙂", "a\u{FFFD}\u{FFFD}b"]));
}

#[tokio::test]
async fn a_stream_that_pauses_too_long_is_a_timeout() {
    let upstream = Upstream::start(vec![vec![begin(), event("one"), Act::Hang]]).await;
    let mut target = target(&upstream.url);
    target.limits.idle = Duration::from_millis(200);
    let (outcome, heard) = listen(&target, &emitting(Parse::Sse)).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.class, Class::Timeout);
    assert_eq!(failure.message, "`shop` said nothing for 200ms in the middle of its answer");
    assert_eq!(heard, ["one"]);
}

#[tokio::test]
async fn lines_events_and_pieces_have_limits() {
    for (parse, flood) in [
        (Parse::Lines, "x".repeat(1000)),
        (Parse::Sse, "x".repeat(1000)),
        (Parse::Sse, format!("data: {}\n", "x".repeat(90))),
        (Parse::Lines, "a\n".to_owned()),
    ] {
        let upstream = Upstream::start(vec![vec![begin(), Act::Flood(chunk(flood))]]).await;
        let mut target = target(&upstream.url);
        target.limits.line = 100;
        target.limits.event = 1000;
        target.limits.pieces = 50;
        let failure = send_to(&target, &read_as(parse)).await.unwrap_err();
        assert_eq!(failure.class, Class::Upstream);
        assert!(failure.message.contains("too long") || failure.message.contains("50 pieces"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_read_as_a_stream() {
    let upstream = Upstream::answering(answer("429 Slow down", "Retry-After: 1\r\n", "data: x\n\n")).await;
    let (outcome, heard) = listen(&target(&upstream.url), &emitting(Parse::Sse)).await;
    let failure = outcome.unwrap_err();
    assert_eq!((failure.class, failure.retry_after), (Class::RateLimited, Some(1000)));
    assert!(heard.is_empty());
}

#[tokio::test]
async fn a_listener_that_left_ends_the_call() {
    let upstream = Upstream::start(vec![vec![begin(), Act::Flood(chunk("data: x\n\n"))]]).await;
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let client = HttpClient::new().unwrap();
    let outcome = client.send(&target(&upstream.url), &emitting(Parse::Sse), &context(), Some(sender)).await;
    assert_eq!(outcome.unwrap_err().class, Class::Cancelled);
}

/// What the language model's gateway sends, and what the app wants of it.
#[tokio::test]
async fn pick_selects_and_passes_over_what_it_does_not_find() {
    let text =
        |text: &str| event(&j!({"candidates": [{"content": {"parts": [{"text": text}]}}]}).to_string());
    let acts = vec![
        begin(),
        event(r#"{"candidates": [{"content": {"parts": []}}]}"#),
        text("Hello"),
        event("not json"),
        event("[DONE]"),
        event("7"),
        event("{\"candidates\": null}"),
        event("[1, 2]"),
        Act::Send(chunk(": comment\n\ngarbage\n\n\u{0}\n\n")),
        text(", ₹ world"),
        text(""),
        event(r#"{"usageMetadata": {"totalTokenCount": 42}}"#),
        end(),
    ];
    let upstream = Upstream::start(vec![acts]).await;
    let mut request = emitting(Parse::Sse);
    request.stream.pick = pick("chunk.candidates[0].content.parts[0].text");
    let (outcome, heard) = listen(&target(&upstream.url), &request).await;
    assert_eq!(heard, ["Hello", ", ₹ world", ""]);
    let output = json(&outcome.unwrap());
    assert_eq!(output["text"], "Hello, ₹ world");
    assert_eq!(output["chunks"], j!(["Hello", ", ₹ world", ""]));
}

#[tokio::test]
async fn what_is_picked_may_be_any_json() {
    let body = "{\"a\": 1}\n{\"a\": {\"b\": [true, null]}}\n{\"a\": null}\n{\"a\": \"x\"}\n";
    let upstream = Upstream::answering(answer("200 OK", "", body)).await;
    let mut request = read_as(Parse::Lines);
    request.stream.pick = pick("chunk.a");
    let output = json(&send(&upstream, &request).await.unwrap());
    assert_eq!(output["chunks"], j!([1, {"b": [true, null]}, "x"]));
    assert_eq!(output["text"], "1{\"b\":[true,null]}x");
}

#[tokio::test]
async fn a_pick_that_fails_on_json_fails_the_step_but_passes_over_text() {
    for (body, class) in [("one\n{\"a\": 2}\n", None), ("{\"a\": [1]}\n", Some(Class::Expression))] {
        let upstream = Upstream::answering(answer("200 OK", "", body)).await;
        let mut request = read_as(Parse::Lines);
        request.stream.pick = pick("chunk.a + 1");
        let outcome = send(&upstream, &request).await;
        match class {
            None => assert_eq!(json(&outcome.unwrap())["chunks"], j!([3])),
            Some(class) => {
                let failure = outcome.unwrap_err();
                assert_eq!(failure.class, class);
                assert_eq!(failure.message, "`shop` sent a piece on which `pick` fails");
                assert!(json(&failure.details.unwrap())["cause"].is_string());
            }
        }
    }
}

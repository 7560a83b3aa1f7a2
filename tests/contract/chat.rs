//! Streams of the chat: what is written when, and what becomes of a stream that is read again.

use pathway_server::demo::data;
use pathway_tests::browser::Fetch;
use pathway_tests::events::Parser;
use pathway_tests::finance::Finance;
use pathway_tests::model::Model;
use pathway_tests::wire::{Ask, Wire};
use serde_json::{Value, json};

use crate::shape;

/// The app with a model whose words are the test's.
async fn with_model() -> Option<(Finance, Model)> {
    let model = Model::start().await;
    let app = shape::own().await?.variable("GEMINI_URL", Some(&model.url)).start().await;
    Some((app, model))
}

fn question(app: &Finance) -> Ask {
    Ask::post("/api/chat/stream", &json!({"message": "Hello?", "userId": data::USER})).bearer(&app.token())
}

/// The next chunk that has data, as its one event.
async fn event(wire: &mut Wire) -> Option<(String, Value)> {
    loop {
        let chunk = wire.chunk().await?;
        let mut events = Parser::default().feed(&chunk);
        assert!(chunk.ends_with("\n\n"), "`{chunk}` is no whole event");
        if let Some(event) = events.pop() {
            assert!(events.is_empty(), "`{chunk}` is more than one event");
            assert_eq!(event.name, "message", "data has no event name");
            return Some((event.id.clone(), event.json()));
        }
        assert!(chunk.starts_with(':'), "`{chunk}` is neither an event nor a comment");
    }
}

#[tokio::test]
async fn an_answer_is_passed_on_as_it_is_given_one_event_a_write() {
    let Some((app, mut model)) = with_model().await else { return };
    let mut wire = app.wire(&question(&app)).await;
    assert_eq!((wire.status, wire.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(wire.header("x-accel-buffering"), Some("no"));
    assert_eq!(wire.header("cache-control"), Some("no-cache"));
    let mut answer = model.asked().await;
    assert!(answer.prompt.contains("Hello?"));
    for text in ["First ", "second\n", "₹ third — \u{1f600}", " ", "\"last\""] {
        // The next is not said before this one has been read.
        answer.say(text).await;
        assert_eq!(event(&mut wire).await.unwrap().1, json!({"text": text}));
    }
    answer.send("data: still thinking\n\n").await;
    answer.send("data: {\"candidates\": [{\"finishReason\": \"STOP\"}]}\n\n").await;
    answer.end();
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"done": true}));
    assert_eq!(event(&mut wire).await, None);
}

#[tokio::test]
async fn pieces_arrive_whole_however_the_model_cuts_them() {
    let Some((app, mut model)) = with_model().await else { return };
    let mut fetch = Fetch::of(app.wire(&question(&app)).await);
    let mut answer = model.asked().await;
    let piece = |text: &str| {
        let piece = json!({"candidates": [{"content": {"parts": [{"text": text}]}}]});
        format!("data: {piece}\r\n\r\n")
    };
    let both = piece("one") + &piece("two");
    let (left, right) = both.split_at(30);
    answer.send(left).await;
    answer.send(right).await;
    answer.end();
    assert_eq!(fetch.rest().await, [json!({"text": "one"}), json!({"text": "two"}), json!({"done": true})]);
}

#[tokio::test]
async fn what_fails_after_the_stream_began_is_an_event() {
    let Some((app, mut model)) = with_model().await else { return };
    // Before the first word a failure is tried again …
    let mut wire = app.wire(&question(&app)).await;
    model.asked().await.refuse(503);
    let mut answer = model.asked().await;
    answer.say("Well, ").await;
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"text": "Well, "}));
    // … after it never.
    answer.cut().await;
    let (_, told) = event(&mut wire).await.unwrap();
    assert!(told["error"].is_string() && told.as_object().unwrap().len() == 1, "{told}");
    assert_eq!(event(&mut wire).await, None);
    let rows = app.stand_ins.rows("chat_history");
    assert_eq!(rows.iter().map(|row| &row["role"]).collect::<Vec<_>>(), ["user"]);
}

#[tokio::test]
async fn an_answer_goes_on_without_its_reader_and_is_there_for_whoever_comes_again() {
    let Some((app, mut model)) = with_model().await else { return };
    let mut wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    let mut answer = model.asked().await;
    answer.say("one ").await;
    let (seen, _) = event(&mut wire).await.unwrap();
    drop(wire);
    answer.say("two ").await;
    answer.say("three").await;
    answer.end();

    let events = format!("/api/runs/{run}/events");
    let again = |last: Option<&str>| {
        let ask = Ask::get(&events).bearer(&app.token());
        last.map_or(ask.clone(), |last| ask.header("last-event-id", last))
    };
    let texts = ["one ", "two ", "three"].map(|text| json!({ "text": text }));
    let done = json!({"done": true});
    // After what was seen: what follows.
    let mut wire = app.wire(&again(Some(&seen))).await;
    assert_eq!(event(&mut wire).await.unwrap().1, texts[1]);
    assert_eq!(event(&mut wire).await.unwrap().1, texts[2]);
    let (last, told) = event(&mut wire).await.unwrap();
    assert_eq!(told, done);
    assert_eq!(event(&mut wire).await, None);
    // After its end: nothing more, ever.
    assert_eq!(app.wire(&again(Some(&last))).await.status, 204);
    // Never, in the future, of another stream, of another server: all of it.
    for id in [None, Some("9.9"), Some("1.4711"), Some("transactions:7"), Some("\u{fffd}")] {
        let mut wire = app.wire(&again(id)).await;
        assert_eq!(wire.status, 200, "{id:?}");
        for expected in texts.iter().chain([&done]) {
            assert_eq!(&event(&mut wire).await.unwrap().1, expected, "{id:?}");
        }
        assert_eq!(event(&mut wire).await, None);
    }
    let shown = app.get(&format!("/api/runs/{run}")).await.json();
    assert_eq!((&shown["status"], &shown["result"]["text"]), (&json!("succeeded"), &json!("one two three")));
}

#[tokio::test]
async fn an_answer_outlives_the_server_that_gave_it() {
    let Some((mut app, mut model)) = with_model().await else { return };
    let mut wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    let mut answer = model.asked().await;
    answer.say("one ").await;
    let (seen, _) = event(&mut wire).await.unwrap();
    answer.say("two").await;
    answer.end();
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"text": "two"}));
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"done": true}));
    app.crash().await;
    app.start().await;

    let ask = Ask::get(&format!("/api/runs/{run}/events")).bearer(&app.token());
    let mut wire = app.wire(&ask.header("last-event-id", &seen)).await;
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"text": "two"}));
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"done": true}));
    let shown = app.get(&format!("/api/runs/{run}")).await.json();
    assert_eq!(shown["result"]["text"], "one two");
}

#[tokio::test]
async fn a_question_that_a_crash_cut_off_is_answered_by_the_next_server() {
    let Some((mut app, mut model)) = with_model().await else { return };
    let mut wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    // Asked, and not a word said: it can be asked again.
    let answer = model.asked().await;
    app.crash().await;
    assert!(wire.try_chunk().await.is_ok_and(|opening| opening.is_some()));
    drop(answer);
    app.start().await;
    let mut answer = model.asked().await;
    answer.say("Here I am.").await;
    answer.end();
    let mut wire = app.wire(&Ask::get(&format!("/api/runs/{run}/events")).bearer(&app.token())).await;
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"text": "Here I am."}));
    assert_eq!(event(&mut wire).await.unwrap().1, json!({"done": true}));
    let questions = app.stand_ins.rows("chat_history");
    let questions = questions.iter().filter(|row| row["role"] == "user");
    assert_eq!(questions.count(), 1, "a finished step is not repeated");
}

#[tokio::test]
async fn an_answer_that_a_crash_cut_off_ends_with_an_error() {
    let Some((mut app, mut model)) = with_model().await else { return };
    let mut wire = app.wire(&question(&app)).await;
    let run = wire.header("pathway-run").unwrap().to_owned();
    let mut answer = model.asked().await;
    answer.say("one ").await;
    let (seen, _) = event(&mut wire).await.unwrap();
    app.crash().await;
    assert!(wire.try_chunk().await.is_err(), "the connection breaks");
    app.start().await;
    // What was heard is not said again, and not gone on with by another answer.
    let ask = Ask::get(&format!("/api/runs/{run}/events")).bearer(&app.token());
    let mut wire = app.wire(&ask.header("last-event-id", &seen)).await;
    let (_, told) = event(&mut wire).await.unwrap();
    assert!(told["error"].is_string(), "{told}");
    assert_eq!(event(&mut wire).await, None);
}

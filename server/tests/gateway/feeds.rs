//! Feeds.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pathway_server::bus::{Bus, EmbeddedBus, NewRecord};
use pathway_server::gateway::Limits;
use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::event_source::{EventSource, Message};
use crate::feed_bus::TwoPartitions;
use crate::login::{self, VERIFIED, login_for};
use crate::world::{Runner, UNVERIFIED, World, send, token};

const MINE: &str = r#"
feed: mine
topic: orders
get: /mine
query: { type: object, properties: { user: { type: string, minLength: 2 } }, additionalProperties: false }
require: not query.user or query.user == auth.sub
key: record.value.user
for: auth.sub
data: { item: "{{ record.value.item }}" }
"#;

const PLAIN: &str = r#"
feed: plain
topic: orders
get: /plain
auth: none
key: record.key
for: query.key
until: record.value.last
"#;

/// How many events a feed keeps.
const KEPT: usize = 16_384;

async fn start(feeds: &[&str]) -> World {
    World::start(feeds, Runner::Absent).await
}

impl World {
    async fn publish_all(&self, records: Vec<NewRecord>) {
        EmbeddedBus::new(self.store.clone()).publish(records).await.unwrap();
    }

    async fn order(&self, user: &str, item: impl Into<Json>) {
        self.publish_all(vec![order(user, item)]).await;
    }

    fn mine(&self, user: &str) -> RequestBuilder {
        self.mine_of(user, "")
    }

    fn mine_of(&self, user: &str, query: &str) -> RequestBuilder {
        self.client.get(format!("{}/mine{query}", self.url)).bearer_auth(token(user))
    }

    fn skipped(&self, feed: &str) -> (u64, u64) {
        let counts = self.gateway.feed_counts(feed).unwrap();
        (counts.told, counts.skipped)
    }
}

fn record(key: Option<&str>, value: Option<&str>) -> NewRecord {
    NewRecord {
        topic: "orders".to_owned(),
        key: key.map(|key| key.as_bytes().to_vec()),
        value: value.map(|value| value.as_bytes().to_vec().into()),
        headers: Vec::new().into(),
        time: Timestamp::now().as_millisecond(),
    }
}

fn order(user: &str, item: impl Into<Json>) -> NewRecord {
    record(None, Some(&json!({ "user": user, "item": item.into() }).to_string()))
}

fn items(range: std::ops::Range<i64>) -> Vec<Json> {
    range.map(|n| json!({ "item": n })).collect()
}

#[tokio::test]
async fn each_reader_gets_what_is_for_it_and_nothing_else() {
    let world = start(&[MINE]).await;
    let mut ann = EventSource::open(world.mine_of("ann", "?user=ann")).await;
    let mut bob = EventSource::open(world.mine("bob")).await;
    let mut again = EventSource::open(world.mine("ann")).await;
    let users = ["ann", "bob", "eve"];
    let orders = (0..90).map(|n| order(users[usize::try_from(n).unwrap() % 3], n));
    world.publish_all(orders.collect()).await;
    let of = |first: i64| (0..30).map(|n| json!({ "item": first + 3 * n })).collect::<Vec<_>>();
    assert_eq!(ann.take(29).await, of(0)[..29]);
    assert_eq!(ann.next().await, Some(Message { id: "0:88".to_owned(), data: json!({ "item": 87 }) }));
    assert_eq!(again.take(30).await, of(0));
    assert_eq!(bob.take(30).await, of(1));
    world.order("bob", "end").await;
    world.order("ann", "end").await;
    assert_eq!(ann.next().await.unwrap().data, json!({ "item": "end" }));
    assert_eq!(bob.next().await.unwrap().data, json!({ "item": "end" }));
    assert_eq!(world.skipped("mine"), (92, 0));
}

#[tokio::test]
async fn who_may_not_read_is_told_so() {
    let world = start(&[MINE, PLAIN]).await;
    let anyone = |path: &str| world.client.get(format!("{}{path}", world.url));
    send(anyone("/mine")).await.problem(401);
    send(world.mine_of("ann", "?user=bob")).await.problem(403);
    let problem = send(world.mine_of("ann", "?user=x&more=y")).await.problem(400);
    let pointers: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(pointers, ["/more", "/user"]);
    send(world.mine_of("ann", "?user=ann&user=ann")).await.problem(400);
    // `for` is none.
    send(anyone("/plain")).await.problem(403);
    send(world.post("/mine", &json!({}))).await.problem(405);
    // What says who asks is nothing that the feed is asked for.
    drop(EventSource::open(world.mine_of("ann", "?access_token=x&ticket=y")).await);
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let world = start(&[MINE]).await;
    world.publish_all((0..10).map(|n| order("ann", n)).collect()).await;
    world.order("bob", 10).await;
    // All of it was read when this was told.
    let mut bob = EventSource::open_after(world.mine("bob"), "0:0").await;
    bob.next().await.unwrap();
    for (id, first) in [("0:0", 0), ("0:3", 3), (" 0:9 ", 9)] {
        let mut ann = EventSource::open_after(world.mine("ann"), id).await;
        assert_eq!(ann.take(10 - first).await, items(i64::try_from(first).unwrap()..10), "{id}");
    }
    // At the end: old ones are not told again, new ones are.
    let ids = [
        "0:10",
        "0:11",
        "0:12",
        "0:9999999999999999999",
        "9",
        "1:3",
        "0:3,1:0",
        "x",
        "",
        "0:3,0:4",
        "-1:3",
        "0:03",
        "1.5",
        "0:-1",
        "0:3;",
        "%00",
        "0:3 0:3",
    ];
    let mut readers = Vec::new();
    for id in ids {
        readers.push((id, EventSource::open_after(world.mine("ann"), id).await));
    }
    readers.push(("none", EventSource::open(world.mine("ann")).await));
    let odd = world.mine("ann").header("last-event-id", &b"0:3\xff"[..]);
    readers.push(("not UTF-8", EventSource::open(odd).await));
    world.order("ann", "new").await;
    for (id, reader) in &mut readers {
        assert_eq!(reader.next().await.unwrap().data, json!({ "item": "new" }), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_too_long_begins_at_the_oldest_kept() {
    let world = start(&[MINE]).await;
    let count = i64::try_from(KEPT).unwrap() + 100;
    let mut live = EventSource::open(world.mine("bob")).await;
    world.publish_all((0..count).map(|n| order("ann", n)).collect()).await;
    world.order("bob", "end").await;
    live.next().await.unwrap();
    // That one is kept too.
    let mut ann = EventSource::open_after(world.mine("ann"), "0:0").await;
    assert_eq!(ann.next().await.unwrap().data, json!({ "item": 101 }));
    assert_eq!(ann.comments, ["older events are kept no longer"]);
    let mut ann = EventSource::open_after(world.mine("ann"), "0:101").await;
    assert_eq!(ann.next().await.unwrap().data, json!({ "item": 101 }));
    assert!(ann.comments.is_empty());
}

#[tokio::test]
async fn what_is_for_nobody_is_counted() {
    let world = start(&[MINE, PLAIN]).await;
    let mut ann = EventSource::open(world.mine("ann")).await;
    let values = [
        None,
        Some(""),
        Some("{"),
        Some("null"),
        Some(r#"{"item":1}"#),
        Some(r#"{"user":null,"item":1}"#),
        Some(r#"{"user":["ann"],"item":1}"#),
        // Nothing can be said of it.
        Some(r#"{"user":"ann"}"#),
    ];
    world.publish_all(values.into_iter().map(|value| record(None, value)).collect()).await;
    let mut bytes = record(None, None);
    bytes.value = Some(b"{\"user\":\"ann\",\"item\":\"\xff\"}".to_vec().into());
    world.publish_all(vec![bytes]).await;
    world.order("ann", 1).await;
    assert_eq!(ann.next().await, Some(Message { id: "0:10".to_owned(), data: json!({ "item": 1 }) }));
    assert_eq!(world.skipped("mine"), (1, 9));
    assert_eq!(world.gateway.feed_counts("mine").unwrap().readers, 1);
    assert!(world.gateway.feed_counts("yours").is_none());
}

#[tokio::test]
async fn the_value_is_told_where_nothing_else_is_said() {
    let world = start(&[PLAIN]).await;
    let mut all = EventSource::open(world.get("/plain?key=7")).await;
    let values = [r#"{"z":1,"a":[1.0,"\n\u2028é"]}"#, "12", "null", r#""x""#];
    world.publish_all(values.iter().map(|value| record(Some("7"), Some(value))).collect()).await;
    let expected: Vec<Json> = values.iter().map(|value| serde_json::from_str(value).unwrap()).collect();
    assert_eq!(all.take(4).await, expected);
}

#[tokio::test]
async fn until_is_the_end_of_a_stream() {
    let world = start(&[PLAIN]).await;
    let mut one = EventSource::open(world.get("/plain?key=1")).await;
    let mut two = EventSource::open(world.get("/plain?key=2")).await;
    let last = Some(r#"{"last":true}"#);
    let records = [("1", Some("1")), ("1", last), ("1", Some("2")), ("2", Some("3"))];
    world.publish_all(records.map(|(key, value)| record(Some(key), value)).to_vec()).await;
    assert_eq!(one.rest().await, [json!(1), json!({ "last": true })]);
    assert_eq!(two.next().await.unwrap().data, 3);
    // There was more after it.
    let mut one = EventSource::open_after(world.get("/plain?key=1"), "0:2").await;
    assert_eq!(one.next().await.unwrap().data, 2);

    world.publish_all(vec![record(Some("2"), last)]).await;
    let end = two.next().await.unwrap();
    assert_eq!((end.id.as_str(), two.next().await), ("0:5", None));
    let request = |id: &str| world.get("/plain?key=2").header("last-event-id", id).send();
    assert_eq!(request("0:5").await.unwrap().status(), 204, "an EventSource is not to come again");
    assert_eq!(request("0:4").await.unwrap().status(), 200);
    assert_eq!(request("0:6").await.unwrap().status(), 200, "there was no such id");
}

#[tokio::test]
async fn over_a_restart_nothing_is_lost() {
    let mut world = start(&[MINE]).await;
    let mut ann = EventSource::open(world.mine("ann")).await;
    world.publish_all((0..3).map(|n| order("ann", n)).collect()).await;
    assert_eq!(ann.take(2).await, items(0..2));
    let seen = ann.next().await.unwrap().id;
    world.stop().await;
    assert_eq!(ann.rest().await, [] as [Json; 0]);
    assert_eq!(ann.comments, ["the server is stopping"]);

    world.publish_all((3..6).map(|n| order("ann", n)).collect()).await;
    let bus = world.parts.bus.clone();
    world.start_again(bus).await;
    let mut fresh = EventSource::open(world.mine("ann")).await;
    let mut ann = EventSource::open_after(world.mine("ann"), &seen).await;
    let mut first = EventSource::open_after(world.mine("ann"), "0:0").await;
    world.order("ann", 6).await;
    assert_eq!(ann.take(4).await, items(3..7));
    assert_eq!(first.take(7).await, items(0..7));
    assert_eq!(fresh.next().await.unwrap().data, json!({ "item": 6 }));
}

#[tokio::test]
async fn a_start_goes_back_as_far_as_the_replay() {
    let mut world = start(&[&format!("{MINE}replay: 10m\n")]).await;
    world.stop().await;
    let at = |minutes: i64| Timestamp::now().as_millisecond() - minutes * 60_000;
    let orders = [30, 11, 9, 1].map(|minutes| NewRecord { time: at(minutes), ..order("ann", minutes) });
    world.publish_all(orders.to_vec()).await;
    let bus = world.parts.bus.clone();
    world.start_again(bus).await;
    let mut ann = EventSource::open_after(world.mine("ann"), "0:0").await;
    assert_eq!(ann.next().await.unwrap(), Message { id: "0:3".to_owned(), data: json!({ "item": 9 }) });
    assert_eq!(ann.comments, ["older events are kept no longer"]);
    assert_eq!(ann.next().await.unwrap().data, json!({ "item": 1 }));
}

#[tokio::test]
async fn a_place_is_one_in_every_partition() {
    let bus = TwoPartitions::new();
    let mut world = start(&[MINE]).await;
    world.stop().await;
    world.start_again(Arc::new(bus.clone())).await;
    let put = |partition: usize, item: i64| bus.put(partition, &json!({ "user": "ann", "item": item }));
    let mut ann = EventSource::open(world.mine("ann")).await;
    let mut ids = Vec::new();
    for (partition, item) in [(0, 0), (1, 1), (1, 2), (0, 3)] {
        put(partition, item);
        ids.push(ann.next().await.unwrap().id);
    }
    assert_eq!(ids, ["0:1,1:0", "0:1,1:1", "0:1,1:2", "0:2,1:2"]);

    // Now the other partition is read first.
    world.stop().await;
    bus.read_first(1);
    world.start_again(Arc::new(bus.clone())).await;
    for (id, expected) in
        [("0:1,1:0", vec![1, 2, 3]), ("0:1,1:1", vec![2, 3]), ("0:1,1:2", vec![3]), ("0:0", vec![1, 2, 0, 3])]
    {
        let mut ann = EventSource::open_after(world.mine("ann"), id).await;
        let expected: Vec<_> = expected.into_iter().map(|item| json!({ "item": item })).collect();
        assert_eq!(ann.take(expected.len()).await, expected, "{id}");
    }
    let mut end = EventSource::open_after(world.mine("ann"), "0:2,1:2").await;
    let mut foreign = EventSource::open_after(world.mine("ann"), "0:0,2:0").await;
    put(0, 4);
    assert_eq!(end.next().await.unwrap().data, json!({ "item": 4 }));
    assert_eq!(foreign.next().await.unwrap().data, json!({ "item": 4 }));
}

#[tokio::test]
async fn a_bus_that_is_away_is_waited_for() {
    let bus = TwoPartitions::new();
    let mut world = start(&[MINE]).await;
    world.stop().await;
    bus.set_away(true);
    world.start_again(Arc::new(bus.clone())).await;
    // It is served all the same; the stream begins when the bus is there.
    let mut ann = EventSource::open_after(world.mine("ann"), "0:0,1:0").await;
    bus.set_away(false);
    bus.put(0, &json!({ "user": "ann", "item": 0 }));
    assert_eq!(ann.take(1).await, items(0..1));

    let mut refused = bus.refused.subscribe();
    let before = *refused.borrow();
    bus.set_away(true);
    bus.put(0, &json!({ "user": "ann", "item": 1 }));
    refused.wait_for(|count| *count > before).await.unwrap();
    bus.set_away(false);
    bus.put(0, &json!({ "user": "ann", "item": 2 }));
    assert_eq!(ann.take(2).await, items(1..3));
}

#[tokio::test]
async fn a_quiet_stream_is_kept_open_and_ends_with_the_server() {
    let limits = Limits { keep_alive: Duration::from_millis(5), ..Limits::default() };
    let mut world = World::start_with(UNVERIFIED, &[MINE], Runner::Absent, limits).await;
    let mut response = world.mine("ann").send().await.unwrap();
    for expected in [": open\n\n", ": \n\n", ": \n\n", ": \n\n"] {
        assert_eq!(response.chunk().await.unwrap().unwrap(), expected);
    }
    world.stop().await;
    let rest = response.text().await.unwrap();
    assert!(rest.ends_with(": the server is stopping\n\n"), "{rest}");
    assert_eq!(world.gateway.feed_counts("mine").unwrap().readers, 0);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let (world, _) = login::start(VERIFIED, &[MINE], Runner::Absent).await;
    let mine = |query: &str| world.client.get(format!("{}/mine{query}", world.url));
    let short = login_for("ann", 2);
    // An `EventSource` cannot set headers.
    let mut ann = EventSource::open(mine(&format!("?user=ann&access_token={short}"))).await;
    let mut again = EventSource::open(mine("").bearer_auth(short)).await;
    let mut long = EventSource::open(mine("").bearer_auth(login_for("ann", 60))).await;
    world.order("ann", 1).await;
    for reader in [&mut ann, &mut again] {
        assert_eq!(reader.rest().await, items(1..2));
        assert_eq!(reader.comments, ["the token has expired", "reauth"]);
    }
    world.order("ann", 2).await;
    assert_eq!(long.take(2).await, items(1..3));
}

/// One that takes a byte now and then while there is more for it than fits into any buffer, one
/// who reads the same, and 500 others.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_nobody_up() {
    const OTHERS: usize = 500;
    const ROUNDS: i64 = 60;
    let world = start(&[MINE]).await;
    let mut slow = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("GET /mine HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token("slow"));
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut text = vec![slow.read_u8().await.unwrap()];
    let mut quick = EventSource::open(world.mine("slow")).await;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(EventSource::open(world.mine("ann")).await);
    }
    assert_eq!(world.gateway.feed_counts("mine").unwrap().readers, OTHERS + 2);

    let big = "x".repeat(150_000);
    for n in 0..ROUNDS {
        world.publish_all(vec![order("slow", json!([n, big])), order("ann", n)]).await;
        assert_eq!(quick.next().await.unwrap().data["item"][0], n);
        text.push(slow.read_u8().await.unwrap());
        assert_eq!(others[0].next().await.unwrap().data, json!({ "item": n }));
    }
    for other in &mut others[1..] {
        assert_eq!(other.take(usize::try_from(ROUNDS).unwrap()).await, items(0..ROUNDS));
    }

    // What it did not take yet is kept.
    world.order("slow", "end").await;
    while !text.ends_with(b"\"end\"}\n\n\r\n") {
        assert_ne!(slow.read_buf(&mut text).await.unwrap(), 0, "the stream broke off");
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("data: {\"item\":[").count(), usize::try_from(ROUNDS).unwrap());
    assert!(!text.contains("kept no longer"));
}

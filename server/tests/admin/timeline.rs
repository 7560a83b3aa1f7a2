//! When the steps of a run were at work, as its journal tells it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{DEADLINE, World};

const PROJECT: &str = concat!(
    "  away: { url: \"http://127.0.0.1:9\", retry: { attempts: 3, delay: 1ms } }\n",
    "max_parallel: 1\n",
);

/// `first` and `second` are asked for together; there is a place for one.
const PATHWAY: &str = concat!(
    "pathway: p\n",
    "on: { topic: t }\n",
    "steps:\n",
    "  first: { http: { service: api, get: /slow } }\n",
    "  second: { http: { service: api, get: /slow } }\n",
    "  none: { when: \"false\", set: 1 }\n",
    "  block: { needs: [first, second], steps: { away: { http: { service: away, get: / }, on_error: continue } } }\n",
);

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn attempts_are_apart_and_so_is_what_they_waited() {
    let world = World::start_in(PROJECT, PATHWAY).await;
    world.publish("t", "{}").await;
    world.called().await;
    let run = world.one("ready").await;
    // The other one stands in line until then.
    let waiting = async {
        while world.get("/limits").await["limits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|limit| limit["waiting"] == 0)
        {}
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("in time");
    let early = world.get(&format!("/runs/{run}/timeline")).await;
    let open = early["rows"].as_array().unwrap().iter().filter(|row| row["bars"][0]["to"].is_null());
    assert_eq!(open.filter(|row| !row["bars"].as_array().unwrap().is_empty()).count(), 2, "{early}");

    world.upstream.go.notify_one();
    world.called().await;
    world.upstream.go.notify_one();
    world.until("succeeded", 1).await;
    let told = world.get(&format!("/runs/{run}/timeline")).await;
    assert_eq!((&told["id"], &told["pathway"]), (&json!(run), &json!("p")));
    let rows = told["rows"].as_array().unwrap();
    let bars =
        |path: &str| rows.iter().find(|row| row["path"] == path).unwrap()["bars"].as_array().unwrap().clone();
    assert_eq!(bars("none"), Vec::<Value>::new(), "it was skipped");
    let away = bars("block.away");
    let results: Vec<_> = away.iter().map(|bar| bar["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["outage", "outage", "outage"], "each attempt");
    assert_eq!(bars("block").len(), 1);
    let (whole_from, whole_to) = (time(&told["from"]), time(&told["to"]));
    for row in rows {
        let mut last = whole_from;
        for bar in row["bars"].as_array().unwrap() {
            let (from, to) = (time(&bar["from"]), time(&bar["to"]));
            // The store tells when it was admitted by the millisecond.
            assert!(last <= from && from <= to && to <= whole_to, "{row}");
            last = to;
        }
    }
    let waited = |path: &str| {
        let bar = &bars(path)[0];
        let whole = time(&bar["to"]).duration_since(time(&bar["from"])).as_millis();
        whole - i128::from(bar["took"].as_u64().unwrap())
    };
    let (least, most) = (waited("first").min(waited("second")), waited("first").max(waited("second")));
    assert!(least < most, "the one waited while the other ran: {least} {most}");
    world.app.stop().await;
}

/// Both loops come to their third iteration; the one fails there.
const LOOPS: &str = concat!(
    "pathway: p\n",
    "on: { topic: t }\n",
    "steps:\n",
    "  pause: { while: last.n < 3, limit: 9, steps: { it: { wait: { for: 1ms } } }, return: { n: \"{{ (last.n if last else 0) + 1 }}\" } }\n",
    "  list:\n",
    "    each: \"[1, 2]\"\n",
    "    while: last.n < 3\n",
    "    limit: 9\n",
    "    on_error: continue\n",
    "    steps:\n",
    "      it: { wait: { for: 1ms } }\n",
    "      no: { needs: it, when: last.n == 2, fail: { message: no } }\n",
    "    return: { n: \"{{ (last.n if last else 0) + 1 }}\" }\n",
);

#[tokio::test]
async fn iterations_are_over_when_the_next_begins_or_their_step_is() {
    let world = World::start_in("", LOOPS).await;
    world.publish("t", "{}").await;
    world.until("succeeded", 1).await;
    let run = world.one("succeeded").await;
    let told = world.get(&format!("/runs/{run}/timeline")).await;
    let rows = told["rows"].as_array().unwrap();
    let result = |path: &str| {
        let row = rows.iter().find(|row| row["path"] == path).unwrap_or_else(|| panic!("{path} in {told}"));
        row["bars"][0]["result"].as_str().unwrap().to_owned()
    };
    for path in ["pause", "pause~2", "pause~3", "list[0]~2", "list[1]~2"] {
        assert_eq!(result(path), "ok", "{path}");
    }
    for path in ["list[0]~3", "list[1]~3"] {
        assert_ne!(result(path), "ok", "{path}");
    }
    let is_over = |bar: &Value| !bar["to"].is_null();
    assert!(rows.iter().all(|row| row["bars"].as_array().unwrap().iter().all(is_over)), "{told}");
    let (second, third) = (&rows.iter().find(|row| row["path"] == "pause~2").unwrap()["bars"][0], "pause~3");
    let third = &rows.iter().find(|row| row["path"] == third).unwrap()["bars"][0];
    assert_eq!(second["to"], third["from"]);
    world.app.stop().await;
}

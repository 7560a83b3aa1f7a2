//! What is shown of looks, on terminals of all sizes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::picture::{Size, picture};
use super::seen::Seen;
use crate::cli::run::{Style, bare};
use crate::cli::{Exit, Failure};
use crate::operations::Overview;

const PLAIN: Style = Style { color: false };

fn at(seconds: i64) -> Timestamp {
    "2024-05-20T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// Runs that took up to a millisecond, ten, a hundred, and longer.
fn took(counts: [u64; 4]) -> Json {
    let bounds = [Some(0.001), Some(0.01), Some(0.1), None];
    let buckets: Vec<Json> =
        bounds.iter().zip(counts).map(|(up_to, count)| json!({ "up_to": up_to, "count": count })).collect();
    json!({ "count": counts.iter().sum::<u64>(), "sum": 1.0, "buckets": buckets })
}

fn pathway(name: &str, counts: [u64; 5], (running, queued): (usize, usize), of: [u64; 4]) -> Json {
    let [started, succeeded, failed, cancelled, parked] = counts;
    json!({
        "name": name, "started": started, "succeeded": succeeded, "failed": failed, "cancelled": cancelled,
        "parked": parked, "running": running, "queued": queued, "took": took(of),
    })
}

fn limit(name: &str, permits: Option<usize>, in_use: usize, waiting: usize, source: &str) -> Json {
    json!({
        "name": name, "permits": permits, "source": source, "configured": permits, "in_use": in_use,
        "set_aside": 0, "waiting": waiting, "holders": [],
    })
}

/// Of a server at work, so many seconds after noon.
fn work(seconds: i64, pathways: &[Json]) -> Overview {
    let run = |n: i64, doing: &str| {
        json!({
            "id": format!("0190b0c0-0000-7000-8000-{n:012}"), "pathway": "order", "status": "ready",
            "doing": doing, "created_at": at(-n),
        })
    };
    let mut per_key = limit("pathway/order/per", Some(2), 4, 7, "project");
    per_key["keys"] = json!(3);
    per_key["busiest"] = json!([{ "key": "ada", "in_use": 2, "waiting": 7 }]);
    let overview = json!({
        "version": "0.1.0", "role": "serve", "since": at(-7500), "now": at(seconds),
        "runs": { "active": 3, "asleep": 12, "ready": 1015, "parked": 2 },
        "pathways": pathways,
        "limits": { "revision": 1, "limits": [
            limit("pathway/order", None, 3, 0, "project"),
            per_key,
            limit("pathway/report", None, 0, 0, "project"),
            limit("server", Some(64), 3, 0, "project"),
            limit("service/model", Some(2), 2, 1000, "operator"),
            limit("steps", Some(256), 2, 0, "project"),
        ] },
        "circuits": [
            { "name": "mail", "state": "open", "failures": 5, "half_opens_at": at(seconds + 12) },
            { "name": "model", "state": "closed", "failures": 1 },
        ],
        "lags": [
            { "topic": "pathway.order", "partition": 0, "records": 40 },
            { "topic": "pathway.order", "partition": 1, "records": 2 },
            { "topic": "pathway.report", "partition": 0, "records": 0 },
        ],
        "outbox_age": 1.5, "inbox": 4,
        "longest": [run(95, "running"), run(3, "queued"), run(400_000, "waiting")],
    });
    serde_json::from_value(overview).unwrap()
}

/// A look, and one two seconds later.
fn twice() -> Seen {
    let before = [
        pathway("order", [100, 90, 4, 1, 2], (3, 900), [50, 40, 0, 7]),
        pathway("report", [1, 1, 0, 0, 0], (0, 0), [0, 0, 1, 0]),
    ];
    let after = [
        pathway("order", [124, 110, 5, 1, 2], (3, 1000), [60, 48, 3, 7]),
        pathway("report", [1, 1, 0, 0, 0], (0, 0), [0, 0, 1, 0]),
    ];
    let begun = Instant::now();
    let mut seen = Seen::new("http://127.0.0.1:8001".to_owned(), work(0, &before), begun);
    seen.see(seen.url.clone(), work(2, &after), begun + Duration::from_secs(2));
    seen
}

fn shown(seen: &Seen, size: Size) -> String {
    picture(seen, at(7), size, PLAIN).join("\n")
}

#[tokio::test]
async fn in_eighty_columns_there_is_all_of_it() {
    insta::assert_snapshot!(shown(&twice(), (80, None)));
}

#[tokio::test]
async fn in_forty_columns_what_matters_least_is_left_out() {
    insta::assert_snapshot!(shown(&twice(), (40, Some(24))));
}

#[tokio::test]
async fn of_many_pathways_those_are_shown_of_which_something_happens() {
    let pathways: Vec<Json> = (0..60)
        .map(|n| {
            let count = if n % 20 == 7 { n } else { 0 };
            pathway(&format!("p{n:02}"), [count, count, 0, 0, 0], (0, 0), [count, 0, 0, 0])
        })
        .collect();
    let seen = Seen::new("http://127.0.0.1:8001".to_owned(), work(0, &pathways), Instant::now());
    insta::assert_snapshot!(shown(&seen, (80, Some(24))));
}

#[tokio::test]
async fn a_server_that_is_away_is_told_of_with_the_time() {
    let mut seen = twice();
    let failure = Failure::new(Exit::Temporary, "the server did not answer: connection refused");
    seen.miss(&failure, at(3));
    seen.miss(&failure, at(5));
    let lines = picture(&seen, at(7), (80, Some(24)), PLAIN);
    assert_eq!(lines[1], "AWAY since 12:00:03Z, 4.0 s: the server did not answer: connection refused; ask…");
    seen.see(seen.url.clone(), work(8, &[]), Instant::now());
    assert!(!shown(&seen, (80, None)).contains("AWAY"));
}

#[tokio::test]
async fn a_limit_for_each_key_is_as_full_as_its_fullest() {
    let mut keyed = limit("pathway/order/per", Some(4), 5, 0, "project");
    keyed["keys"] = json!(3);
    keyed["busiest"] = json!([{ "key": "ann", "in_use": 2, "waiting": 0 }]);
    let mut overview = work(0, &[]);
    overview.limits.limits = vec![serde_json::from_value(keyed).unwrap()];
    let shown = shown(&Seen::new("http://h".to_owned(), overview, Instant::now()), (80, None));
    let line = shown.lines().find(|line| line.contains("pathway/order/per")).unwrap();
    assert!(line.ends_with(" 2 of 4 per key, 3 keys"), "{line}");
    assert!(line.matches('█').count().abs_diff(line.matches('░').count()) <= 1, "{line}");
}

#[tokio::test]
async fn a_server_that_began_anew_counts_anew() {
    let mut seen = twice();
    let mut anew = work(4, &[pathway("order", [1, 1, 0, 0, 0], (0, 0), [1, 0, 0, 0])]);
    anew.since = at(3);
    seen.see(seen.url.clone(), anew, Instant::now());
    assert!((seen.rates()[0].started - 1.0).abs() < 1e-9, "{:?}", seen.rates());
    assert!(shown(&seen, (80, None)).contains("since it began"));
}

proptest! {
    /// Whatever names there are and however small it is: nothing is outside, and nothing is obeyed.
    #[test]
    fn no_line_is_longer_and_no_more_are_there_than_fit(
        names in proptest::collection::vec("\\PC{0,50}|[\u{1b}\u{7}\n\u{202e}a]{1,5}", 0..12),
        width in 1_usize..160, height in proptest::option::of(1_usize..50), color in any::<bool>(),
    ) {
        let pathways: Vec<Json> =
            names.iter().map(|name| pathway(name, [9, 5, 1, 1, 1], (1, 1), [1, 2, 3, 4])).collect();
        let mut overview = work(0, &pathways);
        for (n, name) in names.iter().enumerate() {
            overview.limits.limits.push(serde_json::from_value(limit(name, Some(n), n, n, "operator")).unwrap());
            overview.circuits[0].name.clone_from(name);
            overview.lags[0].topic.clone_from(name);
            overview.longest[0].pathway.clone_from(name);
            overview.longest[1].id.clone_from(name);
            overview.role.clone_from(name);
        }
        let seen = Seen::new("http://h".to_owned(), overview, Instant::now());
        let lines = picture(&seen, at(1), (width, height), PLAIN);
        prop_assert!(height.is_none_or(|height| lines.len() <= height));
        for line in &lines {
            prop_assert!(line.chars().count() <= width, "{}: {}", width, line);
            prop_assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{:?}", line);
        }
        let colored = picture(&seen, at(1), (width, height), Style { color });
        prop_assert_eq!(colored.len(), lines.len());
        for (colored, plain) in colored.iter().zip(&lines) {
            let bare = bare(colored);
            prop_assert_eq!(bare.trim_end(), plain.as_str(), "colours change nothing else");
        }
    }
}

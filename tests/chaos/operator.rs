//! Whoever looks after what is parked: parcels of which nobody knows whether they were carried, since
//! their call was cut off. An operator finds out, and lets them go on.

use std::time::Duration;

use pathway_tests::soon;
use serde_json::json;

use crate::shop::Shop;
use crate::upstream::{Call, LONGEST};

/// Before an operator looks again.
const AGAIN: Duration = Duration::from_millis(200);

/// Lets all go on that is parked, until nothing is; how often, since the group may move work from one
/// process to another meanwhile.
pub(crate) async fn redrive_all(shop: &Shop) -> usize {
    let mut times = 0;
    loop {
        let from = shop.upstream.calls().len();
        let redriven = shop.operate(&["dlq", "redrive", "--all", "--json"]).await;
        assert_eq!(redriven["skipped"], json!([]));
        let runs = redriven["runs"].as_array().unwrap();
        if runs.is_empty() {
            return times;
        }
        times += 1;
        let begun = |calls: &[Call]| {
            calls.iter().skip(from).filter(|call| call.step == LONGEST).count() >= runs.len()
        };
        soon("what was redriven to be carried", shop.upstream.until(begun)).await;
        for run in runs {
            soon("what was redriven to end", ended(shop, run.as_str().unwrap())).await;
        }
    }
}

async fn ended(shop: &Shop, run: &str) {
    while shop.operate(&["runs", "show", run, "--json"]).await["status"] == "ready" {
        tokio::time::sleep(AGAIN).await;
    }
}

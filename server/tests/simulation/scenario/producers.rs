//! Records from outside.

use std::time::Duration;

use pathway_server::bus::NewRecord;
use tokio::time::sleep;

use crate::happening::{Fault, Operation};
use crate::network::POISON;
use crate::process::Outside;
use crate::swarm::Setting;
use crate::workload::FED;

/// Between two records at most.
const PAUSE: u64 = 3_000;

/// Publishes what the seed chose.
pub(crate) async fn produce(outside: &Outside) {
    let world = &outside.world;
    let swarm = &world.swarm;
    for n in 0..swarm.records {
        sleep(Duration::from_millis(world.draw("records", |random| random.range(0..PAUSE)))).await;
        let topic =
            world.draw("records", |random| FED[swarm.pathways[random.below(swarm.pathways.len())]].topic);
        let customer = format!("c{}", world.draw("records", |random| random.below(swarm.keys)));
        let chance = world.draw("records", |random| random.below(100));
        let what = if chance < 8 { POISON } else { "" };
        let id = if chance > 92 && n > 0 { n - 1 } else { n };
        let value = match chance {
            20..23 => "{ nonsense".to_owned(),
            _ => format!(r#"{{"id": "o{id}", "customer": "{customer}", "what": "{what}"}}"#),
        };
        world.did(match chance {
            20..23 => Operation::PublishNonsense,
            93.. => Operation::PublishAgain,
            _ => Operation::Publish,
        });
        let record = NewRecord {
            topic: topic.to_owned(),
            key: Some(customer.into_bytes()),
            value: Some(value.into_bytes().into()),
            headers: Vec::new().into(),
            time: world.now().as_millisecond(),
        };
        put(outside, record.clone());
        if world.strikes(Fault::SentTwice, "out") {
            put(outside, record);
        }
    }
}

fn put(outside: &Outside, record: NewRecord) {
    match outside.world.swarm.setting {
        Setting::Embedded => drop(outside.database.publish("out", &[record])),
        Setting::Alone | Setting::Shared => drop(outside.broker.take("out", &record)),
    }
}

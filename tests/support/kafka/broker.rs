//! One broker as a child: KRaft, one node, its data in a folder that goes with it.

use std::path::Path;
use std::process::Command;

use crate::leash::{self, Leash};
use crate::port;

/// Other ports are tried when somebody else was faster.
const ATTEMPTS: usize = 5;
/// What it says when it answers.
const READY: &str = "Kafka Server started";

/// A broker that runs, or has been stopped and can run again.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) port: u16,
    leash: Leash,
}

impl Broker {
    /// Starts a new one.
    pub(super) fn start(jars: &Path) -> Result<Self, String> {
        let mut why = "no port is free".to_owned();
        for _ in 0..ATTEMPTS {
            let Some((port, controller)) = port::two() else { break };
            let folder =
                leash::folder("broker").map_err(|error| format!("no folder for a broker: {error}"))?;
            let mut broker = Self::prepare(jars, &folder, port, controller).inspect_err(|_| {
                std::fs::remove_dir_all(&folder).ok();
            })?;
            match broker.run() {
                Ok(()) => return Ok(broker),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn prepare(jars: &Path, folder: &Path, port: u16, controller: u16) -> Result<Self, String> {
        let settings = folder.join("server.properties");
        std::fs::write(&settings, properties(folder, port, controller)).map_err(|error| error.to_string())?;
        let formatted = java(jars)
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config"])
            .arg(&settings)
            .output()
            .map_err(|error| format!("java does not start: {error}"))?;
        if !formatted.status.success() {
            return Err(format!("no storage: {}", String::from_utf8_lossy(&formatted.stderr)));
        }
        let mut program = java(jars);
        program.arg("kafka.Kafka").arg(&settings);
        Ok(Self { port, leash: Leash::put(folder, "KILL", &program, READY)? })
    }

    /// Starts it, for the first time or again with its data.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.leash.start(self.port)
    }

    /// Ends it by a signal; ready when it has ended.
    pub(super) fn end(&mut self, signal: &str) -> Result<(), String> {
        self.leash.end(signal)
    }
}

/// Any 16 bytes.
const CLUSTER: &str = "AAAAAAAAQAKAAAAAAAAAAQ";

fn java(jars: &Path) -> Command {
    let mut command = Command::new("java");
    command
        // A short life on a busy machine: what starts fast is better than what runs fast.
        .args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info")
        .arg("-cp")
        .arg(jars.join("*"));
    command
}

fn properties(folder: &Path, port: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
# A broker that comes back is let in when its former self is given up.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes=20000000
replica.fetch.max.bytes=20000000
",
        data = folder.join("data").display()
    )
}

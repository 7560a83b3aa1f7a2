//! One broker as a child: KRaft, one node, its data in a folder that goes with it.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::port;
use crate::PATIENCE;

/// Lines of its log that are kept, to be shown where it fails.
const MEMORY: usize = 60;
/// Other ports are tried when somebody else was faster.
const ATTEMPTS: usize = 5;
/// What it says when it answers.
const READY: &str = "Kafka Server started";
const LEASH: &str = include_str!("leash.sh");

/// A broker that runs, or has been stopped and can run again.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) port: u16,
    leash: Child,
    commands: Option<ChildStdin>,
    said: Receiver<Said>,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// What is heard of it.
#[derive(Debug, PartialEq)]
enum Said {
    Started(u32),
    Ready,
    Ended,
}

impl Broker {
    /// Starts a new one.
    pub(super) fn start(jars: &Path) -> Result<Self, String> {
        let mut why = "no port is free".to_owned();
        for _ in 0..ATTEMPTS {
            let Some((port, controller)) = port::two() else { break };
            let folder = folder().map_err(|error| format!("no folder for a broker: {error}"))?;
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
        let leash = folder.join("leash.sh");
        std::fs::write(&settings, properties(folder, port, controller))
            .and_then(|()| std::fs::write(&leash, LEASH))
            .map_err(|error| error.to_string())?;
        let formatted = java(Command::new("java"), jars)
            .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config"])
            .arg(&settings)
            .output()
            .map_err(|error| format!("java does not start: {error}"))?;
        if !formatted.status.success() {
            return Err(format!("no storage: {}", String::from_utf8_lossy(&formatted.stderr)));
        }
        let mut command = Command::new("sh");
        command.arg(&leash).arg(folder).arg("java");
        let mut leash = java(command, jars)
            .arg("kafka.Kafka")
            .arg(&settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("sh does not start: {error}"))?;
        let (Some(output), commands) = (leash.stdout.take(), leash.stdin.take()) else {
            return Err("the leash has no output".to_owned());
        };
        let (sender, said) = channel();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let lines = BufReader::new(output).lines();
        let kept = log.clone();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| hear(line, &sender, &kept)));
        Ok(Self { port, leash, commands, said, log })
    }

    /// Starts it, for the first time or again with its data.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.command("start");
        let mut process = None;
        loop {
            match self.hear() {
                Some(Said::Started(id)) => process = Some(id),
                Some(Said::Ready) if process.is_some_and(|id| port::is_of(id, self.port)) => return Ok(()),
                Some(Said::Ready) => return Err("another process has its port".to_owned()),
                Some(Said::Ended) => return Err(format!("it ended while it started:\n{}", self.log())),
                None => return Err(format!("it does not start:\n{}", self.log())),
            }
        }
    }

    /// Ends it by a signal; ready when it has ended.
    pub(super) fn end(&mut self, signal: &str) -> Result<(), String> {
        self.command(signal);
        loop {
            match self.hear() {
                Some(Said::Ended) => return Ok(()),
                Some(_) => {}
                None => return Err(format!("it does not end:\n{}", self.log())),
            }
        }
    }

    fn command(&mut self, command: &str) {
        if let Some(commands) = &mut self.commands {
            // Where the leash is gone, nothing is heard of it either.
            writeln!(commands, "{command}").and_then(|()| commands.flush()).ok();
        }
    }

    fn hear(&self) -> Option<Said> {
        self.said.recv_timeout(PATIENCE).ok()
    }

    fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The leash kills it and tidies up when this closes.
        drop(self.commands.take());
        self.leash.wait().ok();
    }
}

fn hear(line: String, sender: &Sender<Said>, log: &Mutex<VecDeque<String>>) {
    let said = match line.strip_prefix("leash: ") {
        Some("ended") => Some(Said::Ended),
        Some(started) => started.strip_prefix("started ").and_then(|id| id.parse().ok()).map(Said::Started),
        None => line.ends_with(READY).then_some(Said::Ready),
    };
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == MEMORY {
        log.pop_front();
    }
    log.push_back(line);
    if let Some(said) = said {
        // Nobody listens any more: the broker is being dropped.
        sender.send(said).ok();
    }
}

/// Any 16 bytes.
const CLUSTER: &str = "AAAAAAAAQAKAAAAAAAAAAQ";

fn java(mut command: Command, jars: &Path) -> Command {
    command
        // A short life on a busy machine: what starts fast is better than what runs fast.
        .args(["-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info")
        .arg("-cp")
        .arg(jars.join("*"));
    command
}

fn folder() -> std::io::Result<PathBuf> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("pathway-broker-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    // One that was left behind by an earlier process of that id is nobody's.
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir(&folder)?;
    Ok(folder)
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

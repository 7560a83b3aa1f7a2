//! Who takes records from one topic, through three steps, to another: a server of ours, or the peer.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::cluster::Cluster;
use crate::pathway;
use crate::process::Process;
use crate::project::Project;
use crate::server::{Server, Target};

/// The pipeline of Redpanda Connect, which does what the pathway does.
const PEER: &str = include_str!("../../peers/redpanda-connect.yaml");
/// After the three steps.
const PUBLISH: &str = r#"
  sent:
    publish:
      topic: OUTPUT
      key: input.merchant
      value: { id: "{{ input.id }}", over: "{{ steps.alert.over }}", line: "{{ steps.alert.line }}" }
return:"#;

/// Whether runs have a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    /// None
    None,
    /// One
    Journal,
}

/// A process that works. Dropping it ends it.
#[derive(Debug)]
pub(crate) enum Worker {
    Ours { server: Server, _project: Project },
    Peer { child: Child, _folder: TempDir },
}

impl Worker {
    /// A server of ours on a project of its own, with a group of its own.
    pub(crate) fn ours(
        target: &Target,
        cluster: &Cluster,
        durability: Durability,
        (input, output): (&str, &str),
    ) -> Result<Self, String> {
        let project = Project::new(&settings(cluster, output), &pathway(durability, input, output))?;
        Ok(Self::Ours { server: target.start_with(Some(&project.file()), &[])?, _project: project })
    }

    /// The peer.
    pub(crate) fn peer(
        program: Option<&Path>,
        cluster: &Cluster,
        (input, output): (&str, &str),
    ) -> Result<Self, String> {
        let program = program.ok_or("no program of the peer")?;
        let folder = tempfile::tempdir().map_err(text)?;
        let file = folder.path().join("pipeline.yaml");
        std::fs::write(&file, PEER).map_err(text)?;
        let child = Command::new(program)
            .arg("run")
            .arg(&file)
            .env("BROKERS", &cluster.servers)
            .env("INPUT_TOPIC", input)
            .env("OUTPUT_TOPIC", output)
            .env("GROUP", output)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("`{}` was not started: {error}", program.display()))?;
        Ok(Self::Peer { child, _folder: folder })
    }

    /// The process that works.
    pub(crate) fn process(&self) -> Process {
        match self {
            Self::Ours { server, .. } => server.process(),
            Self::Peer { child, .. } => Process(child.id()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            // One that has ended already is ended.
            let _ended = child.kill();
            let _waited = child.wait();
        }
    }
}

/// What a project says of the brokers. What it logs is what the peer logs.
pub(crate) fn settings(cluster: &Cluster, group: &str) -> String {
    format!(
        "bus: {{ kafka: {{ servers: \"{}\", group: {group} }} }}\nlog: {{ level: warn }}\n",
        cluster.servers
    )
}

fn pathway(durability: Durability, input: &str, output: &str) -> String {
    let durability = match durability {
        Durability::None => "durability: none\n",
        Durability::Journal => "",
    };
    pathway::THREE.replacen("steps:", &format!("{durability}on: {{ topic: {input} }}\nsteps:"), 1).replacen(
        "\nreturn:",
        &PUBLISH.replacen("OUTPUT", output, 1),
        1,
    )
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! `pathway topics`

mod named;
mod shown;
mod state;

use pathway_engine::compile::Program;
use pathway_engine::project::Bus;

use self::named::named;
use self::state::State;
use super::terminal::counted;
use super::{Exit, Failure, Outcome, Session};
use crate::bus::{BusError, KafkaTopics};
use crate::config::Config;

/// Lists the topics of the project, and makes those that are missing in Kafka
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Topics {
    #[command(subcommand)]
    command: Option<Command>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Lists the topics that pathways name, who reads and writes them, and where they stand
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists how far the work on each partition lags behind
    Lag {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes the topics that are missing in Kafka, those of replies and dead letters among them
    Create {
        /// Partitions of each [default: the broker's]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// Copies of each partition [default: the broker's]
        #[arg(long, value_name = "R", value_parser = clap::value_parser!(i32).range(1..))]
        replication: Option<i32>,
        /// Only tells what would be made; the broker is asked whether it would
        #[arg(long)]
        dry_run: bool,
    },
}

impl Topics {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        let (config, program) = session.compile()?;
        session.log_little(&config)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        runtime.block_on(async {
            match &self.command {
                None => list(session, &config, &program, self.json).await,
                Some(Command::List { json }) => list(session, &config, &program, *json).await,
                Some(Command::Lag { json }) => lag(session, &config, &program, *json).await,
                Some(Command::Create { partitions, replication, dry_run }) => {
                    create(session, &config, &program, (*partitions, *replication), *dry_run).await
                }
            }
        })
    }
}

async fn list(session: &Session, config: &Config, program: &Program, json: bool) -> Outcome {
    let state = State::of(config, named(&config.project, program)).await?;
    if json {
        session.terminal.json(&shown::topics(&state))?;
    } else {
        session.terminal.result(&shown::table(&state))?;
    }
    tell(session, &state)
}

async fn lag(session: &Session, config: &Config, program: &Program, json: bool) -> Outcome {
    let read = named(&config.project, program).into_iter().filter(|topic| !topic.read_by.is_empty());
    let state = State::of(config, read.collect()).await?;
    if json {
        session.terminal.json(&shown::partitions(&state))?;
    } else {
        session.terminal.result(&shown::lags(&state))?;
    }
    tell(session, &state)
}

/// Tells what could not be found out.
fn tell(session: &Session, state: &State) -> Outcome {
    if let Some(why) = &state.without_store {
        session.terminal.note(&format!("without the store, since {why}"))?;
    }
    Ok(Exit::Success)
}

async fn create(
    session: &Session,
    config: &Config,
    program: &Program,
    (partitions, replication): (Option<i32>, Option<i32>),
    is_tried: bool,
) -> Outcome {
    let Bus::Kafka(kafka) = &config.project.bus else {
        session.terminal.note("nothing to do: on the embedded bus a topic is there when it is needed")?;
        return Ok(Exit::Success);
    };
    let topics = KafkaTopics::new(kafka).map_err(|error| failed(&error))?;
    let names: Vec<String> = named(&config.project, program).into_iter().map(|topic| topic.name).collect();
    let there = topics.describe(names.clone()).await.map_err(|error| failed(&error))?;
    let missing: Vec<String> = names.into_iter().filter(|name| !there.contains_key(name)).collect();
    if missing.is_empty() {
        session.terminal.note(&format!("nothing to do: {} there", are(there.len())))?;
        return Ok(Exit::Success);
    }
    let made = topics.create(&missing, partitions, replication, is_tried);
    let mut refused = 0;
    for (topic, made) in made.await.map_err(|error| failed(&error))? {
        match made {
            Ok(()) => session.terminal.result(&topic)?,
            Err(why) => {
                refused += 1;
                session.terminal.error(&format!("topic `{topic}` was not made: {why}"), None)?;
            }
        }
    }
    let did = if is_tried { "would be made" } else { "made" };
    let count = counted(missing.len() - refused, "topic");
    session.terminal.note(&format!("{count} {did}, {} there already", are(there.len())))?;
    Ok(if refused == 0 { Exit::Success } else { Exit::Failure })
}

fn are(count: usize) -> String {
    format!("{} {}", counted(count, "topic"), if count == 1 { "is" } else { "are" })
}

fn failed(error: &BusError) -> Failure {
    let exit = match error {
        BusError::Away(_) => Exit::Temporary,
        BusError::Refused(_) | BusError::TooLarge(_) => Exit::Config,
        BusError::Store(_) => Exit::Internal,
    };
    Failure::new(exit, error.to_string())
}

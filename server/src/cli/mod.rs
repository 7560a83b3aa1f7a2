//! The command line: one file per command.

mod alignment;
mod check;
mod completions;
mod config;
mod demo;
mod dev;
mod dlq;
mod exit;
mod explain;
mod failure;
mod files;
mod fmt;
mod gateway;
mod graph;
mod init;
mod limits;
mod lsp;
mod openapi;
mod operator;
mod patch;
mod reload;
mod replay;
mod run;
mod runs;
mod schema;
mod serve;
mod session;
mod table;
mod target;
mod terminal;
mod test;
mod top;
mod topics;
mod watch;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};

pub use exit::Exit;
pub use failure::{Failure, Outcome};
pub use session::Session;
pub use terminal::{Color, Form, Terminal};

const EXIT_CODES: &str = "\
Exit codes:
   0  success
   1  a run failed, or a check found errors
   2  the command line makes no sense
  65  a pathway, schema or test is invalid
  70  a mistake of this program
  75  try again later: something else holds what is needed
  78  the project file, .env or the environment is wrong";

/// Runs pathways: declarative workflows in YAML.
#[derive(Debug, Parser)]
#[command(name = "pathway", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The project file or its folder [default: the nearest pathway.yaml upwards]
    #[arg(long, global = true, value_name = "FILE", env = "PATHWAY_PROJECT", hide_env = true)]
    pub project: Option<PathBuf>,
    /// Sets a setting of the project, such as max_runs=8; may be repeated
    #[arg(short = 'c', long = "config", global = true, value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// When output has colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Tells only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tells more; -vv still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Fmt(fmt::Fmt),
    Run(run::Run),
    Test(test::Test),
    Graph(graph::Graph),
    Openapi(openapi::Openapi),
    Dev(dev::Dev),
    Serve(serve::Serve),
    Gateway(gateway::Gateway),
    Worker(worker::Worker),
    Reload(reload::Reload),
    Runs(runs::Runs),
    Replay(replay::Replay),
    Dlq(dlq::Dlq),
    Limits(limits::Limits),
    Top(top::Top),
    Topics(topics::Topics),
    Demo(demo::Demo),
    Config(config::Config),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Lsp(lsp::Lsp),
    Completions(completions::Completions),
}

/// Runs the command that `arguments`, the program's name first, ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Cli { global, command } = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Where nobody reads there is nobody to tell.
            error.print().ok();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let terminal = Terminal::new(global.color, global.quiet);
    let session = Session::new(global, terminal);
    let outcome = match command {
        Command::Init(command) => command.run(&session),
        Command::Check(command) => command.run(&session),
        Command::Fmt(command) => command.run(&session),
        Command::Run(command) => command.run(&session),
        Command::Test(command) => command.run(&session),
        Command::Graph(command) => command.run(&session),
        Command::Openapi(command) => command.run(&session),
        Command::Dev(command) => command.run(&session),
        Command::Serve(command) => command.run(&session),
        Command::Gateway(command) => command.run(&session),
        Command::Worker(command) => command.run(&session),
        Command::Reload(command) => command.run(&session),
        Command::Runs(command) => command.run(&session),
        Command::Replay(command) => command.run(&session),
        Command::Dlq(command) => command.run(&session),
        Command::Limits(command) => command.run(&session),
        Command::Top(command) => command.run(&session),
        Command::Topics(command) => command.run(&session),
        Command::Demo(command) => command.run(&session),
        Command::Config(command) => command.run(&session),
        Command::Explain(command) => command.run(&session),
        Command::Schema(command) => command.run(&session),
        Command::Lsp(command) => command.run(&session),
        Command::Completions(command) => command.run(&session),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => tell(&failure, terminal).into(),
    }
}

fn tell(failure: &Failure, terminal: Terminal) -> Exit {
    let exit = failure.exit();
    let help = match failure {
        Failure::Told { help, .. } => help.as_deref(),
        Failure::Output(_) => None,
    };
    if exit != Exit::Success && terminal.error(&failure.to_string(), help).is_err() {
        return exit;
    }
    exit
}

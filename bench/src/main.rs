//! The benchmarks, one subcommand each. README.md tells how the figures are to be read.

mod adaptive;
mod callers;
mod check;
mod clock;
mod compile;
mod durable;
mod echo;
mod expression;
mod fan;
mod gateway;
mod idle;
mod journal;
mod kafka;
mod load;
mod order;
mod pathway;
mod process;
mod project;
mod recovery;
mod report;
mod server;
mod slowing;
mod soak;
mod start;
mod streams;
mod vm;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use check::Check;
use report::Report;

/// Measures Pathway.
#[derive(Debug, Parser)]
#[command(name = "pathway-bench", version)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    benchmark: Benchmark,
}

/// What every benchmark takes.
#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// Prints one JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
    /// Rounds that count; one more goes before them to warm up
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How much one round does; each benchmark has its own measure and default
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    count: Option<u64>,
    /// Takes right outputs for wrong ones, to see that outputs are checked
    #[arg(long, global = true, hide = true)]
    spoil: bool,
}

impl Options {
    fn count(&self, default: u64) -> u64 {
        self.count.unwrap_or(default)
    }

    fn check(&self) -> Check {
        Check { spoil: self.spoil }
    }
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    Adaptive(adaptive::AdaptiveLimit),
    Compile(compile::Compile),
    Durable(durable::Durable),
    Expression(expression::Expressions),
    Fan(fan::Fan),
    Gateway(gateway::Gateway),
    Idle(idle::Idle),
    Journal(journal::Journal),
    Kafka(kafka::Kafka),
    Recovery(recovery::Recovery),
    Soak(soak::Soak),
    Start(start::Start),
    Streams(streams::Streams),
    Vm(vm::ThreeSteps),
}

/// What came of a benchmark, or why it did not come to an end.
type Outcome = Result<Report, String>;

fn main() -> ExitCode {
    let Cli { options, benchmark } = Cli::parse();
    let outcome = match benchmark {
        Benchmark::Adaptive(it) => it.run(&options),
        Benchmark::Compile(it) => it.run(&options),
        Benchmark::Durable(it) => it.run(&options),
        Benchmark::Expression(it) => it.run(&options),
        Benchmark::Fan(it) => it.run(&options),
        Benchmark::Gateway(it) => it.run(&options),
        Benchmark::Idle(it) => it.run(&options),
        Benchmark::Journal(it) => it.run(&options),
        Benchmark::Kafka(it) => it.run(&options),
        Benchmark::Recovery(it) => it.run(&options),
        Benchmark::Soak(it) => it.run(&options),
        Benchmark::Start(it) => it.run(&options),
        Benchmark::Streams(it) => it.run(&options),
        Benchmark::Vm(it) => it.run(&options),
    };
    match outcome.and_then(|report| report.print(options.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

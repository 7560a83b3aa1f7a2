//! The benchmarks.

mod store;

use std::error::Error;

use clap::Parser;

/// Measures Pathway.
#[derive(Debug, Parser)]
enum Command {
    /// Journal rows per second that become durable.
    Store(store::Arguments),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match Command::parse() {
        Command::Store(arguments) => store::run(&arguments).await?,
    }
    Ok(())
}

//! The `pathway` binary.

fn main() -> std::process::ExitCode {
    pathway_server::cli::main(std::env::args_os())
}

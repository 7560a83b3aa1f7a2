//! The `pathway` binary.

/// Values are made in one thread and dropped in another, over which the allocator of libc takes locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pathway_server::cli::main(std::env::args_os())
}

//! The `pathway` binary.

fn main() {}

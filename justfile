# What is done often; `just` lists it.

[private]
default:
    @just --list

# Formats, and compiles everything without building it
check:
    cargo fmt --all
    cargo check --workspace --all-targets --locked

# All tests
test *arguments:
    cargo test --workspace --locked {{ arguments }}

# Formatting, clippy, documentation of the code, licences
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
    cargo deny check --hide-inclusion-graph bans licenses sources

# Writes the generated parts of the documentation, then tests all of it
docs:
    UPDATE_DOCS=1 cargo test --locked -p pathway-engine --test docs
    UPDATE_DOCS=1 cargo test --locked -p pathway-engine --lib expression::filters
    UPDATE_DOCS=1 cargo test --locked -p pathway-engine --test reference
    cargo test --locked -p pathway-engine --test docs
    cargo test --locked -p pathway-server --test docs

# A benchmark, or without arguments their list
bench *arguments:
    cargo run --release --locked -p pathway-bench -- {{ arguments }}

# The finance app with stand-ins for its upstreams
demo *arguments:
    cargo run --release --locked -- demo {{ arguments }}

# All that must hold before a change is taken in
ci:
    .ci/run

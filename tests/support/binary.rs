//! Where the binary is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `pathway` program of the profile that this test was built with. It is built once per test
/// program; outside of Cargo it must be there.
///
/// # Panics
/// If it cannot be built or is not there.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/PROFILE/deps/TEST
        let Ok(test) = std::env::current_exe() else { panic!("the test does not know where it is") };
        let Some(profile) = test.parent().and_then(Path::parent) else {
            panic!("{} is no test", test.display())
        };
        if let Some(cargo) = std::env::var_os("CARGO") {
            build(Command::new(cargo), profile);
        }
        let binary = profile.join(format!("pathway{}", std::env::consts::EXE_SUFFIX));
        assert!(binary.is_file(), "{} is not there: run `cargo build -p pathway-server`", binary.display());
        binary
    })
}

fn build(mut cargo: Command, profile: &Path) {
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    cargo.args(["build", "--quiet", "--package", "pathway-server", "--bin", "pathway"]);
    cargo.args(["--profile", if name == "debug" { "dev" } else { name }]);
    if let Some(target) = profile.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    match cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status() {
        Ok(status) => assert!(status.success(), "the program does not build"),
        Err(error) => panic!("cargo does not start: {error}"),
    }
}

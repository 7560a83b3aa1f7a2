//! The wall clock of a child, which a test sets.
//!
//! A test that needs one begins with [`WallClock::own`]. Where it cannot be had, on another system than
//! Linux, it says so and is passed over, unless `PATHWAY_REQUIRE` names `clock`. Only what the child takes
//! for the time of day is set: how long something takes stays true.
//!
//! Debian's `faketime` would not do: it sets the time by which librdkafka says how long it waits, and not
//! the waiting (`cnd_timedwait`), so that this client stands still.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// What is loaded into the child.
const SHIM: &str = include_str!("clock.c");

/// A clock, which begins as right as that of the machine.
#[derive(Debug)]
pub struct WallClock {
    folder: TempDir,
    /// By how many seconds it is ahead.
    ahead: File,
}

impl WallClock {
    /// A clock for one child; none where it cannot be had, which is said.
    ///
    /// # Panics
    /// If it cannot be had and is required.
    #[must_use]
    pub fn own() -> Option<Self> {
        let why = match Self::make() {
            Ok(clock) => return Some(clock),
            Err(why) => why,
        };
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        crate::required::pass_over("clock", &test, &format!("no clock to set: {why}"));
        None
    }

    fn make() -> io::Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(io::Error::other("this is not Linux"));
        }
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("clock.c");
        std::fs::write(&source, SHIM)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("clock.so")).arg(&source);
        let made = compiler.output()?;
        if !made.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        let ahead = File::create(folder.path().join("ahead"))?;
        ahead.write_all_at(&0_i64.to_ne_bytes(), 0)?;
        Ok(Self { folder, ahead })
    }

    /// What a child is told to go by it.
    #[must_use]
    pub fn environment(&self) -> [(String, String); 2] {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let (library, ahead) = (self.folder.path().join("clock.so"), self.folder.path().join("ahead"));
        [("LD_PRELOAD", library), ("CLOCK_AHEAD", ahead)].map(|(name, path)| (name.to_owned(), text(path)))
    }

    /// Sets it to so many seconds after the machine's, or before it.
    ///
    /// # Panics
    /// If it cannot be set.
    pub fn set_ahead(&self, seconds: i64) {
        let set = self.ahead.write_all_at(&seconds.to_ne_bytes(), 0);
        assert!(set.is_ok(), "the clock cannot be set: {set:?}");
    }
}

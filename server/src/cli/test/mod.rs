//! `pathway test`: cases in YAML, played in virtual time.
//!
//! Which files, which cases, all of them at once, and what is told of them: for people, as JSON, as
//! JUnit's XML. Nothing is called: what a case does not answer is a failure that says so.

mod coverage;
mod difference;
mod find;
mod json;
mod junit;
mod play;
mod screen;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use pathway_engine::testing::Setting;

use self::find::Found;
use self::play::{Ended, Told};
use super::{Exit, Failure, Outcome, Session};

/// Plays the cases of test files and tells what is another than expected
///
/// A test file, `*.test.yaml`, stands beside its pathway. Cases run at once and in virtual time;
/// nothing is called.
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// Test files, folders, or pathways by file or name; none: all of the project
    #[arg(value_name = "FILE|FOLDER|NAME")]
    what: Vec<String>,
    /// Only cases with this text in their names; may be repeated
    #[arg(short = 'k', long = "case", value_name = "TEXT")]
    cases: Vec<String>,
    /// Tells which steps, sides of `when` and cases of `switch` were not reached
    #[arg(long)]
    coverage: bool,
    /// Prints a line of JSON for each case, and one for all
    #[arg(long)]
    json: bool,
    /// Writes the results as JUnit's XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Goes on: plays again whenever a file of the project changes
    #[arg(long)]
    watch: bool,
}

impl Test {
    pub(super) fn run(&self, session: &Session) -> Outcome {
        if !self.watch {
            let began = Instant::now();
            return self.play(session, &find::find(session, &self.what)?, began);
        }
        watch::watch(session, || {
            let began = Instant::now();
            let found = match find::find(session, &self.what) {
                Ok(found) => found,
                Err(failure) => return (Err(failure), BTreeSet::new()),
            };
            let sources = &found.config.sources;
            let files = sources.files().map(|file| sources.path(file));
            let folders = watch::folders(found.config.root.folder(), files);
            (self.play(session, &found, began), folders)
        })
    }

    fn play(&self, session: &Session, found: &Found, began: Instant) -> Outcome {
        let Found { config, program, suites, is_whole, .. } = found;
        let setting = Setting { program, project: &config.project };
        let ended = play::play(suites, setting, &self.cases);
        if ended.cases.is_empty() && *is_whole {
            return Err(self.nothing());
        }
        let told = Told { found, ended: &ended, took: began.elapsed() };
        let coverage = self.coverage.then(|| ended.reached().coverage(setting));
        if self.json {
            json::tell(session.terminal, &told, coverage.as_deref())?;
        } else {
            screen::tell(session, &told, coverage.as_deref())?;
        }
        // Last: should it not be written, the results were told all the same.
        if let Some(path) = &self.junit {
            junit::write(path, &told)?;
        }
        Ok(match *is_whole {
            false => Exit::Invalid,
            true if ended.has_failed() => Exit::Failure,
            true => Exit::Success,
        })
    }

    fn nothing(&self) -> Failure {
        match self.cases.as_slice() {
            [] => Failure::new(Exit::Usage, "there are no tests")
                .help("write one beside its pathway, `NAME.test.yaml`: see docs/testing.md"),
            names => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                Failure::new(Exit::Usage, format!("no case has {} in its name", names.join(" or ")))
                    .help("list them all with `pathway test --verbose`")
            }
        }
    }
}

impl Ended<'_> {
    fn has_failed(&self) -> bool {
        !self.unused.is_empty() || self.cases.iter().any(|case| !case.played.problems.is_empty())
    }
}

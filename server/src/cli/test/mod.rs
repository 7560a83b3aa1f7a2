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

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use pathway_engine::testing::Setting;

use self::find::Found;
use self::play::{Ended, Told};
use super::terminal::counted;
use super::{Exit, Failure, Outcome, Session, watch};
use crate::app::folders;

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
        self.play_again_and_again(session)
    }

    /// Plays rounds until nobody wants more of them.
    fn play_again_and_again(&self, session: &Session) -> Outcome {
        let (mut watched, changed) = watch::watch()?;
        loop {
            let (outcome, folders) = self.round(session);
            if watched.len() == 0 && folders.is_empty() {
                return outcome;
            }
            watched.look_at(folders)?;
            if let Err(failure) = outcome {
                session.terminal.error(&failure.to_string(), None)?;
            }
            let folders = counted(watched.len(), "folder");
            session.terminal.note(&format!("\nwatching {folders}; Ctrl-C ends it"))?;
            let Some(changed) = changed.next() else { return Ok(Exit::Success) };
            session.terminal.note(&format!("changed: {}\n", changed.join(", ")))?;
        }
    }

    /// A round: how it ended, and the folders of the files that were read.
    fn round(&self, session: &Session) -> (Outcome, BTreeSet<PathBuf>) {
        let began = Instant::now();
        match find::find(session, &self.what) {
            Ok(found) => (self.play(session, &found, began), folders(&found.config)),
            Err(failure) => (Err(failure), BTreeSet::new()),
        }
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

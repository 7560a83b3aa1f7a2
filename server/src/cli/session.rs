//! What commands share: the flags, the terminal and the project.

use std::path::{Path, PathBuf};

use pathway_engine::compile::Program;
use pathway_engine::project::LogFormat;

use super::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::{Form, Terminal};
use crate::app::stand_ins;
use crate::config::{Config, Drafts, Request};
use crate::loading;
use crate::telemetry::{self, Filter};

const EXPLAIN: &str = "`pathway explain CODE` tells more about each problem";

/// One invocation of the program.
#[derive(Debug)]
pub struct Session {
    global: Global,
    /// Where it prints.
    pub terminal: Terminal,
    /// Whether something stands in for services without a URL.
    has_stand_ins: bool,
}

impl Session {
    pub(super) fn new(global: Global, terminal: Terminal) -> Self {
        Self { global, terminal, has_stand_ins: false }
    }

    /// Loads the project, with its problems unsaid in [`Config::diagnostics`].
    ///
    /// # Errors
    /// If the file or folder that was asked for is not there.
    pub fn load(&self) -> Result<Config, Failure> {
        self.load_near(None)
    }

    /// As [`Session::load`], looking for the project from the folder of `file` upwards.
    ///
    /// # Errors
    /// As [`Session::load`], and if `file` is not there.
    pub fn load_near(&self, file: Option<&Path>) -> Result<Config, Failure> {
        self.load_with(file, Drafts::default())
    }

    /// As [`Session::load_near`], with drafts of some files.
    ///
    /// # Errors
    /// As [`Session::load_near`].
    pub(super) fn load_with(&self, file: Option<&Path>, drafts: Drafts) -> Result<Config, Failure> {
        let near = match file.map(Path::canonicalize).transpose() {
            Ok(path) => path.map(|path| if path.is_dir() { path } else { folder_of(&path) }),
            Err(error) => {
                let path = file.unwrap_or(Path::new("")).display();
                return Err(Failure::unread(path, error));
            }
        };
        let request = Request::of_process()
            .map_err(|error| Failure::new(Exit::Config, format!("there is no working directory: {error}")))?;
        let (project, flags) = (self.global.project.clone(), self.global.settings.clone());
        let request = Request { project, near, flags, drafts, ..request };
        Config::load(&request).map_err(|error| {
            let asked = self.global.project.as_ref().map(|path| path.display().to_string());
            let what = asked.unwrap_or_else(|| request.directory.display().to_string());
            Failure::new(Exit::Config, format!("`{what}` was not read: {error}"))
                .help("name a project file or its folder with `--project`, or make one with `pathway init`")
        })
    }

    /// Loads the project and compiles its pathways, tells the problems of both at once, and begins
    /// to log.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn open(&self) -> Result<(Config, Program), Failure> {
        let (config, program) = self.compile()?;
        let more = i8::try_from(self.global.verbose).unwrap_or(i8::MAX);
        self.log(&config, config.project.log.format, if self.global.quiet { -2 } else { more })?;
        Ok((config, program))
    }

    /// Loads the project and compiles its pathways, and tells the problems of both at once.
    ///
    /// # Errors
    /// As [`Session::load`], and if there is an error among the problems.
    pub fn compile(&self) -> Result<(Config, Program), Failure> {
        let mut config = self.load()?;
        let is_sound = !config.diagnostics.has_errors();
        let files = config.pathway_files();
        let program = loading::load(&mut config, &files);
        if self.has_stand_ins {
            stand_ins::excuse(&mut config);
        }
        if is_sound && config.diagnostics.has_errors() {
            self.show(&config)?;
            return Err(Failure::new(Exit::Invalid, "the pathways are wrong").help(EXPLAIN));
        }
        self.tell(&config)?;
        Ok((config, program))
    }

    /// The same with more settings, over all that was said.
    #[must_use]
    pub(super) fn with(&self, settings: &[String]) -> Self {
        let mut global = self.global.clone();
        global.settings.extend_from_slice(settings);
        Self { global, ..*self }
    }

    /// The same where something stands in for services without a URL, of which nothing is said then.
    #[must_use]
    pub(super) fn with_stand_ins(self) -> Self {
        Self { has_stand_ins: true, ..self }
    }

    /// Whether more was asked for.
    pub(super) fn is_verbose(&self) -> bool {
        self.global.verbose > 0
    }

    /// Tells what is wrong with the configuration.
    ///
    /// # Errors
    /// If there is an error among the problems.
    pub(super) fn tell(&self, config: &Config) -> Result<(), Failure> {
        self.show(config)?;
        if config.diagnostics.has_errors() {
            return Err(Failure::new(Exit::Config, "the configuration is wrong").help(EXPLAIN));
        }
        Ok(())
    }

    fn show(&self, config: &Config) -> Result<(), Failure> {
        let found = config.diagnostics.clone().sorted();
        self.terminal.diagnostics(&found, &config.sources, Form::Human)?;
        Ok(())
    }

    /// Begins to log, for a command that tells what goes on in its own words: errors only, unless
    /// more was asked for.
    ///
    /// # Errors
    /// If what the environment says of logging cannot be read.
    pub(super) fn log_little(&self, config: &Config) -> Result<(), Failure> {
        let asked = telemetry::VARIABLES.iter().any(|name| config.variables.get(name).is_some());
        let more = i8::try_from(self.global.verbose).unwrap_or(i8::MAX).saturating_mul(2);
        // Between its own words on a pipe there shall be lines for people, too.
        let format = match config.project.log.format {
            LogFormat::Auto => LogFormat::Compact,
            format => format,
        };
        self.log(config, format, if asked { 0 } else { more.saturating_sub(2) })
    }

    fn log(&self, config: &Config, format: LogFormat, verbosity: i8) -> Result<(), Failure> {
        let variable = |name: &str| config.variables.get(name).map(|variable| variable.value.clone());
        let filter = Filter::choose(&config.project.log, verbosity, variable);
        telemetry::init(format, &filter).map_err(|error| Failure::new(Exit::Config, error.to_string()))
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| path.to_owned(), Path::to_owned)
}

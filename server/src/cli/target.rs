//! The pathway that a command is to work on, by name or by file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};

use super::files::{self, Document};
use super::{Exit, Failure, Form, Session};
use crate::config::Config;
use crate::loading;

/// A pathway and all that it can call.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Config,
    /// All pathways that are whole.
    pub(super) program: Program,
    pub(super) plan: Arc<Plan>,
}

/// Whether a command reads the configuration, or only the pathway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settings {
    /// All of it must be right.
    Matter,
    /// It is told of only where the pathway does not compile.
    Aside,
}

impl Target {
    /// The pathway that `what`, a file or a name, means. Its problems are told, and those of the
    /// pathways that it calls; others of the project may be broken.
    pub(super) fn find(session: &Session, what: &str, settings: Settings) -> Result<Self, Failure> {
        let file = is_file(what).then(|| Path::new(what));
        let mut config = session.load_near(file)?;
        if settings == Settings::Matter {
            session.tell(&config)?;
        }
        let known = config.diagnostics.len();
        let mut loaded = config.pathway_files();
        let asked = file.map(|file| files::inside(&config, file)).transpose()?;
        if let Some(asked) = asked.as_ref().filter(|asked| !loaded.contains(asked)) {
            loaded.push(asked.clone());
        }
        let program = loading::load(&mut config, &loaded);
        let found = config.diagnostics.iter().skip(known).cloned().collect();
        let search = Search { session, config: &config, loaded: &loaded, found };
        let name = match &asked {
            Some(path) => search.name_in(path)?,
            None => what.to_owned(),
        };
        let Some(plan) = program.pathways.get(name.as_str()).cloned() else {
            if settings == Settings::Aside {
                // Perhaps that is why.
                let before: Vec<Diagnostic> = config.diagnostics.iter().take(known).cloned().collect();
                session.terminal.diagnostics(&before, &config.sources, Form::Human)?;
            }
            return Err(search.absent(&name, asked.as_deref()));
        };
        search.tell_of(&callable(&program, &plan))?;
        Ok(Self { config, program, plan })
    }
}

struct Search<'a> {
    session: &'a Session,
    config: &'a Config,
    loaded: &'a [String],
    found: Vec<Diagnostic>,
}

impl Search<'_> {
    /// The name of the pathway in a file.
    fn name_in(&self, path: &str) -> Result<String, Failure> {
        match files::document(self.config, path) {
            Document::Pathway(name) => Ok(name),
            Document::Feed(_) => Err(is_feed(path)),
            Document::Unknown if path.ends_with(".test.yaml") || path.ends_with(".test.yml") => {
                Err(Failure::new(Exit::Usage, format!("`{path}` is a test, not a pathway"))
                    .help("name the pathway that it tests"))
            }
            Document::Unknown => Err(self.broken(&[path.to_owned()])),
        }
    }

    /// Tells the problems of pathways, warnings too.
    fn tell_of(self, names: &BTreeSet<&str>) -> Result<(), Failure> {
        let is_asked = |path: &&String| matches!(files::document(self.config, path), Document::Pathway(name) if names.contains(name.as_str()));
        let asked: Vec<String> = self.loaded.iter().filter(is_asked).cloned().collect();
        let mine = self.concerning(&asked);
        if mine.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(self.broken(&asked));
        }
        self.session.terminal.diagnostics(&mine, &self.config.sources, Form::Human)?;
        Ok(())
    }

    /// Tells the problems of files that do not compile.
    fn broken(&self, asked: &[String]) -> Failure {
        let told =
            self.session.terminal.diagnostics(&self.concerning(asked), &self.config.sources, Form::Human);
        match (told, asked) {
            (Err(error), _) => error.into(),
            (_, [one]) => Failure::new(Exit::Invalid, format!("`{one}` does not compile")),
            _ => Failure::new(Exit::Invalid, "the pathway, or one that it calls, does not compile"),
        }
    }

    /// Why there is no whole pathway of that name.
    fn absent(&self, name: &str, asked: Option<&str>) -> Failure {
        let mut names: Vec<String> = Vec::new();
        for path in self.loaded {
            let found = match files::document(self.config, path) {
                Document::Pathway(found) => found,
                Document::Feed(found) if asked.is_none() && found == name => return is_feed(name),
                _ => continue,
            };
            if asked.is_some_and(|asked| asked == path) || (asked.is_none() && found == name) {
                return self.broken(std::slice::from_ref(path));
            }
            names.push(found);
        }
        let failure = Failure::new(Exit::Usage, format!("there is no pathway `{name}`"));
        let known = names.iter().map(String::as_str);
        failure.help(match did_you_mean(name, known) {
            Some(close) => format!("did you mean `{close}`?"),
            None if names.is_empty() => "name a file, or go to the folder of a project".to_owned(),
            None => format!("there is {}", listed(&names)),
        })
    }

    fn concerning(&self, asked: &[String]) -> Vec<Diagnostic> {
        let mut sorted = Diagnostics::new();
        files::concerning(self.config, asked, self.loaded, self.found.clone())
            .into_iter()
            .for_each(|problem| sorted.push(problem));
        sorted.sorted()
    }
}

fn is_feed(what: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{what}` is a feed, not a pathway"))
        .help("feeds have no steps; they are served: `pathway serve`")
}

/// The names of a pathway and of all that it can call, directly or not.
fn callable<'a>(program: &'a Program, plan: &'a Plan) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::from([&*plan.name]);
    let mut left = vec![plan];
    while let Some(plan) = left.pop() {
        for name in plan.calls() {
            if names.insert(name) {
                left.extend(program.pathways.get(name).map(|plan| &**plan));
            }
        }
    }
    names
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    if names.len() > MOST {
        shown.push(format!("{} more", names.len() - MOST));
    }
    shown.join(", ")
}

fn is_file(what: &str) -> bool {
    what.contains(['/', '\\'])
        || what.ends_with(".yaml")
        || what.ends_with(".yml")
        || Path::new(what).is_file()
}

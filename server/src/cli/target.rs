//! What a command is to work on: a pathway by name or by file, or some files of a project.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pathway_engine::compile::{Plan, Program};
use pathway_engine::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use pathway_engine::source;

use super::{Exit, Failure, Form, Session};
use crate::config::Config;
use crate::loading;

/// A pathway and all that it can call.
pub(super) struct Target {
    pub(super) config: Config,
    /// All pathways that are whole.
    pub(super) program: Program,
    pub(super) plan: Arc<Plan>,
}

/// What the first key of a file says that it is.
pub(super) enum Document {
    Pathway(String),
    Feed,
    Unknown,
}

impl Target {
    /// The pathway that `what`, a file or a name, means. Its problems are told, and those of the
    /// pathways that it calls; others of the project may be broken.
    pub(super) fn find(session: &Session, what: &str) -> Result<Self, Failure> {
        let file = is_file(what).then(|| Path::new(what));
        let mut config = session.load_near(file)?;
        session.tell(&config)?;
        let known = config.diagnostics.len();
        let mut files = config.pathway_files();
        let asked = file.map(|file| inside(&config, file)).transpose()?;
        if let Some(asked) = &asked {
            add(&mut files, asked);
        }
        let program = loading::load(&mut config, &files);
        let found: Vec<Diagnostic> = config.diagnostics.iter().skip(known).cloned().collect();
        let name = match &asked {
            Some(path) => match document(&config, path) {
                Document::Pathway(name) => name,
                Document::Feed => return Err(no_pathway(path, "a feed", "only a server can send it")),
                Document::Unknown if is_test(path) => return Err(no_pathway(path, "a test", "name the pathway that it tests")),
                Document::Unknown => String::new(),
            },
            None => what.to_owned(),
        };
        match program.pathways.get(name.as_str()).cloned() {
            Some(plan) => {
                let mine = mine(&config, &program, &plan, found);
                tell(session, &config, mine)?;
                Ok(Self { config, program, plan })
            }
            None => Err(absent(session, &config, &files, what, asked.as_deref(), found)?),
        }
    }
}

/// Why there is no whole pathway of that name, after what is wrong with it was told.
fn absent(
    session: &Session,
    config: &Config,
    files: &[String],
    what: &str,
    asked: Option<&str>,
    found: Vec<Diagnostic>,
) -> Result<Failure, Failure> {
    let names: Vec<(String, &str)> = files
        .iter()
        .filter_map(|path| match document(config, path) {
            Document::Pathway(name) => Some((name, path.as_str())),
            _ => None,
        })
        .collect();
    let path = asked.or_else(|| names.iter().find(|(name, _)| name == what).map(|(_, path)| *path));
    let Some(path) = path else {
        let failure = Failure::new(Exit::Usage, format!("there is no pathway `{what}`"));
        let known = names.iter().map(|(name, _)| name.as_str());
        return Ok(failure.help(match did_you_mean(what, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None if names.is_empty() => "name a file, or go to the folder of a project".to_owned(),
            None => format!("there are {}", listed(&names)),
        }));
    };
    // Problems without a place, and those of schemas, may be why.
    let others: BTreeSet<&str> = files.iter().map(String::as_str).filter(|other| *other != path).collect();
    tell(session, config, outside_of(config, &others, found))?;
    Ok(Failure::new(Exit::Invalid, format!("`{path}` does not compile")))
}

fn listed(names: &[(String, &str)]) -> String {
    const MOST: usize = 12;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|(name, _)| format!("`{name}`")).collect();
    if names.len() > MOST {
        shown.push(format!("{} more", names.len() - MOST));
    }
    shown.join(", ")
}

/// The problems of a pathway and of those that it calls.
fn mine(config: &Config, program: &Program, plan: &Plan, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut reached = BTreeSet::from([plan.name.to_string()]);
    let mut left: Vec<String> = vec![plan.name.to_string()];
    while let Some(name) = left.pop() {
        let calls = program.pathways.get(name.as_str()).into_iter().flat_map(|plan| plan.calls());
        for call in calls {
            if reached.insert(call.to_owned()) {
                left.push(call.to_owned());
            }
        }
    }
    let others: BTreeSet<String> = config
        .sources
        .files()
        .map(|file| config.sources.path(file).to_owned())
        .filter(|path| matches!(document(config, path), Document::Pathway(name) if !reached.contains(&name)))
        .collect();
    outside_of(config, &others.iter().map(String::as_str).collect(), found)
}

/// Problems whose place is not in one of `files`.
pub(super) fn outside_of(config: &Config, files: &BTreeSet<&str>, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let elsewhere = |diagnostic: &Diagnostic| {
        diagnostic.labels.first().is_none_or(|label| !files.contains(config.sources.path(label.span.file)))
    };
    found.into_iter().filter(elsewhere).collect()
}

fn tell(session: &Session, config: &Config, found: Vec<Diagnostic>) -> Result<(), Failure> {
    let mut sorted = Diagnostics::new();
    let is_error = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    found.into_iter().for_each(|diagnostic| sorted.push(diagnostic));
    session.terminal.diagnostics(&sorted.sorted(), &config.sources, Form::Human)?;
    if is_error {
        return Err(Failure::new(Exit::Invalid, "the pathway does not compile"));
    }
    Ok(())
}

/// What the file at `path`, which was read before, is.
pub(super) fn document(config: &Config, path: &str) -> Document {
    let file = config.sources.files().filter(|file| config.sources.path(*file) == path).last();
    let node = file.and_then(|file| {
        source::parse(&config.sources, file, source::Limits::default(), &mut Diagnostics::new())
    });
    let Some(node) = node else { return Document::Unknown };
    match node.get("pathway").and_then(|name| name.as_text()) {
        Some(name) => Document::Pathway(name.value.clone()),
        None if node.get("feed").is_some() => Document::Feed,
        None => Document::Unknown,
    }
}

/// The files that `paths`, files and folders, mean: relative to the project's folder.
pub(super) fn named(config: &mut Config, paths: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let inside = inside(config, path)?;
        if path.is_dir() {
            let found = config.pathway_files_in(&inside);
            found.iter().for_each(|file| add(&mut files, file));
        } else {
            add(&mut files, &inside);
        }
    }
    Ok(files)
}

fn add(files: &mut Vec<String>, file: &str) {
    if !files.iter().any(|known| known == file) {
        files.push(file.to_owned());
    }
}

fn is_file(what: &str) -> bool {
    what.contains(['/', '\\']) || what.ends_with(".yaml") || what.ends_with(".yml") || Path::new(what).is_file()
}

fn is_test(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

/// `path` relative to the project's folder.
fn inside(config: &Config, path: &Path) -> Result<String, Failure> {
    config.relative(path).ok_or_else(|| {
        let (path, folder) = (path.display(), config.root.folder().display());
        Failure::new(Exit::Usage, format!("`{path}` is not in the project's folder, `{folder}`"))
            .help("name its project with `--project`")
    })
}

fn no_pathway(path: &str, what: &str, help: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{path}` is {what}, not a pathway")).help(help)
}

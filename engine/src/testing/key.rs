//! What a mock stands for: a step, one execution of it, or calls of a service.

use serde_json::json;

use super::names::Names;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::document::list;
use crate::project::Project;
use crate::source::Spanned;
use crate::vm::{HttpRequest, Method};

const BAD_CALL: Code = Code("PW0823");

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What a mock stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A step by its path, or by an execution of it, such as `fetch[1]`.
    Step(String),
    /// Calls of a service: `SERVICE METHOD PATH`, where the end of the path may be left open with `*`;
    /// `SERVICE *`: all of them.
    Calls {
        service: String,
        /// None: any, of any path.
        method: Option<Method>,
        path: String,
    },
}

/// How well a key fits, better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    Execution,
    Step,
    Path,
    Prefix,
    Service,
}

impl Key {
    /// Reads one.
    pub(super) fn parse(
        written: &Spanned<String>,
        names: Names<'_>,
        project: &Project,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut words = written.value.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let Some(second) = second else {
            // A service's name alone is a frequent slip.
            if project.services.contains_key(first) && names.find(first, written.span).is_err() {
                diagnostics.push(
                    Diagnostic::error(
                        BAD_CALL,
                        format!("`{first}` is a service: which of its calls is meant?"),
                    )
                    .at(written.span, "a service without a call")
                    .help(format!("write `{first} GET /path`, or `{first} *` for all of its calls")),
                );
                return None;
            }
            return match names.find(first, written.span) {
                Ok(_) => Some(Self::Step(first.to_owned())),
                Err(diagnostic) => {
                    diagnostics.push(diagnostic);
                    None
                }
            };
        };
        let path = words.next().unwrap_or_default();
        let method = match second {
            "*" => None,
            _ => serde_json::from_value::<Method>(json!(second)).ok(),
        };
        let known: Vec<&str> = project.services.keys().map(String::as_str).collect();
        let wrong = if !known.contains(&first) {
            let diagnostic = Diagnostic::error(BAD_CALL, format!("there is no service `{first}`"));
            let diagnostic = diagnostic.at(written.span, "unknown service");
            Some(match did_you_mean(first, known.iter().copied()) {
                Some(close) => diagnostic.help(format!("did you mean `{close}`?")),
                None => diagnostic.help(format!("the project has {}", list(&known))),
            })
        } else if second != "*" && method.is_none() {
            let message = format!("`{second}` is no method of HTTP");
            let diagnostic = Diagnostic::error(BAD_CALL, message).at(written.span, "unknown method");
            Some(
                match did_you_mean(&second.to_uppercase(), METHODS)
                    .or(METHODS.into_iter().find(|it| *it == second.to_uppercase()))
                {
                    Some(close) => diagnostic.help(format!("did you mean `{close}`?")),
                    None => diagnostic.help(format!("use {}, or `*` for all calls", list(&METHODS))),
                },
            )
        } else if words.next().is_some() || (second == "*" && !path.is_empty()) {
            Some(
                Diagnostic::error(BAD_CALL, format!("`{}` names no calls", written.value))
                    .at(written.span, "too many words")
                    .help(format!("write `{first} GET /path`, `{first} GET /path/*` or `{first} *`")),
            )
        } else {
            None
        };
        if let Some(wrong) = wrong {
            diagnostics.push(wrong);
            return None;
        }
        Some(Self::Calls { service: first.to_owned(), method, path: path.to_owned() })
    }

    /// Whether it stands for the execution of the step of that path, and how well it fits; `request` is
    /// what a call of a service asks.
    pub(super) fn fit(&self, execution: &str, path: &str, request: Option<&HttpRequest>) -> Option<Fit> {
        match self {
            Self::Step(name) if name == execution => Some(Fit::Execution),
            Self::Step(name) if name == path => Some(Fit::Step),
            Self::Step(_) => None,
            Self::Calls { service, method, path } => {
                let request = request.filter(|request| *service == *request.service)?;
                let Some(method) = method else { return Some(Fit::Service) };
                if *method != request.method {
                    return None;
                }
                match path.strip_suffix('*') {
                    Some(start) => request.path.starts_with(start).then_some(Fit::Prefix),
                    None => (*path == request.path).then_some(Fit::Path),
                }
            }
        }
    }
}

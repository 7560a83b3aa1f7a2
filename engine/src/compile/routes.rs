//! No two doors and feeds may have the same route.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::{Feed, Pathway};
use crate::source::Spanned;

const SAME_ROUTE: Code = Code("PW0518");
const RESERVED: Code = Code("PW0519");

/// Paths that the gateway answers itself.
const OWN: [&str; 6] = ["/health", "/livez", "/readyz", "/openapi.json", "/api/runs", "/api/stream-tickets"];

/// What a caller asks for.
#[derive(Debug)]
pub(super) struct Route<'a> {
    method: String,
    path: &'a Spanned<String>,
}

impl<'a> Route<'a> {
    /// Those of a pathway's HTTP door.
    pub(super) fn of_pathway(pathway: &'a Pathway) -> impl Iterator<Item = Self> {
        pathway.door.http.iter().flat_map(|http| {
            let door = Self { method: format!("{:?}", http.method).to_uppercase(), path: &http.path };
            [door].into_iter().chain(http.attach.as_ref().map(Self::get))
        })
    }

    /// That of a feed.
    pub(super) fn of_feed(feed: &'a Feed) -> Self {
        Self::get(&feed.path)
    }

    fn get(path: &'a Spanned<String>) -> Self {
        Self { method: "GET".to_owned(), path }
    }
}

/// Reports routes that are given twice, and those that hide one of the gateway's.
pub(super) fn check<'a>(routes: impl Iterator<Item = Route<'a>>, diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for Route { method, path } in routes {
        let own = OWN.iter().any(|own| {
            path.value.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if own {
            diagnostics.push(
                Diagnostic::error(RESERVED, format!("`{}` is answered by the gateway itself", path.value))
                    .at(path.span, "taken")
                    .help("choose another path"),
            );
        }
        if let Some(first) = seen.insert((method.clone(), path.value.as_str()), path.span) {
            diagnostics.push(
                Diagnostic::error(SAME_ROUTE, format!("`{method} {}` is given twice", path.value))
                    .at(path.span, "second")
                    .at(first, "first")
                    .help("give one of them another path or method"),
            );
        }
    }
}

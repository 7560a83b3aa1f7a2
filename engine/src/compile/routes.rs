//! Doors of different pathways must not be the same.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::Pathway;

const SAME_ROUTE: Code = Code("PW0518");
const RESERVED: Code = Code("PW0519");

/// Paths that the gateway answers itself.
const OWN: [&str; 6] = ["/health", "/livez", "/readyz", "/openapi.json", "/api/runs", "/api/stream-tickets"];

/// Reports doors with the same method and path, and those that hide one of the gateway's.
pub(super) fn check<'a>(pathways: impl Iterator<Item = &'a Pathway>, diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for http in pathways.filter_map(|pathway| pathway.door.http.as_ref()) {
        let path = &http.path;
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
        let method = format!("{:?}", http.method).to_uppercase();
        if let Some(first) = seen.insert((method.clone(), path.value.as_str()), path.span) {
            diagnostics.push(
                Diagnostic::error(SAME_ROUTE, format!("two doors are `{method} {}`", path.value))
                    .at(path.span, "second")
                    .at(first, "first")
                    .help("give one of them another path or method"),
            );
        }
    }
}

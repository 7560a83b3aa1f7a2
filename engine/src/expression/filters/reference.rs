//! The reference of filters, tests and functions, for `docs/filters.md`.

use std::fmt::Write;

use super::super::environment::{FUNCTIONS, NATIVE_FILTERS, TESTS};
use super::{Definition, all};

/// The section of the filter called `name`; of one of Jinja's, where it is from.
#[must_use]
pub fn page(name: &str) -> Option<String> {
    if let Some(definition) = all().find(|definition| definition.name == name) {
        return Some(section(definition));
    }
    let is_jinjas = NATIVE_FILTERS.contains(&name) || ["default", "d"].contains(&name);
    is_jinjas.then(|| format!("`{name}`\n\nThis filter is as Jinja and minijinja have it.\n"))
}

/// How it is called, what it yields, and examples.
fn section(definition: &Definition) -> String {
    let mut examples = String::new();
    for (source, value) in definition.examples {
        let _written = writeln!(examples, "{source}\n  → {value}");
    }
    format!("`{}`\n\n{}\n\n```text\n{examples}```\n", definition.signature(), definition.about)
}

/// The reference as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Filters\n\nThe language's own filters. Arguments may be given by name; those with a default may be left \
         out. Undefined input is refused where nothing else is said.\n",
    );
    let mut own: Vec<_> = all().collect();
    own.sort_unstable_by_key(|definition| definition.name);
    for definition in own {
        let _written = write!(page, "\n## {}", section(definition));
    }
    let names = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let _written = write!(
        page,
        "\n# Filters of Jinja\n\nThese are as Jinja and minijinja have them: `default` (also `d`), {}.\n\n\
         # Tests\n\n`x is NAME`, `x is not NAME`: {}. Undefined counts as none for all but `defined` and `undefined`.\n\n\
         # Functions\n\n{}.\n",
        names(NATIVE_FILTERS),
        names(TESTS),
        names(FUNCTIONS)
    );
    page
}

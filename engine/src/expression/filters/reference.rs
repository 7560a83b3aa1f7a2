//! The reference of filters, tests and functions, for `docs/filters.md`.

use std::fmt::Write;

use super::super::environment::{FUNCTIONS, NATIVE_FILTERS, TESTS};
use super::all;

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
        let mut examples = String::new();
        for (source, value) in definition.examples {
            let _written = writeln!(examples, "{source}\n  → {value}");
        }
        let _written = write!(
            page,
            "\n## `{}`\n\n{}\n\n```text\n{examples}```\n",
            definition.signature(),
            definition.about
        );
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

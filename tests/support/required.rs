//! What tests need beside this program, and may be missing.

use std::io::Write as _;

/// Says that a test is passed over for lack of `what`.
///
/// # Panics
/// If `PATHWAY_REQUIRE` names it.
pub(crate) fn pass_over(what: &str, test: &str, why: &str) {
    let required = std::env::var("PATHWAY_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == what), "{why}");
    // Written past the capture of the harness: nobody shall believe that it ran.
    writeln!(std::io::stderr(), "test {test} is passed over: {why}").ok();
}

//! The pages of `docs/errors`, one per code, built in.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of `code`, as Markdown.
#[must_use]
pub fn page(code: &str) -> Option<&'static str> {
    pages().iter().find(|(name, _)| name.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}

/// All pages: code and Markdown, ordered by code.
#[must_use]
pub fn pages() -> &'static [(&'static str, &'static str)] {
    PAGES
}

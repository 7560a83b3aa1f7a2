//! The filters of the language.

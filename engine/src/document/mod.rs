//! The spanned tree → a typed pathway: one file per construct, all errors at once.

pub mod fields;
mod retry;
pub mod scalar;

pub use fields::Fields;
pub use retry::{On, Retry};

//! How this process asks others over HTTP, whoever of it asks, but for the services that pathways call: where
//! it is told to and nowhere else, once, and saying who it is.

use reqwest::{Client, ClientBuilder, redirect};

/// How this process names itself.
pub(crate) const NAME: &str = concat!("pathway/", env!("CARGO_PKG_VERSION"));

/// A client that follows no redirect, goes through no proxy, tells nobody where it has been, and asks nothing
/// twice.
pub(crate) fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(NAME)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
}

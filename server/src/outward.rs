//! How this process asks others over HTTP, whoever of it asks: where it is told to and nowhere else, once,
//! and saying who it is.

use reqwest::{Client, ClientBuilder, redirect};

/// A client that follows no redirect, goes through no proxy, tells nobody where it has been, and asks nothing
/// twice.
pub(crate) fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("pathway/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
}
